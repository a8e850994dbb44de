"""The glance: a photo's readout in its principal coordinates, as latents of their own (ours, not the paper's).

The Q-Former must first learn what to look for. The glance shows the comparison token from the first step on in which
directions of the readout, the ones a metric scales, two photos differ. The LLM reads it through that token alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.model.backbone import Encoding, Readout
from vicp.model.directions import principal_directions


class Glance(nn.Module):
    """The frozen readout, L2-normalised, turned and scaled by principal directions; no gradient moves them.

    Args:
        in_dim: D', the length of the readout.
        out_dim: E.
        num_prefix: P, the tokens before the patches.
        readout: which tokens become the embedding.
    """

    centre: Tensor
    directions: Tensor
    deviation: Tensor

    def __init__(self, in_dim: int, out_dim: int, *, num_prefix: int, readout: Readout) -> None:
        super().__init__()
        self.num_prefix, self.readout = num_prefix, readout
        self.num_rows = -(-in_dim // out_dim)
        self.padding = self.num_rows * out_dim - in_dim
        self.register_buffer("centre", torch.zeros(in_dim))
        self.register_buffer("directions", torch.eye(in_dim))
        self.register_buffer("deviation", torch.full((in_dim,), in_dim**-0.5))

    def forward(self, tokens: Tensor) -> Tensor:
        """Latents (B, R, E) of photos from their frozen tokens (B, P+N, D): D' coordinates, then zeros."""
        encoding = Encoding(tokens[:, : self.num_prefix], tokens[:, self.num_prefix :])
        readouts = F.normalize(encoding.readout(self.readout).float(), dim=-1)  # (B, D')
        coordinates = (readouts - self.centre) @ self.directions.T / self.deviation
        rows: Tensor = F.pad(coordinates, (0, self.padding)).unflatten(-1, (self.num_rows, -1))  # (B, R, E)
        return rows

    def coordinates(self, latents: Tensor) -> Tensor:
        """The coordinates (..., D') in a photo's latents (..., Q+R, E)."""
        flat = latents[..., -self.num_rows :, :].flatten(-2)
        return flat[..., : flat.shape[-1] - self.padding]

    def readouts(self, coordinates: Tensor) -> Tensor:
        """L2-normalised readouts (..., D') from their coordinates (..., D')."""
        found: Tensor = self.centre + (coordinates.float() * self.deviation) @ self.directions
        return found

    @torch.no_grad()
    def start_from(self, readouts: Tensor) -> None:
        """Sets centre, directions and deviations by L2-normalised readouts (n, D')."""
        found = principal_directions(readouts, len(self.centre))
        self.centre.copy_(found.centre)
        self.directions.copy_(found.directions)
        self.deviation.copy_(found.deviation)
