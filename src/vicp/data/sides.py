"""Sides: the left and the right of an animal bear two patterns; photos of two sides tell nothing about each other."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vicp.data.records import PhotoTable

SIDES = ("left", "right")


def side_codes(table: PhotoTable) -> NDArray[np.int64]:
    """Return the side (n,) of every photo, a position in SIDES by the column `viewpoint`; -1 of any other viewpoint."""
    if "viewpoint" not in table.frame:
        return np.full(len(table), -1, dtype=np.int64)
    return codes_of(table.frame["viewpoint"].astype(str))


def codes_of(viewpoints: Iterable[str]) -> NDArray[np.int64]:
    """Return the side of each viewpoint, a position in SIDES; -1 of any other."""
    names = [viewpoint.strip().lower() for viewpoint in viewpoints]
    return np.array([SIDES.index(name) if name in SIDES else -1 for name in names], dtype=np.int64)


def of_two_sides(sides: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which two photos (n, n) show two sides."""
    known = sides >= 0
    two: NDArray[np.bool_] = (sides[:, None] != sides) & known[:, None] & known
    return two


def rows_by_side(sides: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each side, others with the larger one; all rows together where one side alone is known."""
    counts = [int((sides == side).sum()) for side in range(len(SIDES))]
    if 0 in counts:
        return [np.arange(len(sides))]
    larger = int(np.argmax(counts))
    return [np.flatnonzero((sides == side) | ((sides < 0) & (side == larger))) for side in range(len(SIDES))]
