"""Chunks of photos on their way into the gallery: read once, given a key and a thumbnail, embedded."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from vicp.data.images import decode_photo, photo_key
from vicp.data.loading import read_photos
from vicp.data.records import BadPhoto, PhotoTable
from vicp.gallery.categories import GalleryCategory

THUMBNAIL_SIZE = 128  # pixels of the longer side
_NO_EMBEDDINGS = np.zeros((0, 0), dtype=np.float32)

SelectKnown = Callable[[list[str], pd.DataFrame], list[bool]]


@dataclass(frozen=True, eq=False)
class Chunk:
    """n photos of one category.

    Attributes:
        category: Theirs.
        keys: Content hashes.
        images: The encoded files.
        thumbnails: JPEGs.
        facts: Source, date and identity of each.
        embeddings: (n, D) float32; (0, 0) before they are computed.
    """

    category: GalleryCategory
    keys: list[str]
    images: list[bytes]
    thumbnails: list[bytes]
    facts: list[dict[str, Any]]
    embeddings: np.ndarray = field(default_factory=lambda: _NO_EMBEDDINGS)

    def table(self) -> PhotoTable:
        """Return the photos as the embedder takes them."""
        frame = pd.DataFrame({"path": self.keys, "image": self.images, "category": self.category.category})
        return PhotoTable(frame.assign(identity=None, row=range(1, len(frame) + 1)), None)


def read_chunks(
    table: PhotoTable, category: GalleryCategory, *, size: int, bad: list[BadPhoto], select_known: SelectKnown
) -> Iterator[Chunk]:
    """Yields the photos of a table that are not known, in chunks of at most `size`, in order.

    Args:
        table: Photos of one category.
        category: Theirs.
        size: Photos per chunk, before known ones are left out.
        bad: Photos that cannot be used are appended here.
        select_known: Says of keys and their rows which photos are known; those are not decoded.
    """
    hashed = read_photos(table, lambda data: (photo_key(data).hex(), data), bad=bad)
    while part := list(islice(hashed, size)):
        rows = table.frame.iloc[[index for index, _ in part]]
        known = select_known([key for _, (key, _) in part], rows)
        unknown = [photo for photo, is_known in zip(part, known, strict=True) if not is_known]
        if unknown and (chunk := _decode(table, category, unknown, bad)).keys:
            yield chunk


def _decode(
    table: PhotoTable, category: GalleryCategory, hashed: list[tuple[int, tuple[str, bytes]]], bad: list[BadPhoto]
) -> Chunk:
    """Return the photos that decode, with thumbnails."""
    frame = table.frame.iloc[[index for index, _ in hashed]].reset_index(drop=True)
    images = [data for _, (_, data) in hashed]
    thumbnails = dict(read_photos(PhotoTable(frame.assign(image=images), None), _thumbnail, bad=bad))
    return Chunk(
        category=category,
        keys=[hashed[i][1][0] for i in thumbnails],
        images=[images[i] for i in thumbnails],
        thumbnails=list(thumbnails.values()),
        facts=[_facts(table, frame.iloc[i]) for i in thumbnails],
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
    image = decode_photo(data, min_side=THUMBNAIL_SIZE)
    image.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
