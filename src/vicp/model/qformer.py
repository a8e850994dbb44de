"""The Q-Former: learned queries cross-attend to a photo's tokens and become its latents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Blip2QFormerModel

from vicp.model.additions.readout_latent import ReadoutLatent
from vicp.model.backbone import Encoding, InputTokens, Pooling


@dataclass(frozen=True, eq=False)
class Latents:
    """What the Q-Former makes of photos (B of them, or any leading dimensions such as C contexts of K pairs).

    Attributes:
        tokens: What the LLM and the comparison read (B, Q, E); with a readout latent, that is the last of them.
        readout: The frozen backbone's readout, L2-normalised float32 (B, D'), for what is computed from pairs in
            closed form; None where the model computes nothing of that kind.
    """

    tokens: Tensor
    readout: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: Any) -> "Latents":
        """Return the photos at an index into the leading dimensions."""
        return self.apply(lambda values: values[index])

    def apply(self, function: Callable[[Tensor], Tensor]) -> "Latents":
        """Return the latents with a function of the leading dimensions applied to tokens and readout alike."""
        return Latents(function(self.tokens), None if self.readout is None else function(self.readout))

    @staticmethod
    def cat(parts: Sequence["Latents"], dim: int = 0) -> "Latents":
        """Return several latents joined along one of the leading dimensions, counted from the first."""
        readouts = [part.readout for part in parts if part.readout is not None]
        tokens = torch.cat([part.tokens for part in parts], dim=dim)
        return Latents(tokens, torch.cat(readouts, dim=dim) if readouts else None)


class QFormer(nn.Module):
    """Turns the frozen encoding of a photo into latents of the LLM's width.

    Args:
        transformer: Transformers' Q-Former; its `encoder_hidden_size` is D.
        num_latents: How many queries it has.
        out_dim: E, the LLM's width.
        input_tokens: Which of a photo's P+N tokens the Q-Former reads.
        pooling: Which tokens become the readout.
        readout_latent: Gives one more latent, the last; None: there is none.
        keep_readout: Whether latents carry the readout along.
    """

    def __init__(
        self,
        transformer: Blip2QFormerModel,
        *,
        num_latents: int,
        out_dim: int,
        input_tokens: InputTokens = "all",
        pooling: Pooling = "cls",
        readout_latent: ReadoutLatent | None = None,
        keep_readout: bool = False,
    ) -> None:
        super().__init__()
        self.input_tokens: InputTokens = input_tokens
        self.pooling: Pooling = pooling
        self.keep_readout = keep_readout
        self.transformer = transformer
        self.queries = nn.Parameter(torch.randn(1, num_latents, transformer.config.hidden_size) * 0.02)
        self.project = nn.Linear(transformer.config.hidden_size, out_dim)
        self.readout_latent = readout_latent

    @property
    def num_latents(self) -> int:
        """Q, a readout latent counted."""
        return self.queries.shape[1] + (self.readout_latent is not None)

    def forward(self, encoding: Encoding) -> Latents:
        """Return latents of B photos as the backbone encodes them without a prompt; B may be 0."""
        inputs = encoding.select(self.input_tokens)
        queries = self.queries.expand(len(inputs), -1, -1)
        if len(inputs):  # transformers takes no empty batch
            queries = self.transformer(query_embeds=queries, encoder_hidden_states=inputs).last_hidden_state
        tokens: Tensor = self.project(queries)  # (B, Q, E)
        if self.readout_latent is not None:
            tokens = torch.cat([tokens, self.readout_latent(encoding.pool(self.pooling))], dim=1)
        if not self.keep_readout:
            return Latents(tokens)
        readout = F.normalize(encoding.pool(self.pooling).float(), dim=-1)  # (B, D')
        return Latents(tokens.float(), readout)  # of one precision
