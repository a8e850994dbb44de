"""The prompt gate: how far to follow what the LLM emits, by how well it fits the pairs (ours, not the paper's).

An LLM that learned to read contexts also emits gains and prompt tokens for kinds of photos that it was not trained on,
and there they may do harm. Gains worth following bring same-pairs together and keep different-pairs apart. A small
network decides by that; it is to be trained on kinds of photos that the LLM has not seen
(`configs/mini/refinement.yaml`).
"""

import torch
from torch import Tensor, nn

from vicp.model.additions.metric_refinement import NUM_CONTEXT_FEATURES, PairEmbeddings
from vicp.model.category_metric import CategoryMetric
from vicp.model.heads import MetricHead

DISTANCE_FLOOR = 1e-2  # is added to squared distances before their logarithm
NUM_GAIN_FEATURES, HIDDEN_WIDTH = 3, 24  # what is measured of the emitted gains; of the MLP


class PromptGate(nn.Module):
    """A factor for what the LLM emits of a context, from 0, which ignores it, to 2; 1 before anything is learned."""

    def __init__(self) -> None:
        super().__init__()
        last = nn.Linear(HIDDEN_WIDTH, 1)
        self.mlp = nn.Sequential(nn.Linear(NUM_CONTEXT_FEATURES + NUM_GAIN_FEATURES, HIDDEN_WIDTH), nn.GELU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, emitted: Tensor, pairs: PairEmbeddings, head: MetricHead) -> Tensor:
        """Return factors (C,) for the gains emitted (C, r) from C contexts.

        Args:
            emitted: Gains from the metric head.
            pairs: Of these contexts.
            head: Embeds readouts under these gains.
        """
        with torch.no_grad():
            without, under = (same_over_different(pairs, head, gains) for gains in (torch.zeros_like(emitted), emitted))
            size = emitted.abs().mean(dim=-1).log1p()
            features = torch.cat([pairs.features, torch.stack([without, under, size], dim=-1)], dim=-1)
        factor: Tensor = 2 * self.mlp(features).squeeze(-1).sigmoid()
        return factor


def interpolate_to_null(tokens: Tensor, null_tokens: Tensor, factor: Tensor) -> Tensor:
    """Return prompt tokens (C, ..., M, D) interpolated towards those of an empty context.

    Args:
        tokens: As emitted.
        null_tokens: From an empty context (1, ..., M, D).
        factor: Of each context (C,), from `PromptGate`; 1 and more leaves the tokens as they are.
    """
    share = factor.clamp(max=1).view(-1, *[1] * (tokens.ndim - 1))
    return torch.lerp(null_tokens.expand_as(tokens), tokens, share.to(tokens.dtype))


def same_over_different(pairs: PairEmbeddings, head: MetricHead, gains: Tensor) -> Tensor:
    """Log of the mean squared distance of same-pairs over that of different-pairs (C,), under gains (C, r).

    0 without any pair. A kind without pairs counts as at distance 0.
    """
    left, right = (head.embed(side, CategoryMetric(gains)) for side in (pairs.left_readouts, pairs.right_readouts))
    distances = (left - right).square().sum(dim=-1)  # (C, K)
    means = [(distances * kind).sum(dim=-1) / kind.sum(dim=-1).clamp_min(1) for kind in (pairs.same, ~pairs.same)]
    within, between = ((mean + DISTANCE_FLOOR).log() for mean in means)
    return within - between
