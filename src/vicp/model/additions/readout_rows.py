"""The readout itself, carried along with a photo's latents for what is computed from pairs in closed form."""

import torch.nn.functional as F
from torch import Tensor, nn

from vicp.model.backbone import Encoding, Readout


class ReadoutRows(nn.Module):
    """The frozen readout, L2-normalised, in rows as wide as latents; zeros fill the last. It has no weights.

    Args:
        in_dim: D', the length of the readout.
        out_dim: E.
        num_prefix: P, the tokens before the patches.
        readout: which tokens become the embedding.
    """

    def __init__(self, in_dim: int, out_dim: int, *, num_prefix: int, readout: Readout) -> None:
        super().__init__()
        self.in_dim, self.num_prefix, self.readout = in_dim, num_prefix, readout
        self.num_rows = -(-in_dim // out_dim)
        self.padding = self.num_rows * out_dim - in_dim

    def forward(self, tokens: Tensor) -> Tensor:
        """Rows (B, R, E) of photos from their frozen tokens (B, P+N, D)."""
        encoding = Encoding(tokens[:, : self.num_prefix], tokens[:, self.num_prefix :])
        readouts = F.normalize(encoding.readout(self.readout).float(), dim=-1)  # (B, D')
        rows: Tensor = F.pad(readouts, (0, self.padding)).unflatten(-1, (self.num_rows, -1))
        return rows

    def unpack(self, latents: Tensor) -> Tensor:
        """The readouts (..., D') in the last R of a photo's latents (..., Q+R, E)."""
        return latents[..., -self.num_rows :, :].flatten(-2)[..., : self.in_dim]
