"""The visual head: states of the prompt slots become prompt tokens (design: visual head)."""

from typing import Literal

from torch import Tensor, nn


class VisualHead(nn.Module):
    """A two-layer MLP, or a linear map, from the LLM's width to the ViT's; optionally a set of tokens per layer.

    Args:
        in_dim: E.
        out_dim: D.
        num_layers: L for prompts per layer, None for one set shared by all layers.
        norm: LayerNorm on the output (ours): every layer norms its tokens anyway, and with a fixed length the
            head cannot shrink the prompt into a constant.
        kind: the paper's MLP, or one linear layer.
        zero_init: weights and bias of the last linear layer start at zero, and so do the prompt tokens before `norm`.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        num_layers: int | None = None,
        norm: bool = True,
        kind: Literal["mlp", "linear"] = "mlp",
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.num_layers = num_layers
        mlp = [nn.LayerNorm(in_dim), nn.Linear(in_dim, in_dim), nn.GELU()] if kind == "mlp" else []
        self.hidden = nn.Sequential(*mlp)
        self.out = nn.Linear(in_dim, out_dim * (num_layers or 1))
        if zero_init:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)
        self.norm = nn.LayerNorm(out_dim) if norm else nn.Identity()

    def forward(self, states: Tensor) -> Tensor:
        """Prompt tokens (C, M, D), or (C, L, M, D), from slot states (C, M, E)."""
        tokens: Tensor = self.out(self.hidden(states))  # (C, M, D) or (C, M, L*D)
        if self.num_layers is not None:
            tokens = tokens.reshape(*tokens.shape[:-1], self.num_layers, -1).transpose(1, 2)  # (C, L, M, D)
        normed: Tensor = self.norm(tokens)
        return normed
