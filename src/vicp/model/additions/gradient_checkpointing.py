"""Gradient checkpointing: layers keep their inputs alone, and run again in the backward pass."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer


def checkpoint_layers(model: nn.Module, *, on: bool) -> None:
    """Switch gradient checkpointing of the transformers layers in `model` on or off.

    transformers grants this in training mode only, while frozen parts are in eval. So a layer alone says that it
    trains, for as long as it is asked whether to checkpoint; it then runs in the mode it is found in here. Every
    later `train()` or `eval()` sets modes anew: call this again after it, and not twice in between.
    """
    for layer in model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.gradient_checkpointing = on
            if on:
                layer._gradient_checkpointing_func = partial(_run_checkpointed, layer, layer.training)
                layer.training = True


def _run_checkpointed(layer: nn.Module, mode: bool, forward: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    def forward_in_its_mode(*inputs: Tensor) -> Tensor:
        layer.training = mode
        try:
            return forward(*inputs)
        finally:
            layer.training = True

    output: Tensor = checkpoint(forward_in_its_mode, *inputs, use_reentrant=False)
    return output
