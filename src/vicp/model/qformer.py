"""The Q-Former: learned queries cross-attend to a photo's tokens and become its latents (design: latents)."""

import torch
from torch import Tensor, nn
from transformers import Blip2QFormerModel

from vicp.model.additions.readout_latent import ReadoutLatent
from vicp.model.additions.readout_rows import ReadoutRows


class QFormer(nn.Module):
    """Turns the frozen tokens of a photo into Q latents of the LLM's width.

    Args:
        qformer: transformers' Q-Former; its `encoder_hidden_size` is D.
        num_latents: Q.
        out_dim: E, the LLM's width.
        seen: which of a photo's P+N tokens the Q-Former reads; None is all.
        glance: gives one more latent; None: there is none.
        rows: the readout in R rows behind the latents, which nothing here reads; None: there are none.
    """

    def __init__(
        self,
        qformer: Blip2QFormerModel,
        *,
        num_latents: int,
        out_dim: int,
        seen: slice | None = None,
        glance: ReadoutLatent | None = None,
        rows: ReadoutRows | None = None,
    ) -> None:
        super().__init__()
        self.seen = seen or slice(None)
        self.qformer = qformer
        self.queries = nn.Parameter(torch.randn(1, num_latents, qformer.config.hidden_size) * 0.02)
        self.project = nn.Linear(qformer.config.hidden_size, out_dim)
        self.glance = glance
        self.rows = rows

    @property
    def num_read(self) -> int:
        """How many latents of a photo are read: Q, or Q+1 with a glance."""
        return self.queries.shape[1] + (self.glance is not None)

    @property
    def latents_per_image(self) -> int:
        """How many rows a photo has: those that are read, and its readout's."""
        return self.num_read + (0 if self.rows is None else self.rows.num_rows)

    def forward(self, tokens: Tensor) -> Tensor:
        """Latents (B, Q, E), glance and rows behind them, of photos whose frozen tokens are (B, P+N, D)."""
        queries = self.queries.expand(tokens.shape[0], -1, -1)
        seen = tokens[:, self.seen]
        latents = self.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state  # (B, Q, width)
        projected: Tensor = self.project(latents)  # (B, Q, E)
        more = [part(tokens) for part in (self.glance, self.rows) if part is not None]
        return torch.cat([projected, *more], dim=1) if more else projected
