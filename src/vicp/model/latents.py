"""The latents of photos, and the readout of the frozen backbone that goes with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Latents:
    """What the Q-Former makes of photos (B of them, or any leading dimensions such as C contexts of K pairs).

    Attributes:
        tokens: what the LLM and the comparison read (B, Q, E); with a readout latent, that is the last of them.
        readout: the frozen backbone's readout, L2-normalised float32 (B, D'), for what is computed from pairs in
            closed form; None where the model computes nothing of that kind.
    """

    tokens: Tensor
    readout: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: Any) -> "Latents":
        """The photos at an index into the leading dimensions."""
        return self.apply(lambda values: values[index])

    def apply(self, function: Callable[[Tensor], Tensor]) -> "Latents":
        """The result of a function of the leading dimensions, or of single values, for tokens and readout alike."""
        return Latents(function(self.tokens), None if self.readout is None else function(self.readout))

    @staticmethod
    def cat(parts: Sequence["Latents"], dim: int = 0) -> "Latents":
        """Several latents joined along one of the leading dimensions, counted from the first."""
        readouts = [part.readout for part in parts if part.readout is not None]
        tokens = torch.cat([part.tokens for part in parts], dim=dim)
        return Latents(tokens, torch.cat(readouts, dim=dim) if readouts else None)
