"""The comparison token: what sets two photos apart, said in one token (ours, not the paper's)."""

import torch
from torch import Tensor, nn


class Comparison(nn.Module):
    """One token per pair: MLP(|I_i - I_j|, I_i * I_j, I_i + I_j), averaged over the latents.

    It is symmetric in the two photos, and stands before the label so that the LLM need not learn to
    subtract latents that lie Q positions apart. The last latents, if they are a glance, have weights of their own.

    Args:
        dim: E.
        glance_rows: R, how many of the last latents are a glance.
    """

    def __init__(self, dim: int, *, glance_rows: int = 0) -> None:
        super().__init__()
        self.hidden = nn.Linear(3 * dim, 2 * dim)
        self.glance_rows = glance_rows
        self.glance = nn.Linear(3 * dim * glance_rows, 2 * dim) if glance_rows else None
        self.out = nn.Sequential(nn.GELU(), nn.Linear(2 * dim, dim), nn.LayerNorm(dim))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Comparison tokens (..., E) of pairs of latents (..., Q+R, E)."""
        features = torch.cat([(left - right).abs(), left * right, left + right], dim=-1)  # (..., Q+R, 3E)
        if self.glance is None:
            hidden = self.hidden(features).mean(dim=-2)  # (..., 2E)
        else:
            glance = features[..., -self.glance_rows :, :].flatten(-2)  # (..., 3ER)
            hidden = self.hidden(features[..., : -self.glance_rows, :]).mean(dim=-2) + self.glance(glance)
        tokens: Tensor = self.out(hidden)  # (..., E)
        return tokens
