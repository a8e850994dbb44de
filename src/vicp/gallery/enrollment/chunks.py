"""Chunks of photos to enroll, each read, hashed and decoded once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from vicp.data.loading import LoadedPhoto, load_photos
from vicp.data.records import BadPhoto, PhotoTable
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.store.tables import OPTIONAL_FACTS
from vicp.image_transform import ImageTransform

THUMBNAIL_SIZE = 128  # pixels of the longer side
_NO_EMBEDDINGS = np.zeros((0, 0), dtype=np.float32)

SelectKnown = Callable[[Sequence[bytes], pd.DataFrame], Sequence[bool]]


@dataclass(frozen=True, eq=False)
class Chunk:
    """n photos of one category.

    Attributes:
        category: Theirs.
        photos: With their pixels, until they are embedded.
        facts: What the table of photos says of each.
        embeddings: (n, D) float32; (0, 0) before they are computed.
    """

    category: GalleryCategory
    photos: list[LoadedPhoto]
    facts: list[dict[str, Any]]
    embeddings: np.ndarray = field(default_factory=lambda: _NO_EMBEDDINGS)

    def select(self, positions: Sequence[int]) -> "Chunk":
        """Return the photos at these positions, with their embeddings."""
        photos, facts = [self.photos[n] for n in positions], [self.facts[n] for n in positions]
        return Chunk(self.category, photos, facts, self.embeddings[list(positions)])


def read_chunks(
    table: PhotoTable,
    category: GalleryCategory,
    transform: ImageTransform,
    *,
    size: int,
    bad: list[BadPhoto],
    select_known: SelectKnown,
) -> Iterator[Chunk]:
    """Yield the photos of a table that are not known, in chunks of `size`, in order.

    Args:
        table: Photos of one category.
        category: Theirs.
        transform: How they become pixels.
        size: Photos per chunk; the last one may have fewer.
        bad: Photos that cannot be used are appended here.
        select_known: Says of content keys and their rows which photos are known; those are not decoded.
    """

    def wanted(indices: Sequence[int], keys: Sequence[bytes]) -> list[bool]:
        return [not known for known in select_known(keys, table.frame.iloc[list(indices)])]

    loaded = load_photos(
        table, transform, wanted=wanted, thumbnail_size=THUMBNAIL_SIZE, fingerprints=True, ahead=size, bad=bad
    )
    unknown = (photo for photo in loaded if photo.pixels is not None)
    while photos := list(islice(unknown, size)):
        yield Chunk(category, photos, [_facts(table, photo) for photo in photos])


def _facts(table: PhotoTable, photo: LoadedPhoto) -> dict[str, Any]:
    row = table.frame.iloc[photo.index]
    path, identity = str(row["path"]), row["identity"]
    return {
        "identity": str(identity) if isinstance(identity, str) else None,
        "source": path if table.root is None else (table.root / path).resolve().as_posix(),
        "date": str(row.get("date", "")) or photo.date,
    } | {column: row[column] for column in OPTIONAL_FACTS if isinstance(row.get(column), str)}
