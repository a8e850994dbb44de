"""The in-context verifier: P(same | context, a, b), one MLP per pair (ours, not the paper's)."""

import torch
from torch import Tensor, nn


class Verifier(nn.Module):
    """Scores the comparison of two photos against what the LLM made of the context."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        self.score = nn.Sequential(nn.Linear(3 * dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, 1))

    def forward(self, comparison: Tensor, states: Tensor) -> Tensor:
        """Log odds (C, R) that the photos of R pairs show the same individual.

        Args:
            comparison: comparison tokens of the pairs (C, R, E).
            states: slot states of the context (C, M, E).
        """
        context = self.gate(states.mean(dim=1, keepdim=True)).expand_as(comparison)  # (C, R, E)
        features = torch.cat([comparison, context, comparison * context], dim=-1)  # (C, R, 3E)
        scores: Tensor = self.score(features)  # (C, R, 1)
        return scores.squeeze(-1)  # (C, R)
