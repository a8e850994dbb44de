"""Which patches of two photos look alike: mutual nearest neighbours among the backbone's patch tokens."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.linear_transform import normalise_rows
from vicp.runtime.engine import Engine, Pixels

NUM_MATCHES = 6


@dataclass(frozen=True)
class PatchMatch:
    """Two patches, by the position of their centres as a share of width and height.

    Attributes:
        left: (x, y) in the first photo.
        right: (x, y) in the second.
    """

    left: tuple[float, float]
    right: tuple[float, float]


def match_patches(engine: Engine, pixels: Pixels, *, num: int = NUM_MATCHES) -> list[PatchMatch]:
    """Return the closest pairs of patches of two photos (2, 3, S, S) uint8, each the other's nearest."""
    patches = normalise_rows(engine.patches(pixels))  # (2, N, D)
    similarity = patches[0] @ patches[1].T  # (N, N)
    pairs = mutual_nearest(similarity)[:num]
    side = round(len(similarity) ** 0.5)
    return [PatchMatch(_centre(a, side), _centre(b, side)) for a, b in pairs]


def mutual_nearest(similarity: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the pairs of rows and columns that are each other's nearest, closest first.

    >>> mutual_nearest(np.array([[0.1, 0.9], [0.8, 0.7]]))
    [(0, 1), (1, 0)]
    """
    nearest, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    mutual = [(row, int(column)) for row, column in enumerate(nearest) if back[column] == row]
    return sorted(mutual, key=lambda pair: -float(similarity[pair]))


def _centre(patch: int, side: int) -> tuple[float, float]:
    row, column = divmod(patch, side)
    return (column + 0.5) / side, (row + 0.5) / side
