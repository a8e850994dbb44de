"""Photos into the gallery: read, embed and keep, in steps of which each is kept whole or not at all."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from vicp.adapt.embedder import Embedder
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError, GalleryError
from vicp.gallery.contents import GalleryCategory, gallery_categories, photos, signed, write_names
from vicp.gallery.embedding_space import check_model
from vicp.gallery.photo_chunks import Chunk, EmbedChunks, embed_here, read_chunks
from vicp.gallery.store.change import Change
from vicp.gallery.store.database import change
from vicp.gallery.store.names import check_name
from vicp.gallery.store.tables import ORIGINALS, PHOTOS, SCHEMAS, embeddings_schema

STEP_PHOTOS, STEP_SECONDS = 512, 20.0  # what a kill can cost at most


@dataclass
class EnrollResult:
    """What an enrolment did.

    Attributes:
        added: photos that are new.
        known: photos that were there, by content.
        named: of those, photos that had no identity and have one now.
        identities: names that are new.
        other: photos that are there under another name or category, and what they are called there.
        bad: photos that cannot be used.
        index: what became of the search index of a large category.
    """

    added: int = 0
    known: int = 0
    named: int = 0
    identities: int = 0
    other: list[str] = field(default_factory=list)
    bad: list[BadPhoto] = field(default_factory=list)
    index: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {**self.__dict__, "bad": [photo.__dict__ for photo in self.bad]}

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = list(self.index)
        lines += [f"Enrolled {self.added} photos, {self.identities} new identities."]
        if self.known:
            named = f"; {self.named} of them had no name and have one now" if self.named else ""
            lines.append(f"{self.known} photos were there already{named}.")
        if self.other:
            lines.append(f"{len(self.other)} of them under another name, which they keep: {'; '.join(self.other[:5])}.")
        if self.bad:
            lines.append(f"Left out {len(self.bad)} photos that cannot be used.")
        return lines


def enroll_photos(
    embedder: Embedder,
    uri: str,
    table: PhotoTable,
    *,
    by: str,
    why: str = "",
    wait: bool = False,
    step: int = STEP_PHOTOS,
    embed: EmbedChunks = embed_here,
) -> EnrollResult:
    """Adds the photos that the gallery does not have yet; stopped at any moment, the same call goes on.

    Args:
        embedder: of the gallery's model.
        uri: the gallery.
        table: photos of categories that the gallery has; an identity may be missing.
        by: who adds them.
        why: a note for the log.
        wait: for another writer, instead of raising.
        step: photos that become visible at a time.
        embed: where the embeddings are computed.

    Raises:
        GalleryError: a name or category that cannot be used, another model, or as `change`.
        DataError: photos cannot be used and the embedder does not skip them; the others are in the gallery.
    """
    for name in sorted(set(table.frame["identity"].dropna())):
        check_name(str(name))
    done = EnrollResult()
    with change(uri, "enroll", by=by, why=why, wait=wait) as writer:
        categories = gallery_categories(writer.snapshot)
        for name in table.categories:
            if name not in categories:
                raise GalleryError(f"{uri}: no category {name!r}: add it with `vicp gallery enroll --category`")
            check_model(embedder, categories[name].model, uri=uri)
        kept = _EnrollmentWriter(
            writer, done, keep_photos=bool(writer.snapshot.settings.get("keep_photos", True)), step=step
        )
        todo = ((categories[name], table.of_category(name)) for name in table.categories)
        for chunk in embed(embedder, _new_chunks(kept, todo, embedder.batch_size), total=len(table)):
            kept.add(chunk)
        kept.flush()
    if done.bad and not embedder.skip_bad:
        raise _bad_error(uri, done)
    return done


def _new_chunks(kept: "_EnrollmentWriter", todo: Any, size: int) -> Iterator[Chunk]:
    """Chunks of readable photos that the gallery does not have, a thumbnail each."""
    for category, table in todo:
        yield from read_chunks(table, category, size=size, bad=kept.done.bad, skip=kept.take_known)


class _EnrollmentWriter:
    """Gathers embedded photos and writes them in steps."""

    def __init__(self, writer: Change, done: EnrollResult, *, keep_photos: bool, step: int) -> None:
        frame = photos(writer.snapshot, ("number", "key", "category", "identity"))
        self.done = done
        self._writer, self._step, self._keep_photos = writer, step, keep_photos
        self._known = pa.array(frame["key"], pa.string())
        self._frame = frame
        self._identities = set(frame[["category", "identity"]].itertuples(index=False, name=None))
        self._next = int(frame["number"].max()) + 1 if len(frame) else 1
        self._seen: set[str] = set()
        self._waiting: list[Chunk] = []
        self._names: dict[int, tuple[str, str]] = {}
        self._since = time.monotonic()

    def take_known(self, keys: list[str], rows: pd.DataFrame) -> list[bool]:
        """Which photos (by content) need no embedding: those of the gallery and those met before in this run."""
        at = pc.index_in(pa.array(keys, pa.string()), value_set=self._known).to_pylist()
        taken = []
        for key, position, row in zip(keys, at, rows.itertuples(), strict=True):
            again = key in self._seen or position is not None
            self._seen.add(key)
            self.done.known += again
            if position is not None:
                self._compare(int(position), row)
            taken.append(again)
        return taken

    def add(self, chunk: Chunk) -> None:
        """Takes embedded photos; writes when there are enough of them or enough time has passed."""
        self._waiting.append(chunk)
        late = time.monotonic() - self._since > STEP_SECONDS
        if late or sum(len(waiting.keys) for waiting in self._waiting) >= self._step:
            self.flush()

    def flush(self) -> None:
        """Writes what has been gathered, as one step."""
        chunks, self._waiting = self._waiting, []
        self._since = time.monotonic()
        if not chunks and not self._names:
            return
        added = sum(len(chunk.keys) for chunk in chunks)
        fresh = self._write_identities(chunks)
        for chunk in chunks:
            self._write(chunk)
        self._write_names()
        self.done.added += added
        self.done.identities += fresh
        self._names = {}
        named = f", {self.done.named} photos named" if self.done.named else ""
        self._writer.commit(f"{self.done.added} photos, {self.done.identities} new identities{named}")

    def _compare(self, position: int, row: Any) -> None:
        """A photo that is there: gives it a name if it has none, and remembers it where the names differ."""
        there = self._frame.iloc[position]
        named = isinstance(row.identity, str)
        unnamed = not isinstance(there["identity"], str)
        if named and unnamed and there["category"] == row.category:
            self._names[int(there["number"])] = (row.category, row.identity)
            self.done.named += 1
        elif (named and there["identity"] != row.identity) or there["category"] != row.category:
            self.done.other.append(f"{row.path} is {there['category']}/{'unnamed' if unnamed else there['identity']}")

    def _write(self, chunk: Chunk) -> None:
        numbers = list(range(self._next, self._next + len(chunk.keys)))
        self._next += len(chunk.keys)
        who = signed(self._writer)
        rows = [
            {"number": n, "key": key, "category": chunk.category.category, **facts, "thumbnail": thumbnail, **who}
            for n, key, facts, thumbnail in zip(numbers, chunk.keys, chunk.facts, chunk.thumbnails, strict=True)
        ]
        if self._keep_photos:
            originals = pa.table({"number": numbers, "image": chunk.images}, schema=SCHEMAS[ORIGINALS])
            self._writer.add(ORIGINALS, originals)
        write_embeddings(self._writer, chunk.category, numbers, chunk.embeddings)
        self._writer.add(PHOTOS, pa.Table.from_pylist(rows, schema=SCHEMAS[PHOTOS]))

    def _write_identities(self, chunks: list[Chunk]) -> int:
        """Writes the names that are new; returns how many."""
        wanted = {(chunk.category.category, facts["identity"]) for chunk in chunks for facts in chunk.facts}
        fresh = sorted({(c, i) for c, i in wanted | set(self._names.values()) if i is not None} - self._identities)
        for category in dict.fromkeys(c for c, _ in fresh):
            write_names(self._writer, category, [i for c, i in fresh if c == category])
        self._identities |= set(fresh)
        return len(fresh)

    def _write_names(self) -> None:
        if self._names:
            rows = self._writer.snapshot.of_numbers(PHOTOS, list(self._names), SCHEMAS[PHOTOS].names).to_pylist()
            rows = [row | {"identity": self._names[row["number"]][1]} | signed(self._writer) for row in rows]
            self._writer.update(PHOTOS, pa.Table.from_pylist(rows, schema=SCHEMAS[PHOTOS]))


def write_embeddings(writer: Change, category: GalleryCategory, numbers: list[int], embeddings: np.ndarray) -> None:
    """Adds embeddings (n, D) of photos to the table of the category's space."""
    schema = embeddings_schema(embeddings.shape[1])
    flat = pa.array(np.ascontiguousarray(embeddings, dtype=np.float32).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1])
    writer.add(category.table, pa.table([pa.array(numbers), column], schema=schema), schema=schema)


def _bad_error(uri: str, done: EnrollResult) -> DataError:
    return DataError(f"{uri}: {bad_photos_message(done.bad)}; the other {done.added + done.known} are in the gallery")
