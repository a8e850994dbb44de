"""Checkpoints: config.json and model.safetensors, holding only what cannot be had from a part's source."""

import dataclasses
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vicp.config import ModelConfig
from vicp.config_files import config_from_dict
from vicp.errors import ConfigError, WeightsError
from vicp.io import atomic_folder
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.hub import load_local_first
from vicp.model.loading.packaged import packaged
from vicp.model.vicp import VICP

CONFIG_NAME, WEIGHTS_NAME = "config.json", "model.safetensors"
FORMAT = 1

_log = logging.getLogger(__name__)


def load_pretrained(name_or_path: str | Path, **hub_arguments: Any) -> VICP:
    """Return the model of that name, in eval mode: a preset, a checkpoint folder, or a repository of the hub.

    A preset without a checkpoint, such as `paper`, is UNTRAINED but for the parts it takes from their sources: a
    warning in the log says so. A preset and a folder need no network for the checkpoint itself.

    Args:
        name_or_path: A preset comes before a folder of the same name.
        hub_arguments: Of `huggingface_hub.snapshot_download`, such as `revision` or `local_files_only`.

    Raises:
        ConfigError: Its config is not one of this version.
        WeightsError: There is none, or it does not fit its config.
    """
    name = str(name_or_path)
    place = find_checkpoint(name)
    if isinstance(place, ModelConfig):
        if name != "tiny":  # a preset for tests, random by intent
            _log.warning(
                "'%s' ships without a checkpoint: its Q-Former, prompt slots and heads are UNTRAINED, so what it makes "
                "of labelled pairs means nothing; train it with `vicp train`, or use 'mini'",
                name,
            )
        return build_model(place).eval()
    if not place.is_dir():
        try:
            place = Path(load_local_first(partial(snapshot_download, name, **hub_arguments), name))
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n")[0]
            raise WeightsError(f"'{name}' is no preset, no folder, and cannot be fetched ({reason})") from error
    return load_checkpoint(place)


def own_tensors(model: VICP) -> dict[str, Tensor]:
    """Return the parameters and buffers that the checkpoint holds: all but those of frozen parts with a source."""
    config = model.config
    foreign = ["backbone.vit."] if config.backbone.source is not None else []
    if config.reasoner.source is not None and config.freeze_reasoner and not config.random_reasoner:
        foreign.append("reasoner.llm.")
    return {name: t for name, t in model.state_dict().items() if not name.startswith(tuple(foreign))}


def save_checkpoint(model: VICP, folder: Path) -> None:
    """Write config.json and model.safetensors, each whole or not at all.

    Raises:
        WeightsError: The folder cannot be written.
    """
    config = {"format": FORMAT, "model": dataclasses.asdict(model.config)}
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in own_tensors(model).items()}
    try:
        with atomic_folder(folder, last=CONFIG_NAME) as part:
            save_file(tensors, part / WEIGHTS_NAME)
            (part / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{folder}: cannot write the checkpoint ({reason})") from error


def load_checkpoint(folder: Path) -> VICP:
    """Return the model a checkpoint folder holds, in eval mode.

    Raises:
        ConfigError: Its config has keys or values that this version does not know.
        WeightsError: No checkpoint there, another format, or tensors of other names or shapes.
    """
    try:
        saved = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS_NAME)
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(
            f"{folder}: no usable VICP checkpoint ({error}); expected {CONFIG_NAME} and {WEIGHTS_NAME}"
        ) from error
    if isinstance(saved, dict) and "format" not in saved and "model_type" in saved:
        kind = f"a {saved['model_type']} of transformers"
        raise WeightsError(f"{folder}: {kind}, no VICP checkpoint: give it as a backbone (--backbone {folder})")
    if not isinstance(saved, dict) or saved.get("format") != FORMAT or "model" not in saved:
        got = saved.get("format") if isinstance(saved, dict) else None
        raise WeightsError(f"{folder / CONFIG_NAME}: checkpoint format {got}, this version reads {FORMAT}")
    config = config_from_dict(ModelConfig, saved["model"], where=str(folder / CONFIG_NAME))
    _check_transform(config, folder / CONFIG_NAME)
    try:
        model = build_model(config)
    except (RuntimeError, MemoryError) as error:  # what torch raises for sizes below 0, or beyond all memory
        reason = str(error).strip().split("\n")[0]
        raise WeightsError(f"{folder / CONFIG_NAME}: no model of these sizes can be made ({reason})") from error
    copy_tensors(tensors, own_tensors(model), where=str(folder / WEIGHTS_NAME))
    return model.eval()


def _check_transform(config: ModelConfig, file: Path) -> None:
    """Raise `ConfigError` where no photo can become the input that a config asks for."""
    try:
        config.image_transform  # noqa: B018
    except ValueError as error:
        raise ConfigError(f"{file}: image_size, image_mean, image_std and image_fit make no sense ({error})") from error


def copy_tensors(source: dict[str, Tensor], target: dict[str, Tensor], *, where: str) -> None:
    """Copy tensors by name into a model's own, names and shapes checked first.

    Raises:
        WeightsError: Missing, unexpected or misshapen tensors, all of them named.
    """
    wrong = [f"{name} is missing" for name in target.keys() - source.keys()]
    wrong += [f"{name} is not of this model" for name in source.keys() - target.keys()]
    wrong += [
        f"{name} is {tuple(source[name].shape)}, expected {tuple(target[name].shape)}"
        for name in target.keys() & source.keys()
        if source[name].shape != target[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise WeightsError(f"{where}: {'; '.join(sorted(wrong)[:5])}{more}")
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(source[name])


def is_checkpoint(folder: Path) -> bool:
    """Return whether the config of a folder says that it holds a VICP model, and not one of transformers."""
    try:
        saved = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(saved, dict) and {"format", "model"} <= saved.keys()


def find_checkpoint(name_or_path: str) -> Path | ModelConfig:
    """Return a folder, that of a packaged checkpoint, or the config of a preset that ships without one."""
    folder = packaged(name_or_path)
    if folder is not None:
        return folder
    if name_or_path in PRESETS:
        return PRESETS[name_or_path]
    return Path(name_or_path)
