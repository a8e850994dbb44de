"""The metric refinement: statistics of the labelled pairs adjust the emitted metric (ours, not the paper's).

Photos of one individual differ in nuisances; photos of two individuals also differ in what tells them apart. Along one
direction of the readout this compares two variances, and does so alike for every direction of every category. So one
small network, shared by all directions, turns these variances into a change of the direction's gain, and what it
learned on drawn objects holds for directions that it has never met. The scatter within same-pairs also gives the
directions to remove, as in whitening (`adapt.methods.whitening`), and the mean of the photos gives a centre, for what
all photos of a category share tells none of its individuals apart. How much of each to apply is learned.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from vicp.model.additions.pca import DEVIATION_FLOOR
from vicp.model.category_metric import CategoryMetric
from vicp.model.heads import GAIN_SCALE

PRIOR_SQUARED_DIFFERENCE = 2.0  # expected of two photos drawn at random, along a direction of deviation 1
# Where learning starts: log of the whitening's floor, logit of its power, and logit of how far the centre lies on the
# way from that of all categories to that of this one.
WHITENING_FLOOR_LOG, WHITENING_POWER_LOGIT, CENTRE_SHARE_LOGIT = -1.2, 1.5, 2.0
VARIANCE_FLOOR = 1e-8
NUM_DIRECTION_FEATURES, DIRECTION_WIDTH = 8, 32  # inputs, the emitted gain aside, and hidden width of the shared MLP
NUM_CONTEXT_FEATURES, CONTEXT_WIDTH = 8, 24  # inputs and hidden width of the MLP on whole contexts


@dataclass(frozen=True)
class PairEmbeddings:
    """The pairs of C contexts as the frozen backbone sees them.

    Attributes:
        left_readouts: L2-normalised (C, K, D').
        right_readouts: (C, K, D').
        left: Their coordinates along the directions that have gains (C, K, r).
        right: (C, K, r).
        same: Labels (C, K) bool.
    """

    left_readouts: Tensor
    right_readouts: Tensor
    left: Tensor
    right: Tensor
    same: Tensor

    @cached_property
    def features(self) -> Tensor:
        """`context_features` of these pairs (C, 8), computed once, without gradient: the backbone is frozen."""
        with torch.no_grad():
            return context_features(self)

    def mean_or(self, default: Tensor) -> Tensor:
        """Return the mean readout (C, D') of all photos, or a default (D',) where there are no pairs."""
        photos = torch.cat([self.left_readouts, self.right_readouts], dim=1)  # (C, 2K, D')
        return photos.mean(dim=1) if photos.shape[1] else default.expand(len(photos), -1)


class MetricRefinement(nn.Module):
    """Adjusts the gains that the metric head emits, and adds nuisance directions and the category's centre.

    Args:
        rank: r, how many directions have gains.
    """

    deviation: Tensor  # of photos of all categories, along each direction (r,)

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(rank))
        adjustment = nn.Linear(DIRECTION_WIDTH, 1)
        strengths = nn.Linear(CONTEXT_WIDTH, 4)  # of the gains, the whitening's floor and power, and the centre
        self.per_direction = nn.Sequential(
            nn.Linear(NUM_DIRECTION_FEATURES + 1, DIRECTION_WIDTH),
            nn.GELU(),
            nn.Linear(DIRECTION_WIDTH, DIRECTION_WIDTH),
            nn.GELU(),
            adjustment,
        )
        self.overall = nn.Sequential(nn.Linear(NUM_CONTEXT_FEATURES, CONTEXT_WIDTH), nn.GELU(), strengths)
        nn.init.normal_(adjustment.weight, std=0.02)
        for starts_at_zero in (adjustment.bias, strengths.weight, strengths.bias):
            nn.init.zeros_(starts_at_zero)

    def forward(self, emitted: Tensor, pairs: PairEmbeddings, centre: Tensor) -> CategoryMetric[Tensor]:
        """Return the metric of C categories.

        Args:
            emitted: Gains from the metric head (C, r).
            pairs: Of these categories.
            centre: Of the readouts of all categories (D',); without any pair it is the category's as well.
        """
        strength, floor, power, centre_share = self.overall(pairs.features).unbind(-1)  # (C,) each
        features = _per_direction(pairs, self.deviation)  # (C, r, 8)
        inputs = torch.cat([features, emitted[..., None] / GAIN_SCALE], dim=-1)  # (C, r, 9)
        adjustment = self.per_direction(inputs).squeeze(-1)  # (C, r)
        gains = (emitted + GAIN_SCALE * adjustment) * 2 * strength.sigmoid()[:, None]
        nuisance = nuisance_directions(
            pairs, (WHITENING_FLOOR_LOG + 2 * floor).exp(), (WHITENING_POWER_LOGIT + 2 * power).sigmoid()
        )
        share = (CENTRE_SHARE_LOGIT + 2 * centre_share).sigmoid()[:, None]  # (C, 1)
        return CategoryMetric(gains, nuisance, centre + share * (pairs.mean_or(centre) - centre))

    @torch.no_grad()
    def start_from(self, coordinates: Tensor) -> None:
        """Set the deviations by coordinates (n, r) of photos of many categories."""
        deviation = coordinates.float().std(dim=0)
        self.deviation.copy_(deviation + DEVIATION_FLOOR * deviation.median())


def nuisance_directions(pairs: PairEmbeddings, floor: Tensor, power: Tensor) -> Tensor:
    """Return directions A (C, K, D') in which photos of one individual differ, padded with rows of zeros.

    With S_w the scatter within same-pairs, s its eigenvalues over their mean v = tr(S_w) / D', and u its eigenvectors,
    a direction keeps (floor / (s + floor)) ^ (power / 2) of itself and A holds sqrt(1 - that) u, so that I - A^T A is
    the whitening (S_w / v + floor I) ^ (-power / 2), but for a factor.

    Args:
        pairs: Of which the readouts and labels are used; no gradient flows into them.
        floor: Above 0 (C,).
        power: From 0, which keeps everything, to 1, a whitening (C,).
    """
    with torch.no_grad():
        difference = (pairs.left_readouts - pairs.right_readouts).double() * pairs.same[..., None]
        difference = difference / (2 * pairs.same.sum(dim=-1).clamp_min(1)).sqrt()[:, None, None]  # (C, K, D')
        variance, eigenvectors = torch.linalg.eigh(difference @ difference.mT)  # (C, K), (C, K, K)
        is_nonzero = variance > VARIANCE_FLOOR * variance.sum(dim=-1, keepdim=True).clamp_min(VARIANCE_FLOOR)
        deviation = variance.clamp_min(VARIANCE_FLOOR**2).sqrt()  # (C, K)
        directions = eigenvectors.mT @ difference / deviation[..., None]  # (C, K, D')
        directions = torch.where(is_nonzero[..., None], directions, 0.0).float()
        mean = (variance * is_nonzero).sum(dim=-1, keepdim=True) / difference.shape[-1]
        relative = torch.where(is_nonzero, variance / mean.clamp_min(VARIANCE_FLOOR**2), 0.0).float()  # s (C, K)
    kept = (floor[:, None] / (relative + floor[:, None])) ** (power[:, None] / 2)
    return (1 - kept).clamp_min(VARIANCE_FLOOR).sqrt()[..., None] * directions


def _per_direction(pairs: PairEmbeddings, deviation: Tensor) -> Tensor:
    """Return features (C, r, 8): log scatters of same-pairs, different-pairs and all photos, differences and means.

    Each scatter includes one prior pair, as far apart as two photos drawn at random, since few pairs say little.
    """
    left, right = pairs.left.float() / deviation, pairs.right.float() / deviation
    same = pairs.same[..., None].float()  # (C, K, 1)
    squared = (left - right).square()  # (C, K, r)
    num_same, num_different = same.sum(dim=1), (1 - same).sum(dim=1)  # (C, 1)
    within = (((squared * same).sum(dim=1) + PRIOR_SQUARED_DIFFERENCE) / (num_same + 1)).log()  # (C, r)
    between = (((squared * (1 - same)).sum(dim=1) + PRIOR_SQUARED_DIFFERENCE) / (num_different + 1)).log()
    photos = torch.cat([left, right], dim=1)  # (C, 2K, r)
    centre = photos.sum(dim=1, keepdim=True) / max(1, photos.shape[1])
    overall = (((photos - centre).square().sum(dim=1) + 1) / (photos.shape[1] + 1)).log()
    means = [scatter.mean(dim=-1, keepdim=True).expand_as(scatter) for scatter in (within, between)]
    count = num_same.log1p().expand_as(within)
    return torch.stack([within, between, overall, within - between, within - overall, *means, count], dim=-1)


def context_features(pairs: PairEmbeddings) -> Tensor:
    """Return features (C, 8) of whole contexts: a constant, then distances, numbers and spread of pairs by label."""
    left, right, same = pairs.left_readouts, pairs.right_readouts, pairs.same
    distances = (left - right).square().sum(dim=-1)  # (C, K)
    num_same, num_different = same.sum(dim=-1).float(), (~same).sum(dim=-1).float()  # (C,)
    photos = torch.cat([left, right], dim=1)  # (C, 2K, D')
    centre = photos.sum(dim=1, keepdim=True) / max(1, photos.shape[1])
    at_random = 2 * (photos - centre).square().sum(dim=(1, 2)) / max(1, photos.shape[1]) + 1e-4

    def log_share(is_kind: Tensor, num: Tensor) -> Tensor:
        mean = torch.where(num > 0, (distances * is_kind).sum(dim=-1) / num.clamp_min(1), at_random)
        return (mean / at_random + 1e-4).log()

    within, between = log_share(same, num_same), log_share(~same, num_different)
    counts = [num.log1p() / math.log(20) for num in (num_same, num_different)]
    spread = _effective_share(left - right, same)
    return torch.stack(
        [torch.ones_like(within), within, between, at_random.log(), *counts, spread, within - between], -1
    )


def _effective_share(difference: Tensor, same: Tensor) -> Tensor:
    """Return the effective number of directions in which n same-pairs differ, over n (C,): (sum s)^2 / (n sum s^2)."""
    rows = difference * same[..., None]
    gram = rows @ rows.mT  # (C, K, K), whose eigenvalues are s
    total, squares = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1), gram.square().sum(dim=(-2, -1))
    return total.square() / (squares.clamp_min(VARIANCE_FLOOR) * same.sum(dim=-1).clamp_min(1))
