"""The readout latent: the readout of a photo, linearly, as one more latent (ours, not the paper's).

The Q-Former must first learn what to look for. With the readout among the latents, the comparison token depends from
the first step on on the directions of the readout, which a metric scales, in which two photos differ.
"""

import torch
from torch import Tensor, nn

from vicp.model.additions.pca import principal_components


class ReadoutLatent(nn.Module):
    """A linear map of the frozen readout to the LLM's width.

    Args:
        in_dim: D', the length of the readout.
        out_dim: E.
    """

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(in_dim, out_dim)

    def forward(self, readouts: Tensor) -> Tensor:
        """Return one latent (B, 1, E) of each photo from its frozen readout (B, D')."""
        projected: Tensor = self.project(readouts)  # (B, E)
        return projected[:, None]  # (B, 1, E)

    @torch.no_grad()
    def start_from(self, readouts: Tensor) -> None:
        """Start as the principal components of readouts (n, D'), about equal in size; outputs beyond start at 0."""
        found = principal_components(readouts, min(self.project.weight.shape))
        rows = found.directions / found.deviation[:, None]  # (r, D')
        self.project.weight.zero_()[: len(rows)] = rows
        self.project.bias.copy_(-self.project.weight @ found.centre)
