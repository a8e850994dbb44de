"""The parts that transformers provides: from a source, or of given sizes; and the words a source has for the labels."""

import json
import logging
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

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
from transformers.utils import cached_file
from transformers.utils import logging as transformers_logging

from vicp.config import PartConfig
from vicp.errors import ConfigError, WeightsError
from vicp.model.loading.hub import load_local_first

LOADING_ERRORS = (  # what transformers raises for damaged checkpoints, and for packages that they need
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    ImportError,
    SafetensorError,
    StrictDataclassError,
    UnpicklingError,
)
_DISPENSABLE = ("pooler", "mask_token", "lm_head", "position_ids", "inv_freq")  # no part in what is read of a model
_SHOWN = 3
TIMM_PREFIX = "timm:"  # of the name of a backbone that timm has
COUNTS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "patch_size", "image_size")

logger = logging.getLogger(__name__)


def vision_model(part: PartConfig) -> PreTrainedModel:
    """Return the vision transformer of `model.backbone`, in float32.

    Raises:
        ConfigError: Family or sizes make no sense, or it reads no photos.
        WeightsError: Its source cannot be had.
    """
    if part.source is None:
        model = _fresh(AutoModel, _part_config(part, "model.backbone"), "model.backbone")
    else:
        model = _fetch_model(AutoModel, part.source, "model.backbone.source")
    model = getattr(model, "vision_model", model)  # CLIP's checkpoints hold a text model too
    if model.main_input_name != "pixel_values":
        raise ConfigError(
            f"model.backbone: {type(model).__name__} reads {model.main_input_name}, not photos; "
            "give a vision transformer"
        )
    return model


def language_model(part: PartConfig, *, random: bool = False) -> PreTrainedModel:
    """Return the causal LM of `model.reasoner`, in float32.

    Args:
        part: Where it comes from.
        random: Of a source, only the architecture.

    Raises:
        ConfigError: Family or sizes make no sense.
        WeightsError: Its source cannot be had.
    """
    if part.source is None:
        wordless = {"bos_token_id": None, "eos_token_id": None}  # no tokenizer: nothing begins or ends a text
        config = _part_config(part, "model.reasoner", defaults=wordless)
    elif random:
        config = _fetch(AutoConfig, part.source, "model.reasoner.source")
    else:
        return _fetch_model(AutoModelForCausalLM, part.source, "model.reasoner.source")
    return _fresh(AutoModelForCausalLM, config, "model.reasoner")


def qformer(sizes: dict[str, Any], encoder_width: int) -> Blip2QFormerModel:
    """Return the Q-Former that reads tokens of the backbone's width.

    Raises:
        ConfigError: The sizes make no sense.
    """
    config = _sized(Blip2QFormerConfig, {**sizes, "encoder_hidden_size": encoder_width}, "model.qformer")
    try:
        return Blip2QFormerModel(config)
    except ValueError as error:
        raise ConfigError(f"model.qformer: {_first_line(error)}") from error


def label_ids(part: PartConfig, words: tuple[str, str]) -> tuple[int, int] | None:
    """Return the vocabulary ids of the label words; None without a tokenizer (learned label embeddings).

    Of a word that the tokenizer splits, the last piece stands for it.

    Raises:
        ConfigError: It does not tell the two words apart.
    """
    if part.source is None:
        return None
    try:
        tokenizer = load_local_first(partial(AutoTokenizer.from_pretrained, part.source), part.source)
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


def _fresh(kind: Any, config: PretrainedConfig, key: str) -> PreTrainedModel:
    try:
        return kind.from_config(config, dtype=torch.float32)
    except ValueError as error:  # a family that is no model of this kind, or widths that do not divide
        raise ConfigError(f"{key}: {_first_line(error)}") from error


def _fetch(kind: Any, source: str, key: str, **options: Any) -> Any:
    """Return what transformers loads from a folder, the cache or the hub."""
    try:
        _check_config(source)
        return load_local_first(partial(kind.from_pretrained, source, **options), source)
    except LOADING_ERRORS as error:
        raise WeightsError(
            f"{key}: cannot load '{source}' ({_first_line(error)}); give a transformers checkpoint's hub name or folder"
        ) from error


def _fetch_model(kind: Any, source: str, key: str) -> PreTrainedModel:
    """Return a model all of whose weights the checkpoint has; transformers would draw the others at random.

    Raises:
        WeightsError: Tensors are missing or have other names.
    """
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # its table of tensors says what the error here says
    try:
        model, loaded = _fetch(kind, source, key, dtype=torch.float32, output_loading_info=True)
    finally:
        transformers_logging.set_verbosity(verbosity)
    missing = sorted(name for name in loaded["missing_keys"] if not _is_dispensable(name, model))
    if missing:
        unknown = sorted(loaded["unexpected_keys"])
        others = f"; it has {unknown[0]} and {len(unknown) - 1} more of other names" if unknown else ""
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise WeightsError(
            f"{key}: '{source}' lacks the weights {', '.join(missing[:_SHOWN])}{more}{others}: they would be random. "
            "Give a whole checkpoint, with the names that transformers has"
        )
    return cast(PreTrainedModel, model)


def _is_dispensable(name: str, model: PreTrainedModel) -> bool:
    """Return whether a tensor has no part in what is read of a model."""
    is_of_other_half = hasattr(model, "vision_model") and name.startswith(("text_model.", "text_projection."))
    return is_of_other_half or any(part in name.split(".") for part in _DISPENSABLE)


def _check_config(source: str) -> None:
    """Check the settings of a checkpoint before transformers builds a model of them.

    Raises:
        OSError: There are none.
        ValueError: They are of no transformers model, or of one that no machine can hold.
    """
    if source.startswith(TIMM_PREFIX):
        raise ValueError("models of timm take no prompt tokens and are not trained: they go to --backbone")
    path = load_local_first(partial(cached_file, source, "config.json"), source)
    if path is None:
        raise OSError("it has no config.json")
    config = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError("its config.json holds no settings by name")
    if not isinstance(config.get("model_type"), str):
        if "architecture" in config:
            raise ValueError(f"a checkpoint of timm ({config['architecture']}): give it as {TIMM_PREFIX}{source}")
        raise ValueError("its config.json names no model_type of transformers")
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        for name in (*COUNTS, "intermediate_size"):
            value, most = part.get(name, 1), 1000 if name == "num_hidden_layers" else 1_000_000
            sizes = value if isinstance(value, list) else [value]
            if not all(isinstance(size, int) and 0 < size <= most for size in sizes if size is not None):
                raise ValueError(f"its config.json says {name} {value!r}")


def _part_config(part: PartConfig, key: str, *, defaults: dict[str, Any] | None = None) -> PretrainedConfig:
    try:
        kind = type(AutoConfig.for_model(part.family))
    except ValueError as error:
        raise ConfigError(f"{key}.family: transformers knows no model type '{part.family}'") from error
    fitting = {name: value for name, value in (defaults or {}).items() if hasattr(kind(), name)}
    return _sized(kind, {**fitting, **part.sizes}, f"{key}.sizes")


def _sized(kind: type[PretrainedConfig], sizes: dict[str, Any], key: str) -> PretrainedConfig:
    """Return a transformers config of these sizes; transformers itself would take an unknown field in silence."""
    known = kind()
    for name in sizes:
        if not hasattr(known, name):
            raise ConfigError(f"{key}.{name}: no such field in {kind.__name__}")
        if name in COUNTS and isinstance(sizes[name], int) and sizes[name] < 1:
            raise ConfigError(f"{key}.{name} is {sizes[name]}; expected 1 or more")
    try:
        return kind(**sizes)
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise ConfigError(f"{key}: {' '.join(str(error).split())}") from error


def _first_line(error: Exception) -> str:
    """Return what is wrong, in one line; what transformers says of some things is no reason."""
    if isinstance(error, UnpicklingError):
        return "its weights are damaged, or hold more than tensors: save them as safetensors"
    if "ignore_mismatched_sizes" in str(error):
        return "its tensors have other shapes than its config.json says"
    return str(error).strip().split("\n")[0]
