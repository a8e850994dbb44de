"""Trust: how far to follow what the LLM emits, judged by the context's own pairs (ours, not the paper's).

An LLM that learned to read contexts emits gains and tokens for kinds of photos that it never met as well, and there
they may do harm. What the gains make of the pairs tells: those worth following bring same-pairs together and keep
different-pairs apart. One small network judges that; it is to be trained on kinds of photos that the LLM has not seen
(`configs/mini/refinement.yaml`).
"""

import torch
from torch import Tensor, nn

from vicp.model.additions.metric_refinement import NUM_FEATURES, PairEmbeddings
from vicp.model.category_metric import CategoryMetric
from vicp.model.metric_head import MetricHead

SMALL = 1e-2  # is added to squared distances before their logarithm


class PromptGate(nn.Module):
    """A factor for all gains of a context, from 0, which ignores the LLM, to 2; 1 before anything is learned."""

    def __init__(self) -> None:
        super().__init__()
        last = nn.Linear(24, 1)
        self.mlp = nn.Sequential(nn.Linear(NUM_FEATURES + 3, 24), nn.GELU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, emitted: Tensor, pairs: PairEmbeddings, head: MetricHead) -> Tensor:
        """Factors (C,) for the gains emitted (C, r) from C contexts.

        Args:
            emitted: by the head, from what the LLM read.
            pairs: of these contexts.
            head: embeds readouts under gains.
        """
        with torch.no_grad():
            without, under = (same_over_different(pairs, head, gains) for gains in (torch.zeros_like(emitted), emitted))
            size = emitted.abs().mean(dim=-1).log1p()
            features = torch.cat([pairs.features, torch.stack([without, under, size], dim=-1)], dim=-1)
        factor: Tensor = 2 * self.mlp(features).squeeze(-1).sigmoid()
        return factor


def interpolate_to_null(tokens: Tensor, nothing: Tensor, factor: Tensor) -> Tensor:
    """Prompt tokens (C, ..., M, D) moved towards those that are emitted when nothing is read.

    Args:
        tokens: as emitted.
        nothing: from an empty context (1, ..., M, D).
        factor: trust in each context (C,); 1 and more follows in full.
    """
    share = factor.clamp(max=1).view(-1, *[1] * (tokens.ndim - 1))
    return torch.lerp(nothing.expand_as(tokens), tokens, share.to(tokens.dtype))


def same_over_different(pairs: PairEmbeddings, head: MetricHead, gains: Tensor) -> Tensor:
    """Log of the mean squared distance of same-pairs over that of different-pairs (C,), under gains (C, r).

    0 without any pair; where one kind is missing, the other alone says it.
    """
    left, right = (head.embed(side, CategoryMetric(gains)) for side in (pairs.left_readouts, pairs.right_readouts))
    apart = (left - right).square().sum(dim=-1)  # (C, K)
    means = [(apart * kind).sum(dim=-1) / kind.sum(dim=-1).clamp_min(1) for kind in (pairs.same, ~pairs.same)]
    within, between = ((mean + SMALL).log() for mean in means)
    return within - between
