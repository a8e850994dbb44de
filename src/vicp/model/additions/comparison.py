"""The comparison token: what sets two photos apart, said in one token (ours, not the paper's)."""

import torch
from torch import Tensor, nn


class Comparison(nn.Module):
    """One token per pair: MLP(|I_i - I_j|, I_i * I_j, I_i + I_j), averaged over the latents.

    It is symmetric in the two photos, and stands before the label so that the LLM need not learn to
    subtract latents that lie Q positions apart. The last latent, where it is the readout's, has weights of its own.

    Args:
        dim: E.
        readout_latent: Whether the last latent is the readout's.
    """

    def __init__(self, dim: int, *, readout_latent: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(3 * dim, 2 * dim)
        self.readout_hidden = nn.Linear(3 * dim, 2 * dim) if readout_latent else None
        self.out = nn.Sequential(nn.GELU(), nn.Linear(2 * dim, dim), nn.LayerNorm(dim))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return comparison tokens (..., E) of pairs of latents (..., Q, E)."""
        features = torch.cat([(left - right).abs(), left * right, left + right], dim=-1)  # (..., Q, 3E)
        if self.readout_hidden is None:
            hidden = self.hidden(features).mean(dim=-2)  # (..., 2E)
        else:
            hidden = self.hidden(features[..., :-1, :]).mean(dim=-2) + self.readout_hidden(features[..., -1, :])
        tokens: Tensor = self.out(hidden)  # (..., E)
        return tokens
