"""Latents per pair instead of per image: T_k = [I_k ; L_k] (an ablation).

Our reading of it: the Q-Former still reads each photo by itself, so that latents are computed once per photo
however many pairs it is in; what reads both at once is one more layer of the same kind, over their latents.
"""

import torch
from torch import Tensor, nn


class PairFusion(nn.Module):
    """Merges the latents of a pair's two photos into Q: learned queries cross-attend to all 2Q of them.

    A side embedding tells the photos apart. Both orders are read and averaged, so a pair has no first photo.

    Args:
        dim: E.
        num_latents: Q.
        num_heads: Of the cross-attention; they divide E.
    """

    def __init__(self, dim: int, *, num_latents: int, num_heads: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(num_latents, dim) * 0.02)
        self.sides = nn.Parameter(torch.randn(2, dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.mlp = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return latents (..., Q, E) of pairs of latents (..., Q', E)."""
        first_photos, second_photos = left.flatten(0, -3), right.flatten(0, -3)  # (B, Q', E), B pairs
        forth, back = (
            torch.cat([first + self.sides[0], second + self.sides[1]], dim=1)
            for first, second in ((first_photos, second_photos), (second_photos, first_photos))
        )
        inputs = self.norm(torch.cat([forth, back]))  # (2B, 2Q', E)
        queries = self.queries.expand(len(inputs), -1, -1)  # (2B, Q, E)
        merged = queries + self.attention(queries, inputs, inputs, need_weights=False)[0]
        merged = merged + self.mlp(merged)
        forth, back = merged.chunk(2)
        pairs: Tensor = ((forth + back) / 2).unflatten(0, left.shape[:-2])  # (..., Q, E)
        return pairs
