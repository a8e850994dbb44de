"""Config in, model out: one nested constructor call, and the presets by name."""

import logging
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    Blip2QFormerConfig,
    Blip2QFormerModel,
    PretrainedConfig,
    PreTrainedModel,
)

from vicp.config import ModelConfig, PartConfig
from vicp.errors import ConfigError, WeightsError
from vicp.model.backbone import Backbone
from vicp.model.comparison import Comparison
from vicp.model.connector import Connector
from vicp.model.head import VisualHead
from vicp.model.reasoner import Reasoner
from vicp.model.verifier import Verifier
from vicp.model.vicp import VICP

logger = logging.getLogger(__name__)

MINI = ModelConfig(
    backbone=PartConfig(
        family="dinov2",
        sizes={
            "hidden_size": 192,
            "num_hidden_layers": 5,
            "num_attention_heads": 3,
            "image_size": 96,
            "patch_size": 12,
        },
    ),
    reasoner=PartConfig(
        family="llama",
        sizes={
            "hidden_size": 192,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "num_key_value_heads": 3,
            "intermediate_size": 512,
            "vocab_size": 2,
            "max_position_embeddings": 2048,
        },
    ),
    connector={
        "hidden_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 384,
        "cross_attention_frequency": 1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    num_latents=4,
    num_prompts=16,
    head_norm=True,
    compare_in_context=True,
    freeze_reasoner=False,
    readout="both",
    image_size=96,
)

TINY = ModelConfig(
    backbone=PartConfig(
        family="dinov2",
        sizes={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        },
    ),
    reasoner=PartConfig(
        family="llama",
        sizes={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "intermediate_size": 64,
            "vocab_size": 2,
            "max_position_embeddings": 2048,
        },
    ),
    connector={
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "cross_attention_frequency": 2,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    num_latents=4,
    num_prompts=4,
    head_norm=True,
    compare_in_context=True,
    freeze_reasoner=False,
    image_size=32,
)

PRESETS = {"paper": ModelConfig(), "mini": MINI, "tiny": TINY}


def build_model(config: ModelConfig, *, seed: int = 0) -> VICP:
    """The architecture diagram: frozen parts from their sources, the others fresh from `seed`.

    Raises:
        ConfigError: a part's family or sizes make no sense.
        WeightsError: a source cannot be had.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = Backbone(_vision_model(config.backbone), readout=config.readout)
        llm = _language_model(config.reasoner)
        label_ids = _label_ids(config.reasoner, config.label_words)
        reasoner = Reasoner(llm, label_ids=label_ids, frozen=config.freeze_reasoner)
        return VICP(
            config=config,
            backbone=backbone,
            connector=Connector(
                _qformer(config.connector, backbone.width),
                num_latents=config.num_latents,
                out_dim=reasoner.width,
            ),
            comparison=Comparison(reasoner.width),
            reasoner=reasoner,
            head=VisualHead(
                reasoner.width,
                backbone.width,
                num_layers=len(backbone.layers) if config.prompts_per_layer else None,
                norm=config.head_norm,
            ),
            verifier=Verifier(reasoner.width),
        )


def vision_backbone(config: ModelConfig, *, seed: int = 0) -> Backbone:
    """The backbone alone, as `build_model` makes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Backbone(_vision_model(config.backbone), readout=config.readout)


def _vision_model(part: PartConfig) -> PreTrainedModel:
    if part.source is None:
        model = _fresh(AutoModel, _part_config(part, "model.backbone"), "model.backbone")
    else:
        model = _fetch(AutoModel, part.source, "model.backbone.source")
    model = getattr(model, "vision_model", model)  # CLIP's checkpoints hold a text model beside
    if model.main_input_name != "pixel_values":
        raise ConfigError(
            f"model.backbone: {type(model).__name__} reads {model.main_input_name}, not photos; "
            "give a vision transformer"
        )
    return model


def _language_model(part: PartConfig) -> PreTrainedModel:
    if part.source is None:
        wordless = {"bos_token_id": None, "eos_token_id": None}  # no tokenizer: nothing begins or ends a text
        config = _part_config(part, "model.reasoner", defaults=wordless)
        return _fresh(AutoModelForCausalLM, config, "model.reasoner")
    return _fetch(AutoModelForCausalLM, part.source, "model.reasoner.source")


def _qformer(sizes: dict[str, Any], encoder_width: int) -> Blip2QFormerModel:
    """The Q-Former that reads tokens of the backbone's width."""
    config = _sized(Blip2QFormerConfig, {**sizes, "encoder_hidden_size": encoder_width}, "model.connector")
    try:
        return Blip2QFormerModel(config)
    except ValueError as error:
        raise ConfigError(f"model.connector: {_first_line(error)}") from error


def _fresh(kind: Any, config: PretrainedConfig, key: str) -> PreTrainedModel:
    try:
        return kind.from_config(config)
    except ValueError as error:  # a family that is no model of this kind, or widths that do not divide
        raise ConfigError(f"{key}: {_first_line(error)}") from error


def _fetch(kind: Any, source: str, key: str) -> PreTrainedModel:
    try:
        return kind.from_pretrained(source, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"{key}: cannot load '{source}' ({_first_line(error)}); give a transformers checkpoint's hub name or folder"
        ) from error


def _part_config(part: PartConfig, key: str, *, defaults: dict[str, Any] | None = None) -> PretrainedConfig:
    try:
        kind = type(AutoConfig.for_model(part.family))
    except ValueError as error:
        raise ConfigError(f"{key}.family: transformers knows no model type '{part.family}'") from error
    fitting = {name: value for name, value in (defaults or {}).items() if hasattr(kind(), name)}
    return _sized(kind, {**fitting, **part.sizes}, f"{key}.sizes")


def _sized(kind: type[PretrainedConfig], sizes: dict[str, Any], key: str) -> PretrainedConfig:
    """A transformers config of these sizes; transformers itself would take an unknown field in silence."""
    known = kind()
    for name in sizes:
        if not hasattr(known, name):
            raise ConfigError(f"{key}.{name}: no such field in {kind.__name__}")
    try:
        return kind(**sizes)
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise ConfigError(f"{key}: {' '.join(str(error).split())}") from error


def _label_ids(part: PartConfig, words: tuple[str, str]) -> tuple[int, int] | None:
    """Vocabulary ids of the label words; None (learned label embeddings) without a tokenizer.

    Of a word that the tokenizer splits, the last piece stands for it.
    """
    if part.source is None:
        return None
    try:
        tokenizer = AutoTokenizer.from_pretrained(part.source)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = _first_line(error)
        logger.warning("%s has no tokenizer (%s): label embeddings are learned instead", part.source, reason)
        return None
    special = set(tokenizer.all_special_tokens)
    if not tokenizer.get_vocab().keys() - special:  # what some families load from nothing
        logger.warning("%s: its tokenizer is empty: label embeddings are learned instead", part.source)
        return None
    pieces = [tokenizer.encode(" " + word, add_special_tokens=False) for word in words]
    different, same = (ids[-1] if ids else tokenizer.unk_token_id for ids in pieces)
    if different == same or tokenizer.unk_token_id in (different, same):
        raise ConfigError(
            f"model.label_words: the tokenizer of {part.source} has no two tokens for {words}; "
            "choose two words that it knows"
        )
    return different, same


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
