"""Within-class covariance normalisation (WCCN): embeddings scaled by how photos of ONE identity differ.

Hatch, Kajarekar and Stolcke, Interspeech 2006, here from labelled pairs alone. Closed form, no training.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vicp.adapt.linear_transform import LinearTransform

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WithinClassScatter:
    """How embeddings differ within identities: S_w = V^T diag(s^2) V, with the directions of no scatter left out.

    Attributes:
        mean: Of all embeddings (D,) float64.
        variance: The average over directions, tr(S_w) / D.
        singular: s (r,) float64.
        directions: V (r, D) float64, orthonormal rows.
    """

    mean: Array
    variance: float
    singular: Array
    directions: Array

    def whitening(self, shrinkage: float) -> LinearTransform:
        """Return W = (S_w + shrinkage * tr(S_w) / D * I)^(-1/2).

        Args:
            shrinkage: Share of the average variance added to every direction; above 0, since there are often fewer
                pairs than directions.

        Raises:
            ValueError: A shrinkage not above 0.
        """
        if not shrinkage > 0:
            raise ValueError(f"shrinkage is {shrinkage}; expected a number above 0")
        floor = (shrinkage * self.variance) ** -0.5
        scale = (self.singular**2 + shrinkage * self.variance) ** -0.5 - floor  # (r,)
        weight = (self.directions.T * scale) @ self.directions + floor * np.eye(len(self.mean))  # (D, D)
        return LinearTransform(mean=self.mean.astype(np.float32), weight=weight.astype(np.float32))


def scatter_of_pairs(left: ArrayLike, right: ArrayLike, same: ArrayLike) -> WithinClassScatter:
    """Return the scatter within same-pairs: S_w = mean over same-pairs of (l - r)(l - r)^T / 2.

    That is the unbiased covariance within an identity. Different-pairs add to the mean alone: using their scatter too
    has made results worse.

    Args:
        left: (K, D) floating point embeddings of the first photo of each pair.
        right: (K, D) of the second.
        same: (K,) bool.

    Raises:
        ValueError: Shapes that do not fit, no same-pair, or same-pairs that do not differ or are not finite.
    """
    first, second, is_same = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64), np.asarray(same)
    fits = first.ndim == 2 and second.shape == first.shape and is_same.shape == first.shape[:1]
    if not fits or is_same.dtype != np.bool_:
        raise ValueError(
            f"left is {first.shape}, right {second.shape}, "
            f"same {is_same.shape} {is_same.dtype}; expected (K, D), (K, D) and (K,) bool"
        )
    if not is_same.any():
        raise ValueError(f"none of the {len(is_same)} pairs is a same-pair; the metric needs at least one")
    difference = (first - second)[is_same] / (2 * int(is_same.sum())) ** 0.5  # (same-pairs, D)
    return _decompose(np.concatenate([first, second]).mean(axis=0), difference)


def scatter_of_groups(embeddings: ArrayLike, groups: np.ndarray) -> WithinClassScatter:
    """Return the scatter within groups of photos known to show one identity.

    The same as `scatter_of_pairs` where the groups are pairs. Of larger groups it uses every pair they imply, and a
    group of n photos weighs n - 1 times as much as a pair: S_w = sum of squares around the groups' means / (photos -
    groups).

    Args:
        embeddings: (n, D) floating point.
        groups: (n,) integers; a photo alone in its group adds to the mean only.

    Raises:
        ValueError: No group of two photos, or groups whose photos do not differ or are not finite.
    """
    photos = np.asarray(embeddings, dtype=np.float64)
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == len(groups):
        raise ValueError(f"none of the {len(groups)} photos is known to show the same individual as another")
    sums = np.zeros((len(sizes), photos.shape[1]))
    np.add.at(sums, member, photos)  # (groups, D)
    centred = photos - (sums / sizes[:, None])[member]  # (n, D)
    rows = centred[sizes[member] > 1] / (len(groups) - len(sizes)) ** 0.5
    return _decompose(photos.mean(axis=0), rows)


def _decompose(mean: Array, rows: Array) -> WithinClassScatter:
    """Return the scatter S_w = rows^T rows, rows (r, D) float64.

    There are far fewer rows than directions, so a thin singular value decomposition is enough: every direction across
    the rows has no scatter.
    """
    variance = float(np.square(rows).sum() / rows.shape[1])
    if not 0 < variance < np.inf:
        raise ValueError(
            f"the average variance within the same-pairs is {variance}; "
            "expected a finite number above 0: give same-pairs of two photos each, with finite embeddings"
        )
    _, singular, directions = np.linalg.svd(rows, full_matrices=False)  # (r,), (r, D)
    return WithinClassScatter(mean, variance, singular, directions)
