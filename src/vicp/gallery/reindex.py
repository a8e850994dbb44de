"""Stale embeddings anew: another prompt, another model. The old ones stay in use until the last new one is there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.images import photo_key
from vicp.errors import GalleryError
from vicp.gallery.categories import write_prompt
from vicp.gallery.contents import GalleryCategory, gallery_categories, photos, quoted
from vicp.gallery.embedding_space import embedding_space_key
from vicp.gallery.enroll import STEP_PHOTOS, write_embeddings
from vicp.gallery.photo_chunks import Chunk, EmbedChunks, embed_here
from vicp.gallery.store.change import Change
from vicp.gallery.store.database import change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import ORIGINALS, embeddings_table


@dataclass
class ReindexResult:
    """What became of each category: photos embedded now, and those that an earlier, interrupted run had embedded."""

    embedded: dict[str, int]
    before: dict[str, int]

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {"embedded": self.embedded, "embedded_before": self.before}

    def lines(self) -> list[str]:
        """The facts, for people."""
        if not self.embedded:
            return ["Nothing is stale: every photo is embedded with the model and prompt of its category."]
        earlier = {name: f" ({count} more by an earlier run)" for name, count in self.before.items() if count}
        return [
            f"{name}: {count} photos embedded anew{earlier.get(name, '')}." for name, count in self.embedded.items()
        ]


def reindex(
    embedder: Embedder,
    uri: str,
    wanted: Mapping[str, Prompt | None],
    *,
    model: Mapping[str, str | None],
    by: str,
    why: str = "",
    wait: bool = False,
    step: int = STEP_PHOTOS,
    embed: EmbedChunks = embed_here,
) -> ReindexResult:
    """Embeds the photos of categories anew where their prompt or model has changed; stopped, the same call goes on.

    Args:
        embedder: the model to use from now on.
        uri: the gallery.
        wanted: the new prompt of a category, None for the plain backbone; others keep theirs.
        model: how the model is opened, for the gallery's settings.
        by: who asks.
        why: a note for the log.
        wait: for another writer, instead of raising.
        step: photos embedded between two saves.
        embed: where the embeddings are computed.

    Raises:
        GalleryError: no such category, a photo that is neither kept nor where it was, or as `change`.
        PromptError: a prompt belongs to another model.
    """
    with change(uri, "reindex", by=by, why=why, wait=wait) as writer:
        known = gallery_categories(writer.snapshot)
        for name in wanted:
            if name not in known:
                raise GalleryError(f"{uri}: no category {name!r} to reindex (there are: {', '.join(known)})")
        done = ReindexResult({}, {})
        stale: dict[str, Prompt | None] = {}
        for name, category in known.items():
            prompt = wanted.get(name, category.prompt)
            if embedding_space_key(embedder, prompt, name) != category.space:
                stale[name] = prompt
        for name, prompt in stale.items():
            fresh = GalleryCategory(
                name, embedding_space_key(embedder, prompt, name), embedder.fingerprint, "", prompt, ""
            )
            done.embedded[name], done.before[name] = _embed_missing(writer, embedder, fresh, step=step, embed=embed)
        for name, prompt in stale.items():
            write_prompt(writer, embedder, name, prompt)
        settings = {**writer.snapshot.settings, **model, "fingerprint": embedder.fingerprint}
        settings["indices"] = {n: i for n, i in settings.get("indices", {}).items() if n not in stale}
        if stale:
            writer.commit(", ".join(f"{name} in use" for name in stale), settings=settings)
    return done


def _embed_missing(
    writer: Change, embedder: Embedder, category: GalleryCategory, *, step: int, embed: EmbedChunks
) -> tuple[int, int]:
    """Embeds the photos that the new space does not have; returns how many, and how many it had."""
    snapshot = writer.snapshot
    frame = photos(snapshot, ("key", "source"), f"category = {quoted(category.category)}")
    table = embeddings_table(category.space)
    there = snapshot.read(table, ["number"])["number"].to_numpy() if table in snapshot.tables else np.zeros(0, np.int64)
    missing = frame[~frame["number"].isin(there)]
    waiting: list[Chunk] = []
    chunks = _kept_chunks(snapshot, category, missing, embedder.batch_size)
    done = 0
    for chunk in embed(embedder, chunks, total=len(missing)):
        waiting.append(chunk)
        done += len(chunk.keys)
        if sum(len(one.keys) for one in waiting) >= step or done == len(missing):
            for one in waiting:
                write_embeddings(writer, category, [fact["number"] for fact in one.facts], one.embeddings)
            writer.commit(f"{category.category}: {done} of {len(missing)} photos embedded anew")
            waiting = []
    return done, len(frame) - len(missing)


def _kept_chunks(snapshot: Snapshot, category: GalleryCategory, frame: Any, size: int) -> Iterator[Chunk]:
    """Yields the photo files from the gallery or, where it keeps none, from where they came from."""
    for start in range(0, len(frame), size):
        part = frame.iloc[start : start + size]
        rows = snapshot.of_numbers(ORIGINALS, part["number"].tolist(), ["number", "image"]).to_pylist()
        kept = {row["number"]: row["image"] for row in rows}
        images = [
            kept[row.number] if row.number in kept else _from_source(snapshot.uri, row.source, row.key)
            for row in part.itertuples()
        ]
        facts = [{"number": number} for number in part["number"]]
        yield Chunk(category, part["key"].tolist(), images, [], facts)


def _from_source(uri: str, source: str, key: str) -> bytes:
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise GalleryError(f"{uri}: keeps no photos, and {source} cannot be read again ({error.strerror})") from error
    if photo_key(data).hex() != key:
        raise GalleryError(f"{uri}: keeps no photos, and {source} is another photo by now: bring the old one back")
    return data
