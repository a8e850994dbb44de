"""Pairs of photos as the metric refinement sees them, and the config of a model that has one."""

import dataclasses

import torch

from vicp.model.additions.metric_refinement import PairEmbeddings
from vicp.model.build import TINY

REFINED = dataclasses.replace(TINY, metric_rank=8, metric_refinement=True, pooling="both")


def pairs_of(left: torch.Tensor, right: torch.Tensor, same: list[bool]) -> PairEmbeddings:
    """One context (1, K, D') whose coordinates are its readouts."""
    return PairEmbeddings(left[None], right[None], left[None], right[None], torch.tensor([same]))


def random_pairs(num: int, dim: int = 6) -> PairEmbeddings:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, num, dim, generator=generator).unbind(0)
    return pairs_of(left, right, [k % 2 == 0 for k in range(num)])
