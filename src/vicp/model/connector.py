"""The Q-Former: learned queries cross-attend to a photo's tokens and become its latents (design: latents)."""

import torch
from torch import Tensor, nn
from transformers import Blip2QFormerModel


class Connector(nn.Module):
    """Turns the frozen tokens of a photo into Q latents of the LLM's width.

    Args:
        qformer: transformers' Q-Former; its `encoder_hidden_size` is D.
        num_latents: Q.
        out_dim: E, the LLM's width.
    """

    def __init__(self, qformer: Blip2QFormerModel, *, num_latents: int, out_dim: int) -> None:
        super().__init__()
        self.qformer = qformer
        self.queries = nn.Parameter(torch.randn(1, num_latents, qformer.config.hidden_size) * 0.02)
        self.project = nn.Linear(qformer.config.hidden_size, out_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Latents (B, Q, E) of photos whose frozen tokens are (B, P+N, D)."""
        queries = self.queries.expand(tokens.shape[0], -1, -1)
        latents = self.qformer(query_embeds=queries, encoder_hidden_states=tokens).last_hidden_state
        projected: Tensor = self.project(latents)  # (B, Q, E)
        return projected
