"""The metric: an embedding space whitened by how photos of ONE identity differ. Closed form, no training.

Within-class covariance normalisation (Hatch, Kajarekar and Stolcke, Interspeech 2006), from pairs alone.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A linear map of embeddings: `mean` (D,) is subtracted, then `weight` (D, D) applied; float32."""

    mean: Tensor
    weight: Tensor


def fit_metric(left: Tensor, right: Tensor, same: Tensor, *, shrinkage: float = 0.3) -> Metric:
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
        float32, on the device of `left`; the eigenvectors are found in float64.

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
    if not shrinkage > 0:
        raise ValueError(f"shrinkage is {shrinkage}; expected a number above 0")
    if not same.any():
        raise ValueError(f"none of the {len(same)} pairs is a same-pair; the metric needs at least one")
    left, right = left.double(), right.double()
    mean = torch.cat([left, right]).mean(dim=0)  # (D,)
    difference = (left - right)[same]  # (same-pairs, D)
    scatter = difference.T @ difference / (2 * len(difference))  # (D, D)
    variance = scatter.trace() / len(scatter)
    if not 0 < variance < torch.inf:
        raise ValueError(
            f"the average variance within the same-pairs is {variance.item()}; "
            "expected a finite number above 0: give same-pairs of two photos each, with finite embeddings"
        )
    values, vectors = torch.linalg.eigh(scatter)  # (D,), (D, D)
    scale = (values.clamp(min=0) + shrinkage * variance).rsqrt()  # (D,)
    return Metric(mean=mean.float(), weight=((vectors * scale) @ vectors.T).float())


def apply(metric: Metric, embeddings: Tensor) -> Tensor:
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
