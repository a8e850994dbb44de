"""Static prompts: prompt tokens that are learned, not made from a context (VPT, arXiv 2203.12119)."""

import math

import torch
from torch import Tensor, nn

from vicp.model.backbone import Backbone


class StaticPrompt(nn.Module):
    """Learned prompt tokens for `Backbone.prompt_states`.

    A set per layer is VPT-deep: what a layer makes of its prompt tokens is dropped before the next. One set that
    all layers share is our variant, the counterpart of VICP's shared prompts. The start is VPT's: uniform within
    +-sqrt(6 / (3 p^2 + D)) for patches of p x p pixels, from torch's global generator.

    Args:
        backbone: Gives D, L and p; it is not kept.
        num_prompts: M.
        per_layer: A set for each layer, or one for all.

    Raises:
        ValueError: num_prompts below 1.
    """

    def __init__(self, backbone: Backbone, *, num_prompts: int, per_layer: bool = True) -> None:
        super().__init__()
        if num_prompts < 1:
            raise ValueError(f"num_prompts is {num_prompts}; expected at least 1")
        size = backbone.vit.config.patch_size
        patch_area = size * size if isinstance(size, int) else math.prod(size)
        bound = math.sqrt(6 / (3 * patch_area + backbone.width))
        tokens = torch.empty(len(backbone.layers), num_prompts, backbone.width)  # (L, M, D)
        tokens = tokens if per_layer else tokens[0]  # (L, M, D) or (M, D)
        self.tokens = nn.Parameter(tokens.uniform_(-bound, bound))

    def forward(self) -> Tensor:
        """Return the prompt tokens, (L, M, D) or (M, D)."""
        return self.tokens
