"""The Q-Former: learned queries cross-attend to a photo's tokens and become its latents (design: latents)."""

import torch
from torch import Tensor, nn
from transformers import Blip2QFormerModel

from vicp.model.glance import Glance


class Connector(nn.Module):
    """Turns the frozen tokens of a photo into Q latents of the LLM's width.

    Args:
        qformer: transformers' Q-Former; its `encoder_hidden_size` is D.
        num_latents: Q.
        out_dim: E, the LLM's width.
        seen: which of a photo's P+N tokens the Q-Former reads; None is all.
        glance: gives R more latents, the last ones; None: there are none.
    """

    def __init__(
        self,
        qformer: Blip2QFormerModel,
        *,
        num_latents: int,
        out_dim: int,
        seen: slice | None = None,
        glance: Glance | None = None,
    ) -> None:
        super().__init__()
        self.seen = seen or slice(None)
        self.qformer = qformer
        self.queries = nn.Parameter(torch.randn(1, num_latents, qformer.config.hidden_size) * 0.02)
        self.project = nn.Linear(qformer.config.hidden_size, out_dim)
        self.glance = glance

    @property
    def num_read(self) -> int:
        """Q, how many latents of a photo the LLM reads."""
        return self.queries.shape[1]

    @property
    def latents_per_image(self) -> int:
        """How many latents a photo has: Q, or Q+R with a glance."""
        return self.num_read + (0 if self.glance is None else self.glance.num_rows)

    def forward(self, tokens: Tensor) -> Tensor:
        """Latents (B, Q, E), with a glance (B, Q+R, E), of photos whose frozen tokens are (B, P+N, D)."""
        queries = self.queries.expand(tokens.shape[0], -1, -1)
        seen = tokens[:, self.seen]
        latents = self.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state  # (B, Q, width)
        projected: Tensor = self.project(latents)  # (B, Q, E)
        return projected if self.glance is None else torch.cat([projected, self.glance(tokens)], dim=1)
