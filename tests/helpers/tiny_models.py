"""Tiny random models, and checkpoints of them on disk as a user would have them."""

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import nn
from transformers import (
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    DINOv3ViTConfig,
    GPT2Config,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    ViTConfig,
)

VOCABULARY = {"<unk>": 0, "a": 1, "same": 2, "pair": 3, "different": 4, "of": 5}

_VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
_WORDLESS = {"bos_token_id": None, "eos_token_id": None, "vocab_size": len(VOCABULARY)}

VISION_CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "dinov2": lambda: Dinov2Config(**_VISION),
    "dinov2_with_registers": lambda: Dinov2WithRegistersConfig(**_VISION, num_register_tokens=3),
    "dinov3_vit": lambda: DINOv3ViTConfig(**_VISION, intermediate_size=48, num_register_tokens=2),
    "clip_vision_model": lambda: CLIPVisionConfig(**_VISION, intermediate_size=48),
    "vit": lambda: ViTConfig(**_VISION, intermediate_size=48),
}
LANGUAGE_CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        max_position_embeddings=512,
        **_WORDLESS,
    ),
    "qwen2": lambda: Qwen2Config(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        max_position_embeddings=512,
        **_WORDLESS,
    ),
    "gpt2": lambda: GPT2Config(n_embd=24, n_layer=2, n_head=2, n_positions=512, **_WORDLESS),
}


def randomise(model: nn.Module, *, seed: int = 0) -> None:
    """Away from the initial values: LayerScale, norms and biases start as ones and zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
            if "lambda1" in name:
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)


def save_language_model(model: PreTrainedModel, folder: Path) -> Path:
    """A causal LM with a tokenizer of whole words beside it."""
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").save_pretrained(folder)
    return folder
