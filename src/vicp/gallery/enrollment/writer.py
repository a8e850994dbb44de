"""Write embedded photos into the tables, in steps each of which becomes visible as a whole."""

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from vicp.data.loading import LoadedPhoto
from vicp.data.photos.crops import picture_of
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.contents import photos, write_identity_of, write_names
from vicp.gallery.enrollment.chunks import Chunk
from vicp.gallery.enrollment.same_photo import KnownPhoto, PhotosByPixels
from vicp.gallery.store.change import Change
from vicp.gallery.store.compaction import compact_if_due
from vicp.gallery.store.tables import (
    FINGERPRINTS,
    OPTIONAL_FACTS,
    ORIGINALS,
    PHOTOS,
    SCHEMAS,
    embeddings_schema,
    fact_schema,
)
from vicp.phrases import counted

STEP_PHOTOS, STEP_SECONDS = 512, 20.0  # what a kill can cost at most


class EnrollmentWriter:
    """Gathers embedded photos, writes them in steps, and counts.

    Args:
        writer: The change to write with.
        step: Photos that become visible at a time.

    Attributes:
        num_added: Photos that are new.
        num_known: Photos that were there, by their bytes or their pixels.
        num_named: Of those, photos that had no identity and have one now.
        num_identities: Names that are new.
        other_names: Photos that are there under another name or category, and what they are called there.
        near_names: Photos that are new and nearly one of another name, and which.
        num_near: Photos that are new and nearly one of the same name.
    """

    def __init__(self, writer: Change, *, step: int = STEP_PHOTOS) -> None:
        self.num_added = self.num_known = self.num_named = self.num_identities = 0
        self.other_names: list[str] = []
        self.near_names: list[str] = []
        self.num_near = 0
        self._by_pixels = PhotosByPixels(writer.snapshot)
        self._writer, self._step = writer, step
        self._keeps_photos = bool(writer.snapshot.settings.get("keep_photos", True))
        self._frame = photos(writer.snapshot, ("number", "key", "category", "identity"))
        self._gallery_keys = pa.array(self._frame["key"], pa.string())
        self._identities = set(self._frame[["category", "identity"]].itertuples(index=False, name=None))
        self._next_number = int(self._frame["number"].max()) + 1 if len(self._frame) else 1
        self._keys_met: set[bytes] = set()
        self._waiting: list[Chunk] = []
        self._new_names: dict[int, tuple[str, str]] = {}  # number -> category, identity
        self._last_write = time.monotonic()

    def select_known(self, keys: Sequence[bytes], rows: pd.DataFrame) -> list[bool]:
        """Return which photos need no embedding, by content: those of the gallery and those met before in this run.

        A photo that is in the gallery without a name gets the one that its row has.
        """
        texts = pa.array([key.hex() for key in keys], pa.string())
        positions = pc.index_in(texts, value_set=self._gallery_keys).to_pylist()
        is_known = []
        for key, position, row in zip(keys, positions, rows.itertuples(), strict=True):
            met = key in self._keys_met or position is not None
            self._keys_met.add(key)
            self.num_known += met
            if position is not None:
                self._compare_names(int(position), row)
            is_known.append(met)
        return is_known

    def add(self, chunk: Chunk) -> None:
        """Take embedded photos, and writes when there are enough of them or enough time has passed.

        Photos of the same pixels as one that is there are left out.
        """
        new = [n for n, photo in enumerate(chunk.photos) if not self._is_there(chunk, photo, chunk.facts[n])]
        if new:
            self._waiting.append(chunk.select(new))
        late = time.monotonic() - self._last_write > STEP_SECONDS
        if late or sum(len(waiting.photos) for waiting in self._waiting) >= self._step:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered, as one step."""
        chunks, self._waiting = self._waiting, []
        self._last_write = time.monotonic()
        if not chunks and not self._new_names:
            return
        self.num_identities += self._write_identities(chunks)
        for chunk in _joined(chunks):
            self._write_chunk(chunk)
            self.num_added += len(chunk.photos)
        write_identity_of(self._writer, {number: identity for number, (_, identity) in self._new_names.items()})
        self._new_names = {}
        named = f", {counted(self.num_named, 'photo')} named" if self.num_named else ""
        new = counted(self.num_identities, "new identity", "new identities")
        self._writer.commit(f"{counted(self.num_added, 'photo')}, {new}{named}")
        compact_if_due(self._writer)

    def _is_there(self, chunk: Chunk, photo: LoadedPhoto, facts: dict[str, Any]) -> bool:
        """Return whether a photo is there by its pixels, after comparing names; others are there from now on."""
        new = KnownPhoto(chunk.category.category, facts["identity"], facts["source"], None)
        same = self._by_pixels.equal(photo)
        if same is not None:
            self.num_known += 1
            if same.identity is None and same.number is not None and new.identity and same.category == new.category:
                self._new_names[same.number] = (new.category, new.identity)
                self.num_named += 1
            elif same.name != new.name and (new.identity or same.category != new.category):
                self.other_names.append(f"{new.source} is {same.name}")
            return True
        near = self._by_pixels.near(photo)
        picture = picture_of(new.source)
        if near is not None and picture and picture == picture_of(near.source):
            pass  # two animals of one picture are two, however alike
        elif near is not None and near.name == new.name:
            self.num_near += 1
        elif near is not None:
            self.near_names.append(f"{new.source} ({new.name}) is nearly {near.source} ({near.name})")
        if photo.fingerprint is not None:
            self._by_pixels.add(photo.fingerprint, new)
        return False

    def _compare_names(self, position: int, row: Any) -> None:
        """Compare the name of a photo with the one it has in the gallery, if any."""
        photo = self._frame.iloc[position]
        is_named, is_unnamed_there = isinstance(row.identity, str), not isinstance(photo["identity"], str)
        if is_named and is_unnamed_there and photo["category"] == row.category:
            self._new_names[int(photo["number"])] = (row.category, row.identity)
            self.num_named += 1
        elif (is_named and photo["identity"] != row.identity) or photo["category"] != row.category:
            name = "unnamed" if is_unnamed_there else photo["identity"]
            self.other_names.append(f"{row.path} is {photo['category']}/{name}")

    def _write_chunk(self, chunk: Chunk) -> None:
        numbers = list(range(self._next_number, self._next_number + len(chunk.photos)))
        self._next_number += len(chunk.photos)
        signature = self._writer.signature()
        category = chunk.category.category
        rows = [
            {"number": number, "key": photo.key.hex(), "category": category, "thumbnail": photo.thumbnail}
            | facts
            | signature
            for number, photo, facts in zip(numbers, chunk.photos, chunk.facts, strict=True)
        ]
        if self._keeps_photos:
            images = [photo.encoded for photo in chunk.photos]
            self._writer.add(ORIGINALS, pa.table({"number": numbers, "image": images}, schema=SCHEMAS[ORIGINALS]))
        prints = [(n, p.fingerprint) for n, p in zip(numbers, chunk.photos, strict=True) if p.fingerprint is not None]
        columns = {"number": [n for n, _ in prints], "fingerprint": [each.to_bytes() for _, each in prints]}
        self._writer.add(FINGERPRINTS, pa.table(columns, schema=SCHEMAS[FINGERPRINTS]))
        self._write_facts(numbers, chunk)
        write_embeddings(self._writer, chunk.category, numbers, chunk.embeddings)
        self._writer.add(PHOTOS, pa.Table.from_pylist(rows, schema=SCHEMAS[PHOTOS]))

    def _write_facts(self, numbers: Sequence[int], chunk: Chunk) -> None:
        """Write what few photos say of themselves."""
        for column, name in OPTIONAL_FACTS.items():
            said = [(n, facts[column]) for n, facts in zip(numbers, chunk.facts, strict=True) if facts.get(column)]
            if said:
                columns = {"number": [n for n, _ in said], column: [fact for _, fact in said]}
                schema = fact_schema(column)
                self._writer.add(name, pa.table(columns, schema=schema), schema=schema)

    def _write_identities(self, chunks: list[Chunk]) -> int:
        """Write the names that are new, and returns how many."""
        names = {(chunk.category.category, facts["identity"]) for chunk in chunks for facts in chunk.facts}
        names |= set(self._new_names.values())
        new_names = sorted({(c, i) for c, i in names if i is not None} - self._identities)
        for category in dict.fromkeys(c for c, _ in new_names):
            write_names(self._writer, category, [i for c, i in new_names if c == category])
        self._identities |= set(new_names)
        return len(new_names)


def _joined(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """Yield consecutive chunks of one category as one: every write makes a file, and a list of all files, per table."""
    for _, group in groupby(chunks, key=lambda chunk: chunk.category.category):
        same = list(group)
        photos = [photo for chunk in same for photo in chunk.photos]
        facts = [fact for chunk in same for fact in chunk.facts]
        yield Chunk(same[0].category, photos, facts, np.concatenate([chunk.embeddings for chunk in same]))


def write_embeddings(writer: Change, category: GalleryCategory, numbers: list[int], embeddings: np.ndarray) -> None:
    """Add embeddings (n, D) of photos to the table of the category's space."""
    schema = embeddings_schema(embeddings.shape[1])
    values = pa.array(np.ascontiguousarray(embeddings, dtype=np.float32).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(values, embeddings.shape[1])
    writer.add(category.table, pa.table([pa.array(numbers), column], schema=schema), schema=schema)
