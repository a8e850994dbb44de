"""LoRA for baselines that train the backbone: low-rank updates of queries and values (arXiv 2106.09685)."""

import copy

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel

from vicp.errors import ConfigError
from vicp.model.backbone import Backbone

PROJECTIONS = ("q_proj", "v_proj", "query", "value")  # what the families call them, today and in older versions


def add_lora(backbone: Backbone, *, rank: int = 8, alpha: int = 16, last_layers: int | None = None) -> Backbone:
    """Return the same backbone, changed in place: low-rank updates that start at zero and alone take gradients.

    W x becomes W x + (alpha / rank) B A x in the query and value projections. A is drawn from torch's global
    generator, B is zero. Prompts enter as before. The backbone keeps its mode: LoRA itself has no dropout.

    Args:
        backbone: Whose vit is plain.
        rank: Rows of A.
        alpha: Scale of the update.
        last_layers: How many of the last layers are updated; None for all.

    Raises:
        ValueError: A rank or number of layers out of range, or a backbone that has LoRA already.
        ConfigError: Its attention has no projections by the names known here.
    """
    layers = backbone.layers
    count = len(layers) if last_layers is None else last_layers
    if rank < 1 or alpha < 1 or not 1 <= count <= len(layers):
        raise ValueError(
            f"rank is {rank}, alpha {alpha}, last_layers {last_layers}; "
            f"expected rank and alpha above 0 and 1 to {len(layers)} layers"
        )
    if _has_lora(backbone.vit):
        raise ValueError("this backbone has LoRA already; merge_lora gives a plain vit to start from")
    updated = {module for layer in layers[-count:] for module in layer.modules()}
    targets = [
        name
        for name, module in backbone.vit.named_modules()
        if module in updated and isinstance(module, nn.Linear) and name.rpartition(".")[2] in PROJECTIONS
    ]
    if not targets:
        raise ConfigError(
            f"{type(backbone.vit).__name__} has no linear layer called {', '.join(PROJECTIONS)}, which LoRA updates; "
            "fine-tune it in full or choose another backbone"
        )
    # Full names rather than peft's layers_to_transform, which finds no layer number in ViT's `layers.0.attention`.
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets), backbone.vit)
    backbone.vit.train(backbone.vit.training)  # the new modules too
    return backbone


def merge_lora(backbone: Backbone) -> PreTrainedModel:
    """Return a plain copy of the vit with the updates added into its weights; the backbone keeps its LoRA.

    Raises:
        ValueError: There is no LoRA to merge.
    """
    if not _has_lora(backbone.vit):
        raise ValueError("this backbone has no LoRA to merge; its vit is plain already")
    vit = copy.deepcopy(backbone.vit)
    for name, module in list(vit.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            vit.set_submodule(name, module.get_base_layer())
    del vit.peft_config
    return vit


def _has_lora(vit: PreTrainedModel) -> bool:
    return any(isinstance(module, LoraLayer) for module in vit.modules())
