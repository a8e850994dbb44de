"""The evidence: what the pairs themselves say of each direction of the readout, in closed form (ours, not the paper's).

Photos of one individual differ in nuisances, photos of two in what makes individuals as well. Along one direction that
is a comparison of two variances, the same question for every direction of every category: one small network, shared by
all directions, answers it, so that what it learned on drawn objects holds for directions it has never met. And the
scatter within same-pairs gives directions to be rid of, as in whitening (`adapt.whitening`), and the mean of the photos
a centre: what all photos of the category share tells none of its individuals apart. By how much, is learned.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from vicp.model.category_metric import CategoryMetric
from vicp.model.metric_head import SCALE

PRIOR = 2.0  # the square of the difference of two photos at random, along a direction of deviation 1
FLOOR, POWER = -1.2, 1.5  # log of the floor of the whitening, and logit of its power, before anything is learned
CENTRED = 2.0  # likewise, logit of how far the centre lies from that of all categories to this one's
FAINT = 0.1  # of the median deviation is added to each: what varies less is noise
ENERGY_FLOOR = 1e-8
NUM_FEATURES = 8  # of whole contexts


@dataclass(frozen=True)
class PairEmbeddings:
    """The pairs of C contexts as the frozen backbone sees them.

    Attributes:
        left_readouts: L2-normalised (C, K, D').
        right_readouts: (C, K, D').
        left: their coordinates along the directions that have gains (C, K, r).
        right: (C, K, r).
        same: labels (C, K) bool.
    """

    left_readouts: Tensor
    right_readouts: Tensor
    left: Tensor
    right: Tensor
    same: Tensor

    @cached_property
    def features(self) -> Tensor:
        """`context_features` of these pairs (C, 8), computed once; without gradient, for the backbone is frozen."""
        with torch.no_grad():
            return context_features(self)

    def mean_or(self, otherwise: Tensor) -> Tensor:
        """The mean readout (C, D') of all photos; what is given (D',) where there are no pairs."""
        photos = torch.cat([self.left_readouts, self.right_readouts], dim=1)  # (C, 2K, D')
        return photos.mean(dim=1) if photos.shape[1] else otherwise.expand(len(photos), -1)


class MetricRefinement(nn.Module):
    """Adds to the gains that the head emits, names nuisance directions, and finds the category's centre.

    Args:
        rank: r, how many directions have gains.
    """

    deviation: Tensor  # of photos of all categories, along each direction (r,)

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(rank))
        last, knobs = nn.Linear(32, 1), nn.Linear(24, 4)
        self.per_direction = nn.Sequential(nn.Linear(9, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), last)
        self.overall = nn.Sequential(nn.Linear(NUM_FEATURES, 24), nn.GELU(), knobs)
        nn.init.normal_(last.weight, std=0.02)
        for zero in (last.bias, knobs.weight, knobs.bias):
            nn.init.zeros_(zero)

    def forward(self, emitted: Tensor, pairs: PairEmbeddings, centre: Tensor) -> CategoryMetric:
        """The gains of C categories.

        Args:
            emitted: by the head (C, r).
            pairs: of these categories.
            centre: of readouts of all categories (D',); without any pair it stays.
        """
        strength, floor, power, centred = self.overall(pairs.features).unbind(-1)  # (C,) each
        features = _per_direction(pairs, self.deviation)  # (C, r, 8)
        said = self.per_direction(torch.cat([features, emitted[..., None] / SCALE], dim=-1)).squeeze(-1)  # (C, r)
        values = (emitted + SCALE * said) * 2 * strength.sigmoid()[:, None]
        nuisance = nuisance_directions(pairs, (FLOOR + 2 * floor).exp(), (POWER + 2 * power).sigmoid())
        share = (CENTRED + 2 * centred).sigmoid()[:, None]  # (C, 1)
        return CategoryMetric(values, nuisance, centre + share * (pairs.mean_or(centre) - centre))

    @torch.no_grad()
    def start_from(self, coordinates: Tensor) -> None:
        """Sets the deviations by coordinates (n, r) of photos of many categories."""
        deviation = coordinates.float().std(dim=0)
        self.deviation.copy_(deviation + FAINT * deviation.median())


def nuisance_directions(pairs: PairEmbeddings, floor: Tensor, power: Tensor) -> Tensor:
    """Directions A (C, K, D') in which photos of one individual differ; rows of zeros fill up.

    With S_w the scatter within same-pairs, s its eigenvalues over their mean v = tr(S_w) / D', and u its eigenvectors,
    a direction keeps (floor / (s + floor)) ^ (power / 2) of itself and A holds sqrt(1 - that) u, so that I - A^T A is
    the whitening (S_w / v + floor I) ^ (-power / 2), but for a factor.

    Args:
        pairs: of which the readouts and labels are used; no gradient flows into them.
        floor: above 0 (C,).
        power: from 0, which keeps everything, to 1, a whitening (C,).
    """
    with torch.no_grad():
        difference = (pairs.left_readouts - pairs.right_readouts).double() * pairs.same[..., None]
        difference = difference / (2 * pairs.same.sum(dim=-1).clamp_min(1)).sqrt()[:, None, None]  # (C, K, D')
        variance, turn = torch.linalg.eigh(difference @ difference.mT)  # (C, K), (C, K, K)
        there = variance > ENERGY_FLOOR * variance.sum(dim=-1, keepdim=True).clamp_min(ENERGY_FLOOR)
        directions = turn.mT @ difference / variance.clamp_min(ENERGY_FLOOR**2).sqrt()[..., None]  # (C, K, D')
        directions = torch.where(there[..., None], directions, 0.0).float()
        mean = (variance * there).sum(dim=-1, keepdim=True) / difference.shape[-1]
        relative = torch.where(there, variance / mean.clamp_min(ENERGY_FLOOR**2), 0.0).float()  # s (C, K)
    kept = (floor[:, None] / (relative + floor[:, None])) ** (power[:, None] / 2)
    return (1 - kept).clamp_min(ENERGY_FLOOR).sqrt()[..., None] * directions


def _per_direction(pairs: PairEmbeddings, deviation: Tensor) -> Tensor:
    """Features (C, r, 8): log scatter within same-pairs, within different-pairs and overall, and what they compare to.

    A pair drawn from nowhere, as far apart as any two photos, joins each scatter: with few pairs they say little.
    """
    left, right = pairs.left.float() / deviation, pairs.right.float() / deviation
    same = pairs.same[..., None].float()  # (C, K, 1)
    apart = (left - right).square()  # (C, K, r)
    num_same, num_different = same.sum(dim=1), (1 - same).sum(dim=1)  # (C, 1)
    within = (((apart * same).sum(dim=1) + PRIOR) / (num_same + 1)).log()  # (C, r)
    between = (((apart * (1 - same)).sum(dim=1) + PRIOR) / (num_different + 1)).log()
    photos = torch.cat([left, right], dim=1)  # (C, 2K, r)
    centre = photos.sum(dim=1, keepdim=True) / max(1, photos.shape[1])
    overall = (((photos - centre).square().sum(dim=1) + 1) / (photos.shape[1] + 1)).log()
    means = [scatter.mean(dim=-1, keepdim=True).expand_as(scatter) for scatter in (within, between)]
    count = num_same.log1p().expand_as(within)
    return torch.stack([within, between, overall, within - between, within - overall, *means, count], dim=-1)


def context_features(pairs: PairEmbeddings) -> Tensor:
    """Features (C, 8) of whole contexts: how far apart pairs are for their labels, how many there are, how alike."""
    left, right, same = pairs.left_readouts, pairs.right_readouts, pairs.same
    apart = (left - right).square().sum(dim=-1)  # (C, K)
    num_same, num_different = same.sum(dim=-1).float(), (~same).sum(dim=-1).float()  # (C,)
    photos = torch.cat([left, right], dim=1)  # (C, 2K, D')
    centre = photos.sum(dim=1, keepdim=True) / max(1, photos.shape[1])
    at_random = 2 * (photos - centre).square().sum(dim=(1, 2)) / max(1, photos.shape[1]) + 1e-4

    def log_share(wanted: Tensor, num: Tensor) -> Tensor:
        mean = torch.where(num > 0, (apart * wanted).sum(dim=-1) / num.clamp_min(1), at_random)
        return (mean / at_random + 1e-4).log()

    within, between = log_share(same, num_same), log_share(~same, num_different)
    counts = [num.log1p() / math.log(20) for num in (num_same, num_different)]
    spread = _effective_share(left - right, same)
    return torch.stack(
        [torch.ones_like(within), within, between, at_random.log(), *counts, spread, within - between], -1
    )


def _effective_share(difference: Tensor, same: Tensor) -> Tensor:
    """How many directions same-pairs differ in, over how many they could (C,): (sum s)^2 / (n * sum s^2)."""
    rows = difference * same[..., None]
    gram = rows @ rows.mT  # (C, K, K), whose eigenvalues are s
    total, squares = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1), gram.square().sum(dim=(-2, -1))
    return total.square() / (squares.clamp_min(ENERGY_FLOOR) * same.sum(dim=-1).clamp_min(1))
