"""A photo of unknown category goes where it fits: near photos of a category, as near as these are to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN = "unknown"  # the category of photos that fit none
MAX_PHOTOS = 1000  # of a category, to know what is usual in it
UNKNOWN_SHARE = 0.05  # of a category's own photos that may be called unknown


@dataclass(frozen=True, eq=False)
class CategoryDensity:
    """How near a photo of a category is to its nearest neighbour there.

    Attributes:
        embeddings: (n, D) of some of its photos.
        middle: the median similarity of a photo to the nearest other one.
        spread: from there down to the tenth of photos that are farthest from theirs.
        lowest: below this, a photo would be among the farthest `UNKNOWN_SHARE`.
    """

    embeddings: NDArray[np.float32]
    middle: float
    spread: float
    lowest: float

    def fit(self, query: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """How well photos (B, D) fit (0 is the median photo, -1 one of the farthest tenth), and whether at all."""
        nearest = (query @ self.embeddings.T).max(axis=1).astype(np.float64)
        return (nearest - self.middle) / self.spread, nearest >= self.lowest


def category_density(embeddings: NDArray[np.float32], *, seed: int = 0) -> CategoryDensity | None:
    """What is usual among photos (n, D) of a category; None where there are fewer than two."""
    if len(embeddings) < 2:
        return None
    if len(embeddings) > MAX_PHOTOS:
        rows = np.random.default_rng(seed).choice(len(embeddings), MAX_PHOTOS, replace=False)
        embeddings = embeddings[rows]
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -2)
    nearest = similarity.max(axis=1).astype(np.float64)
    middle, far = np.median(nearest), np.quantile(nearest, 0.1)
    return CategoryDensity(
        embeddings, float(middle), float(middle - far) + 1e-3, float(np.quantile(nearest, UNKNOWN_SHARE))
    )


def route(
    queries: Mapping[str, NDArray[np.float32]],
    usual: Mapping[str, CategoryDensity | None],
    *,
    allow_unknown: bool = True,
) -> Sequence[str]:
    """The category of each photo.

    Args:
        queries: category -> embeddings (B, D) of all photos under that category's prompt.
        usual: of the same categories; one without photos gets none.
        allow_unknown: say `UNKNOWN` of a photo that fits nowhere, instead of the category that it fits least badly.
    """
    names = [name for name in queries if usual.get(name) is not None]
    count = len(next(iter(queries.values())))
    if not names:
        return [UNKNOWN] * count
    fits, inside = [], []
    for name in names:
        known = usual[name]
        assert known is not None
        fit, within = known.fit(queries[name])
        fits.append(fit)
        inside.append(within)
    chosen = np.argmax(np.stack(fits), axis=0)  # (B,)
    accepted = np.stack(inside)[chosen, np.arange(count)]  # (B,)
    return [names[c] if ok or not allow_unknown else UNKNOWN for c, ok in zip(chosen, accepted, strict=True)]
