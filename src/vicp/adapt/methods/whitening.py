"""Whitening: an embedding space scaled by how photos of ONE identity differ. Closed form, no training.

Within-class covariance normalisation (Hatch, Kajarekar and Stolcke, Interspeech 2006), from pairs alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class WhiteningTransform:
    """A linear map of embeddings: `mean` (D,) is subtracted, then `weight` (D, D) applied; float32."""

    mean: Tensor
    weight: Tensor


def fit_pairs(left: Tensor, right: Tensor, same: Tensor, *, shrinkage: float = 0.3) -> WhiteningTransform:
    """The metric of a support, from the scatter within its same-pairs.

    W = (S_w + shrinkage * tr(S_w) / D * I)^(-1/2), with S_w = mean over same-pairs of (l - r)(l - r)^T / 2,
    the unbiased covariance within an identity. Directions in which photos of one identity differ count less.
    Different-pairs add to the mean alone: using their scatter too has made results worse.

    Args:
        left: (K, D) floating point embeddings of the first photo of each pair.
        right: (K, D) of the second.
        same: (K,) bool.
        shrinkage: share of the average variance added to every direction; above 0, since K is often below D.

    Returns:
        float32, on the device of `left`; found in float64.

    Raises:
        ValueError: shapes that do not fit, a shrinkage not above 0, no same-pair, or same-pairs that do not
            differ or are not finite.
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
    return _whiten(torch.cat([left, right]).mean(dim=0), difference, [shrinkage])[0]


def fit_groups(embeddings: Tensor, groups: np.ndarray, shrinkages: Sequence[float]) -> list[WhiteningTransform]:
    """The metric for each shrinkage, from the scatter within groups of photos known to show one identity.

    The same as `fit_pairs` where the groups are pairs. Of larger groups it uses every pair they imply, and a group
    of n photos weighs n - 1 times as much as a pair: S_w = sum of squares around the groups' means / (photos - groups).

    Args:
        embeddings: (n, D) floating point.
        groups: (n,) integers; a photo alone in its group adds to the mean only.
        shrinkages: each above 0.

    Raises:
        ValueError: a shrinkage not above 0, no group of two photos, or groups whose photos do not differ or are
            not finite.
    """
    embeddings = embeddings.double()
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == len(groups):
        raise ValueError(f"none of the {len(groups)} photos is known to show the same individual as another")
    index = torch.from_numpy(member)
    sums = embeddings.new_zeros(len(sizes), embeddings.shape[1]).index_add_(0, index, embeddings)  # (groups, D)
    centred = embeddings - (sums / torch.from_numpy(sizes)[:, None])[index]  # (n, D)
    rows = centred[torch.from_numpy(sizes[member] > 1)] / (len(groups) - len(sizes)) ** 0.5
    return _whiten(embeddings.mean(dim=0), rows, shrinkages)


def apply(metric: WhiteningTransform, embeddings: Tensor) -> Tensor:
    """Embeddings under the metric: normalise(W (x - mean)).

    Args:
        metric: as fitted.
        embeddings: (B, D) floating point.

    Returns:
        (B, D) float32, L2-normalised.

    Raises:
        ValueError: embeddings of another width than the metric's.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != len(metric.mean):
        raise ValueError(f"embeddings are {tuple(embeddings.shape)}; expected (B, {len(metric.mean)})")
    centred = embeddings.float() - metric.mean  # (B, D)
    return F.normalize(centred @ metric.weight, dim=1)


def _whiten(mean: Tensor, rows: Tensor, shrinkages: Sequence[float]) -> list[WhiteningTransform]:
    """The metric for each shrinkage, of S_w = rows^T rows, rows (r, D) float64.

    There are far fewer rows than dimensions: a thin singular value decomposition gives the directions with any
    scatter, (r, D), and every direction across them is scaled alike.
    """
    for shrinkage in shrinkages:
        if not shrinkage > 0:
            raise ValueError(f"shrinkage is {shrinkage}; expected a number above 0")
    dim = rows.shape[1]
    variance = rows.square().sum() / dim
    if not 0 < variance < torch.inf:
        raise ValueError(
            f"the average variance within the same-pairs is {variance.item()}; "
            "expected a finite number above 0: give same-pairs of two photos each, with finite embeddings"
        )
    _, singular, directions = torch.linalg.svd(rows, full_matrices=False)  # (r,), (r, D)
    metrics = []
    for shrinkage in shrinkages:
        floor = (shrinkage * variance).rsqrt()
        scale = (singular.square() + shrinkage * variance).rsqrt() - floor  # (r,)
        weight = (directions.T * scale) @ directions + floor * torch.eye(dim, dtype=rows.dtype, device=rows.device)
        metrics.append(WhiteningTransform(mean=mean.float(), weight=weight.float()))
    return metrics
