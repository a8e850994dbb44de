"""Photos that are read and decoded once, without those that cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.data.photo_check import PhotoFacts, check_and_load, content_order, without
from vicp.data.photos.fingerprints import PhotoFingerprint
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError
from vicp.image_transform import ImageTransform
from vicp.progress import Progress


@dataclass(frozen=True, eq=False)
class CheckedPhotos:
    """Photos that were read and decoded once, by content: nothing drawn from them depends on their order or names.

    Attributes:
        table: Those that can be used (n), in the order of `content_order`.
        pixels: (3, S, S) uint8 by their number in the column `row`, of those that were wanted.
        fingerprints: Of all of them (n).
    """

    table: PhotoTable
    pixels: dict[int, NDArray[np.uint8]]
    fingerprints: list[PhotoFingerprint]

    def stacked(self, photos: PhotoTable) -> NDArray[np.uint8]:
        """Return the pixels (n, 3, S, S) of n of the photos that were wanted."""
        return np.stack([self.pixels[int(row)] for row in photos.frame["row"]])


def load_checked(
    table: PhotoTable, transform: ImageTransform, indices: Sequence[int], *, skip_bad: bool, progress: Progress
) -> CheckedPhotos:
    """Return the photos that can be used by content, each tried once, and the pixels of some of them.

    Args:
        table: The photos.
        transform: How photos become pixels.
        indices: Those whose pixels are returned.
        skip_bad: Go on without photos that cannot be used.
        progress: Called with photos done and photos in all.

    Raises:
        DataError: Photos that cannot be used, all of them listed, unless `skip_bad`.
    """
    bad: list[BadPhoto] = []
    found: dict[int, PhotoFacts] = {}
    loaded = check_and_load(table, transform, indices=indices, progress=progress, facts=found, bad=bad)
    if bad and not skip_bad:
        raise DataError(bad_photos_message(bad))
    usable, facts = without(table, bad), [found[index] for index in sorted(found)]
    order = content_order(usable, np.array([fact.file_hash for fact in facts], dtype=np.uint64))
    pixels = {int(table.frame["row"].iloc[index]): photo for index, photo in loaded.items()}
    return CheckedPhotos(usable.select(order), pixels, [facts[position].fingerprint for position in order])
