"""Chunks of photos on their way into the gallery: read once, given a key and a thumbnail, embedded."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pandas as pd

from vicp.adapt.embedder import Embedder
from vicp.data.images import decode_photo, photo_key
from vicp.data.loading import read_photos
from vicp.data.records import BadPhoto, PhotoTable
from vicp.gallery.contents import GalleryCategory

THUMBNAIL = 128  # pixels of the longer side
_NOTHING = np.zeros((0, 0), dtype=np.float32)

Skip = Callable[[list[str], pd.DataFrame], list[bool]]


@dataclass(frozen=True, eq=False)
class Chunk:
    """n photos of one category.

    Attributes:
        category: theirs.
        keys: content hashes.
        images: the encoded files.
        thumbnails: JPEGs.
        facts: source, date and identity of each.
        embeddings: (n, D) float32; (0, 0) before they are computed.
    """

    category: GalleryCategory
    keys: list[str]
    images: list[bytes]
    thumbnails: list[bytes]
    facts: list[dict[str, Any]]
    embeddings: np.ndarray = field(default_factory=lambda: _NOTHING)

    def table(self) -> PhotoTable:
        """The photos as the embedder takes them."""
        frame = pd.DataFrame({"path": self.keys, "image": self.images, "category": self.category.category})
        return PhotoTable(frame.assign(identity=None, row=range(1, len(frame) + 1)), None)


class EmbedChunks(Protocol):
    """Embeds chunks, in order; `total` photos are expected for a progress bar."""

    def __call__(self, embedder: Embedder, chunks: Iterable[Chunk], *, total: int) -> Iterator[Chunk]:
        """Yields the chunks with their embeddings."""
        ...


def embed_here(embedder: Embedder, chunks: Iterable[Chunk], *, total: int) -> Iterator[Chunk]:
    """Yields the chunks with their embeddings, computed by this process."""
    quiet, done = embedder.quiet(), 0
    for chunk in chunks:
        yield embed_chunk(quiet, chunk)
        done += len(chunk.keys)
        embedder.progress(done, total)


def embed_chunk(embedder: Embedder, chunk: Chunk) -> Chunk:
    """The chunk with its embeddings.

    Raises:
        PromptError: the category's prompt belongs to another model.
    """
    _, embeddings = embedder.embed(chunk.table(), chunk.category.prompt)
    return replace(chunk, embeddings=embeddings.float().numpy())


def read_chunks(
    table: PhotoTable, category: GalleryCategory, *, size: int, bad: list[BadPhoto], skip: Skip
) -> Iterator[Chunk]:
    """Yields the photos of a table in chunks of at most `size`, in order.

    Args:
        table: photos of one category.
        category: theirs.
        size: photos per chunk, before some are skipped.
        bad: photos that cannot be used are appended here.
        skip: says of keys and their rows which photos are not wanted; those are not decoded.
    """
    hashed = read_photos(table, lambda data: (photo_key(data).hex(), data), bad=bad)
    while part := list(islice(hashed, size)):
        rows = table.frame.iloc[[index for index, _ in part]]
        unwanted = skip([key for _, (key, _) in part], rows)
        wanted = [p for p, known in zip(part, unwanted, strict=True) if not known]
        if wanted and (chunk := _decoded(table, category, wanted, bad)).keys:
            yield chunk


def _decoded(table: PhotoTable, category: GalleryCategory, wanted: list[Any], bad: list[BadPhoto]) -> Chunk:
    """The photos that decode, with thumbnails."""
    frame = table.frame.iloc[[index for index, _ in wanted]].reset_index(drop=True)
    images = [data for _, (_, data) in wanted]
    own = PhotoTable(frame.assign(image=images), None)
    good = dict(read_photos(own, _thumbnail, bad=bad))
    return Chunk(
        category=category,
        keys=[wanted[i][1][0] for i in good],
        images=[images[i] for i in good],
        thumbnails=list(good.values()),
        facts=[_facts(table, frame.iloc[i]) for i in good],
    )


def _facts(table: PhotoTable, row: "pd.Series[Any]") -> dict[str, Any]:
    path = str(row["path"])
    identity = row["identity"]
    return {
        "identity": str(identity) if isinstance(identity, str) else None,
        "source": path if table.root is None else (table.root / path).resolve().as_posix(),
        "date": str(row.get("date", "")),
    }


def _thumbnail(data: bytes) -> bytes:
    image = decode_photo(data, min_side=THUMBNAIL)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
