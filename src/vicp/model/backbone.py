"""The vision transformer, frozen in VICP; prompts enter as extra keys and values of every layer.

A prompt token joins the tokens of every layer and what the layer makes of it is dropped, so it acts only as
one more key and value per layer, and these depend on the prompt alone. `Backbone.prompt_states` computes them
once per prompt; `Backbone.encode` hands them to the attention as an argument. No module holds state.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface
from transformers.modeling_layers import GradientCheckpointingLayer

ATTENTION = "vicp_prompted"
CLS_PARAMETERS = ("cls_token", "class_embedding")  # what families call the learned CLS token
Pooling = Literal["cls", "mean", "both"]
InputTokens = Literal["all", "patches", "cls", "halved"]
Extend = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]
Observe = Callable[[Tensor, Tensor, float | None], None]  # query (B, H, P+N, d), key (B, H, M+P+N, d), scaling
PromptStates = dict[nn.Module, tuple[Tensor, Tensor]]  # attention module -> keys, values (1 or B, H, M, d)


@dataclass(frozen=True)
class Encoding:
    """What the backbone makes of B photos, after its last norm.

    Attributes:
        prefix: CLS and, where the family has them, registers (B, P, D).
        patches: Patch tokens in row order (B, N, D).
    """

    prefix: Tensor
    patches: Tensor

    @property
    def tokens(self) -> Tensor:
        """All tokens (B, P+N, D), the prefix first."""
        return torch.cat([self.prefix, self.patches], dim=1)  # (B, P+N, D)

    def select(self, which: InputTokens) -> Tensor:
        """Return tokens (B, n, D): all (P+N), the patches (N), CLS alone (1), or "halved".

        That is the prefix and the mean of every two by two patches, a quarter of them; of a grid with an odd side the
        last row and column are left out.
        """
        match which:
            case "all":
                return self.tokens
            case "patches":
                return self.patches
            case "cls":
                return self.prefix[:, :1]
            case "halved":
                return torch.cat([self.prefix, self._mean_of_four()], dim=1)

    def _mean_of_four(self) -> Tensor:
        """Return the mean of every two by two patches of a square grid (B, N/4, D)."""
        side = math.isqrt(self.patches.shape[1])
        half = side // 2
        grid = self.patches.unflatten(1, (side, side))[:, : 2 * half, : 2 * half]  # (B, 2h, 2h, D)
        means: Tensor = grid.unflatten(2, (half, 2)).unflatten(1, (half, 2)).mean(dim=(2, 4))  # (B, h, h, D)
        return means.flatten(1, 2)

    def pool(self, pooling: Pooling) -> Tensor:
        """Return one vector per photo: CLS (B, D), the mean patch (B, D), or both concatenated (B, 2D)."""
        if pooling == "cls":
            return self.prefix[..., 0, :]  # (B, D)
        if pooling == "mean":
            return self.patches.mean(dim=-2)  # (B, D)
        return torch.cat([self.prefix[..., 0, :], self.patches.mean(dim=-2)], dim=-1)  # (B, 2D)


def prompted_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    extend: Extend | None = None,
    observe: Observe | None = None,
    scaling: float | None = None,
    **kwargs: object,
) -> tuple[Tensor, None]:
    """Return scaled dot-product attention of transformers, over keys and values that `extend` may lengthen.

    Args:
        module: The attention module that calls; `extend` looks the prompt up by it.
        query: (B, H, P+N, d).
        key: (B, H, P+N, d).
        value: (B, H, P+N, d).
        attention_mask: Handed on as it is.
        extend: None is the plain model bit for bit.
        observe: Is shown what attends to what; changes nothing.
        scaling: Of the products of query and key; None is d ** -0.5.
        kwargs: Dropout, handed on as it is.
    """
    if extend is not None:
        key, value = extend(module, key, value)  # (B, H, M+P+N, d)
    if observe is not None:
        observe(query, key, scaling)
    output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    return output, None


def _join(prompt: Tensor, states: Tensor) -> Tensor:
    """Return prompt states (1 or B, H, M, d) concatenated before the photo's own (B, H, P+N, d).

    Most families split heads by a transposed view of (B, P+N, H, d): joining in that layout copies whole
    contiguous rows instead of one head at a time.
    """
    prompt = prompt.to(states.dtype).expand(states.shape[0], -1, -1, -1)
    return torch.cat([prompt.transpose(1, 2), states.transpose(1, 2)], dim=1).transpose(1, 2)


class Backbone(nn.Module):
    """A transformers vision model whose attention takes prompts.

    Args:
        vit: Any transformers vision transformer that asks `AttentionInterface` for its attention
            (Dinov2, Dinov2WithRegisters, DINOv3ViT, CLIPVision, ViT).
        pooling: Which tokens become the embedding.
        frozen: In eval for good, without gradients; otherwise each parameter keeps its `requires_grad`.
    """

    def __init__(self, vit: PreTrainedModel, *, pooling: Pooling = "cls", frozen: bool = True) -> None:
        super().__init__()
        register_attention()
        vit.set_attn_implementation(ATTENTION)
        self.vit = vit.eval().requires_grad_(False) if frozen else vit
        self.pooling: Pooling = pooling
        self.frozen = frozen

    def train(self, mode: bool = True) -> "Backbone":
        """Return the backbone in that mode; a frozen one stays in eval."""
        return super().train(mode and not self.frozen)

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restore a pickled backbone in a process that may not know its attention yet."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        register_attention()

    @property
    def layers(self) -> list[nn.Module]:
        """The L transformer layers, first to last."""
        return [m for m in self.vit.modules() if isinstance(m, GradientCheckpointingLayer)]

    @property
    def width(self) -> int:
        """D."""
        return int(self.vit.config.hidden_size)

    @property
    def has_cls(self) -> bool:
        """Whether a CLS token stands before the patches."""
        return any(name.endswith(CLS_PARAMETERS) for name, _ in self.vit.named_parameters())

    @property
    def embedding_dim(self) -> int:
        """Length of the embedding: D, or 2D when CLS and the mean patch are both read."""
        return self.width * (2 if self.pooling == "both" else 1)

    def prompt_states(self, tokens: Tensor) -> PromptStates:
        """Return the keys and values of the prompt in every layer, each computed from the prompt tokens alone.

        Args:
            tokens: One set for all layers (M, D), or one per layer (L, M, D).

        Raises:
            ValueError: The shape fits neither.
        """
        if tokens.ndim == 2:
            tokens = tokens.expand(len(self.layers), -1, -1)  # (L, M, D)
        if tokens.ndim != 3 or tokens.shape[0] != len(self.layers) or tokens.shape[2] != self.width:
            raise ValueError(
                f"prompt tokens have shape {tuple(tokens.shape)}; expected (M, {self.width}) "
                f"or ({len(self.layers)}, M, {self.width})"
            )
        return self.batched_prompt_states(tokens[:, None])

    def batched_prompt_states(self, tokens: Tensor) -> PromptStates:
        """Return keys and values of one prompt per photo, or of one for all: tokens (L, B or 1, M, D)."""
        states: PromptStates = {}

        def record(module: nn.Module, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
            states[module] = (key, value)  # (B or 1, H, M, d)
            return key, value

        for layer, layer_tokens in zip(self.layers, tokens, strict=True):
            layer(layer_tokens, extend=record, **_without_photo(layer, layer_tokens))
        return states

    def encode(self, pixels: Tensor, states: PromptStates | None = None, *, observe: Observe | None = None) -> Encoding:
        """Return the tokens of B photos under a prompt; None gives the plain model bit for bit.

        Args:
            pixels: Normalised photos (B, 3, H, W).
            states: From `prompt_states`.
            observe: Called by the attention of each layer, first to last, with its queries and keys.
        """
        arguments: dict[str, object] = {} if observe is None else {"observe": observe}
        if states is not None:

            def extend(module: nn.Module, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
                prompt_key, prompt_value = states[module]
                return _join(prompt_key, key), _join(prompt_value, value)

            arguments["extend"] = extend
        if "interpolate_pos_encoding" in inspect.signature(self.vit.forward).parameters:
            arguments["interpolate_pos_encoding"] = self._needs_interpolation(pixels)
        tokens = self.vit(pixel_values=pixels, **arguments).last_hidden_state  # (B, P+N, D)
        if hasattr(self.vit, "post_layernorm") and "siglip" not in self.vit.config.model_type:
            # CLIP norms its pooled token only; SigLIP has normed them all.
            tokens = self.vit.post_layernorm(tokens)
        return _split(tokens, self.num_patches(pixels.shape[-2], pixels.shape[-1]))

    def middle_patches(self, pixels: Tensor) -> Tensor:
        """Return the patch tokens of B photos (B, 3, H, W) after three fifths of the layers, without prompt: (B, N, D).

        There they still say what a patch shows; later layers spread over all patches what the photo shows. A model of
        timm gives its last features.
        """
        if not self.layers:  # of timm, whose layers are not ours to look into
            return self.encode(pixels).patches
        layer, found = self.layers[max(round(0.6 * len(self.layers)) - 1, 0)], []
        hook = layer.register_forward_hook(lambda _, __, output: found.append(output))
        try:
            self.encode(pixels)
        finally:
            hook.remove()
        tokens = found[0] if isinstance(found[0], Tensor) else found[0][0]  # (B, P+N, D)
        return self.split(tokens, pixels.shape[-1]).patches

    def split(self, tokens: Tensor, size: int) -> Encoding:
        """Return the encoding whose `tokens` are these (..., P+N, D), of photos of size x size pixels."""
        return _split(tokens, self.num_patches(size, size))

    def embed(self, pixels: Tensor, states: PromptStates | None = None) -> Tensor:
        """Return L2-normalised float32 embeddings (B, `embedding_dim`) of B photos (B, 3, H, W)."""
        return nn.functional.normalize(self.features(pixels, states), dim=-1)

    def features(self, pixels: Tensor, states: PromptStates | None = None) -> Tensor:
        """Return embeddings as `embed`, before they are normalised: (B, `embedding_dim`) float32."""
        return self.encode(pixels, states).pool(self.pooling).float()

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of patches in photos of height x width pixels; their product is N."""
        size = self.vit.config.patch_size
        patch_height, patch_width = (size, size) if isinstance(size, int) else size
        return height // patch_height, width // patch_width

    def num_patches(self, height: int, width: int) -> int:
        """Return N for photos of height x width pixels."""
        rows, columns = self.grid(height, width)
        return rows * columns

    def _needs_interpolation(self, pixels: Tensor) -> bool:
        size = self.vit.config.image_size
        return tuple(pixels.shape[-2:]) != ((size, size) if isinstance(size, int) else tuple(size))


def _split(tokens: Tensor, num_patches: int) -> Encoding:
    prefix, patches = tokens.split([tokens.shape[-2] - num_patches, num_patches], dim=-2)
    return Encoding(prefix, patches)


def _without_photo(layer: nn.Module, tokens: Tensor) -> dict[str, object]:
    """Return the arguments that a layer requires, for tokens that have no place in the photo."""
    parameters = inspect.signature(layer.forward).parameters
    nowhere = tokens.new_zeros(0, 1)  # rotary angles of zero patches: every token counts as a prefix token
    return {
        name: value
        for name, value in {"attention_mask": None, "position_embeddings": (nowhere, nowhere)}.items()
        if name in parameters
    }


def _no_mask(*arguments: object, **settings: object) -> None:
    """Return no mask: photos have no padding, and a mask (N, N) would not fit keys that a prompt lengthens."""


def register_attention() -> None:
    """Make our attention known to transformers."""
    AttentionInterface.register(ATTENTION, prompted_attention)
    AttentionMaskInterface.register(ATTENTION, _no_mask)
