"""An order of photos by what they hold, not by their names or the order of the rows that list them."""

import numpy as np
from numpy.typing import NDArray

from vicp.data.photo_check import read_photos
from vicp.data.records import BadPhoto, PhotoTable
from vicp.io import content_hash

Hashes = NDArray[np.uint64]


def content_order(table: PhotoTable, hashes: Hashes) -> NDArray[np.int64]:
    """Return the rows (n,) of a table by the hash of each photo's file, so that a draw by position is of the photos.

    Equal files are in the order of their individuals, and files that cannot be read in that of their paths.

    Args:
        table: n photos.
        hashes: Of their files (n,), as `photo_hashes` gives them.
    """
    frame = table.frame
    paths = [str(path) for path in frame["path"]]
    names = [f"{category}/{identity}" for category, identity in zip(frame["category"], frame["identity"], strict=True)]
    rows = zip(hashes.tolist(), names, paths, strict=True)
    keys = [(value, name if value else "", path) for value, name, path in rows]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def photo_hashes(table: PhotoTable) -> Hashes:
    """Return a hash of every photo's file (n,); 0 of one that cannot be read."""
    bad: list[BadPhoto] = []
    hashes = np.zeros(len(table), dtype=np.uint64)
    for index, value in read_photos(table, content_hash, bad=bad):
        hashes[index] = value
    return hashes
