"""Recompute embeddings after a change of prompt or model; the old ones stay in use until all new ones exist."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.adapt.prompt import Prompt
from vicp.data.images import photo_key
from vicp.data.loading import load_photos
from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, embedding_space_key, gallery_categories, write_prompt
from vicp.gallery.contents import photos, quoted
from vicp.gallery.embedding_model import model_settings
from vicp.gallery.enrollment.chunks import Chunk
from vicp.gallery.enrollment.workers import EmbedChunks, embed_locally
from vicp.gallery.enrollment.writer import STEP_PHOTOS, write_embeddings
from vicp.gallery.store.change import Change
from vicp.gallery.store.compaction import compact_if_due
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import ORIGINALS
from vicp.phrases import counted
from vicp.runtime.photo_encoder import PhotoEncoder


@dataclass(frozen=True)
class ReindexResult:
    """What became of each category whose embeddings were stale.

    Attributes:
        embedded: Photos embedded now, by category.
        embedded_before: Photos that an earlier, interrupted run had embedded.
    """

    embedded: dict[str, int]
    embedded_before: dict[str, int]


def reindex_categories(
    writer: Change,
    encoder: PhotoEncoder,
    prompts: Mapping[str, Prompt | None],
    *,
    step: int = STEP_PHOTOS,
    embed: EmbedChunks = embed_locally,
) -> ReindexResult:
    """Embed the photos of categories anew where their prompt or model has changed; stopped, the same call goes on.

    Args:
        writer: The change to write with.
        encoder: Of the model to use from now on.
        prompts: The new prompt of a category, None for the plain backbone; others keep theirs.
        step: Photos embedded between two commits.
        embed: Where the embeddings are computed.

    Raises:
        GalleryError: No such category, or a photo that is neither kept nor where it was.
        PromptError: A prompt belongs to another model.
    """
    stale = _stale_categories(writer.snapshot, encoder, prompts)
    result = ReindexResult({}, {})
    for name, category in stale.items():
        result.embedded[name], result.embedded_before[name] = _embed_missing(
            writer, encoder, category, step=step, embed=embed
        )
    if stale:
        for name, category in stale.items():
            write_prompt(writer, encoder, name, category.prompt)
        settings = {**writer.snapshot.settings, **model_settings(encoder)}
        before = gallery_categories(writer.snapshot)
        left = {before[name].table for name in stale}
        settings["indices"] = {t: index for t, index in settings.get("indices", {}).items() if t not in left}
        writer.commit(", ".join(f"{name} in use" for name in stale), settings=settings)
    return result


def _stale_categories(
    snapshot: Snapshot, encoder: PhotoEncoder, prompts: Mapping[str, Prompt | None]
) -> dict[str, GalleryCategory]:
    """Return the categories whose embeddings are of another prompt or model than wanted, as they are to be."""
    categories = gallery_categories(snapshot)
    for name in prompts:
        if name not in categories:
            raise GalleryError(f"{snapshot.uri}: no category {name!r} to reindex (there are: {', '.join(categories)})")
    stale = {}
    for name, category in categories.items():
        prompt = prompts.get(name, category.prompt)
        space = embedding_space_key(encoder, prompt, name)
        if space != category.space:
            stale[name] = GalleryCategory(name, space, encoder.fingerprint, "", prompt)
    return stale


def _embed_missing(
    writer: Change, encoder: PhotoEncoder, category: GalleryCategory, *, step: int, embed: EmbedChunks
) -> tuple[int, int]:
    """Embed the photos that the new space does not have; returns how many, and how many it had."""
    snapshot = writer.snapshot
    frame = photos(snapshot, ("key", "source"), f"category = {quoted(category.category)}")
    embedded = np.zeros(0, np.int64)
    if category.table in snapshot.tables:
        embedded = snapshot.read(category.table, ["number"])["number"].to_numpy()
    missing = frame[~frame["number"].isin(embedded)]
    waiting: list[Chunk] = []
    num_embedded = 0
    for chunk in embed(encoder, _kept_chunks(snapshot, category, missing, encoder), total=len(missing)):
        waiting.append(chunk)
        num_embedded += len(chunk.photos)
        if sum(len(chunk.photos) for chunk in waiting) >= step or num_embedded == len(missing):
            for chunk in waiting:
                write_embeddings(writer, category, [fact["number"] for fact in chunk.facts], chunk.embeddings)
            writer.commit(f"{category.category}: {num_embedded} of {counted(len(missing), 'photo')} embedded anew")
            compact_if_due(writer)
            waiting = []
    return num_embedded, len(frame) - len(missing)


def _kept_chunks(
    snapshot: Snapshot, category: GalleryCategory, frame: pd.DataFrame, encoder: PhotoEncoder
) -> Iterator[Chunk]:
    """Yield the photos from the gallery or, where it keeps none, from where they came from."""
    for start in range(0, len(frame), encoder.batch_size):
        part = frame.iloc[start : start + encoder.batch_size]
        images = kept_photos(snapshot, part)
        table = PhotoTable(part.assign(path=part["source"], image=images, row=part["number"]), None)
        bad: list[BadPhoto] = []
        photos = list(load_photos(table, encoder.transform, bad=bad))
        if bad:
            raise GalleryError(f"{snapshot.uri}: photos cannot be decoded any more: {list_rows(bad)}")
        yield Chunk(category, photos, [{"number": number} for number in part["number"]])


def kept_photos(snapshot: Snapshot, frame: pd.DataFrame) -> list[bytes]:
    """Return the encoded photos of rows of the gallery, from the gallery or, where it keeps none, from their sources.

    Raises:
        GalleryError: A photo is neither kept nor where it was.
    """
    rows = snapshot.of_numbers(ORIGINALS, frame["number"].tolist(), ["number", "image"]).to_pylist()
    kept = {row["number"]: row["image"] for row in rows}
    return [
        kept[number] if number in kept else _read_source(snapshot.uri, source, key)
        for number, source, key in zip(frame["number"], frame["source"], frame["key"], strict=True)
    ]


def _read_source(uri: str, source: str, key: str) -> bytes:
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise GalleryError(f"{uri}: keeps no photos, and {source} cannot be read again ({error.strerror})") from error
    if photo_key(data).hex() != key:
        raise GalleryError(f"{uri}: keeps no photos, and {source} is another photo by now: bring the old one back")
    return data
