"""Within-class covariance normalisation (WCCN): embeddings scaled by how photos of ONE identity differ.

Hatch, Kajarekar and Stolcke, Interspeech 2006, here from labelled pairs alone. Closed form, no training.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.linear_transform import LinearTransform


@dataclass(frozen=True)
class WithinClassScatter:
    """How embeddings differ within identities: S_w = V^T diag(s^2) V, with the directions of no scatter left out.

    Attributes:
        mean: Of all embeddings (D,) float64.
        variance: The average over directions, tr(S_w) / D.
        singular: s (r,) float64.
        directions: V (r, D) float64, orthonormal rows.
    """

    mean: Tensor
    variance: Tensor
    singular: Tensor
    directions: Tensor

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
        floor = (shrinkage * self.variance).rsqrt()
        scale = (self.singular.square() + shrinkage * self.variance).rsqrt() - floor  # (r,)
        identity = torch.eye(len(self.mean), dtype=self.mean.dtype, device=self.mean.device)
        weight = (self.directions.T * scale) @ self.directions + floor * identity  # (D, D)
        return LinearTransform(mean=self.mean.float().cpu().numpy(), weight=weight.float().cpu().numpy())


def scatter_of_pairs(left: Tensor, right: Tensor, same: Tensor) -> WithinClassScatter:
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
    fits = left.ndim == 2 and right.shape == left.shape and same.shape == left.shape[:1]
    if not fits or same.dtype != torch.bool:
        raise ValueError(
            f"left is {tuple(left.shape)}, right {tuple(right.shape)}, "
            f"same {tuple(same.shape)} {same.dtype}; expected (K, D), (K, D) and (K,) torch.bool"
        )
    if not same.any():
        raise ValueError(f"none of the {len(same)} pairs is a same-pair; the metric needs at least one")
    left, right = left.double(), right.double()
    difference = (left - right)[same] / (2 * int(same.sum())) ** 0.5  # (same-pairs, D)
    return _decompose(torch.cat([left, right]).mean(dim=0), difference)


def scatter_of_groups(embeddings: Tensor, groups: np.ndarray) -> WithinClassScatter:
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
    embeddings = embeddings.double()
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == len(groups):
        raise ValueError(f"none of the {len(groups)} photos is known to show the same individual as another")
    index = torch.from_numpy(member)
    sums = embeddings.new_zeros(len(sizes), embeddings.shape[1]).index_add_(0, index, embeddings)  # (groups, D)
    centred = embeddings - (sums / torch.from_numpy(sizes)[:, None])[index]  # (n, D)
    rows = centred[torch.from_numpy(sizes[member] > 1)] / (len(groups) - len(sizes)) ** 0.5
    return _decompose(embeddings.mean(dim=0), rows)


def _decompose(mean: Tensor, rows: Tensor) -> WithinClassScatter:
    """Return the scatter S_w = rows^T rows, rows (r, D) float64.

    There are far fewer rows than directions, so a thin singular value decomposition is enough: every direction across
    the rows has no scatter.
    """
    variance = rows.square().sum() / rows.shape[1]
    if not 0 < variance < torch.inf:
        raise ValueError(
            f"the average variance within the same-pairs is {variance.item()}; "
            "expected a finite number above 0: give same-pairs of two photos each, with finite embeddings"
        )
    _, singular, directions = torch.linalg.svd(rows, full_matrices=False)  # (r,), (r, D)
    return WithinClassScatter(mean, variance, singular, directions)
