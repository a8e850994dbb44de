"""Find a VICP checkpoint or a vision backbone in a folder or on the hub, and open it."""

import json
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from transformers.utils import cached_file

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_backbone_embedder, load_model
from vicp.adapt.prompt import STATIC_NAME
from vicp.data.training_identities import NAME, TrainingIdentities
from vicp.errors import ConfigError, WeightsError
from vicp.model.build import PRESETS
from vicp.model.loading.checkpoint import CONFIG_NAME
from vicp.model.loading.hub import load_local_first
from vicp.model.loading.packaged import BACKBONES, packaged
from vicp.model.loading.pretrained import TIMM_PREFIX

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True)
class Checkpoint:
    """Weights that can be opened.

    Attributes:
        source: A packaged checkpoint, a folder or a hub name.
        has_model: A VICP model, not a backbone alone.
        has_static: Its folder holds a static prompt; of a hub name this is known once it is opened.
    """

    source: str
    has_model: bool
    has_static: bool

    def open(self) -> Embedder:
        """Return an embedder for the checkpoint.

        Raises:
            ConfigError: Its config is not one of this version.
            WeightsError: Damaged, or of another shape.
            PromptError: Its static prompt is damaged.
        """
        return load_model(self.source) if self.has_model else load_backbone_embedder(self.source)

    def open_plain(self) -> Embedder:
        """Return an embedder for the backbone alone, with the pooling and image settings of its VICP model."""
        return replace(self.open(), model=None, static=None)


def find(source: str) -> Checkpoint | None:
    """Return the checkpoint in a folder or on the hub; None where there is none.

    Args:
        source: A packaged checkpoint, a folder or a hub name (owner/name), of which only the config is fetched; what
            begins with `timm:` is looked for when it is opened.

    Raises:
        ConfigError: A folder or repository of something else, or a hub name that cannot be fetched.
    """
    if source.startswith(TIMM_PREFIX):
        return Checkpoint(source, has_model=False, has_static=False)
    folder = packaged(source) or Path(source)
    config = _config(source, folder)
    if config is None:
        return None
    has_model = "format" in config and "model" in config
    if not has_model and "model_type" not in config:
        raise ConfigError(f"{source}: its {CONFIG_NAME} is neither a VICP checkpoint's nor a transformers model's")
    return Checkpoint(
        source,
        has_model=has_model,
        has_static=(folder / STATIC_NAME).is_file(),
    )


def open_embedder(source: str) -> Embedder:
    """Return an embedder for a preset, a checkpoint's folder, a hub name, or a bare vision transformer.

    Raises:
        WeightsError: There is no such checkpoint, or its weights cannot be used.
        ConfigError: It holds something else, or cannot be fetched.
        PromptError: Its static prompt is damaged.
    """
    if source in PRESETS:
        return load_model(source)
    checkpoint = find(source)
    if checkpoint is None:
        raise WeightsError(
            f"{source}: no model there, expected one of {', '.join((*PRESETS, *BACKBONES))}, "
            "a folder with config.json, or OWNER/NAME on the hub"
        )
    return checkpoint.open()


def training_identities(source: str) -> TrainingIdentities | None:
    """Return the individuals that a checkpoint was trained on; None where it does not carry them.

    Args:
        source: A packaged checkpoint, a folder or a hub name; of the latter, a file that has been fetched.

    Raises:
        WeightsError: The file is damaged.
    """
    if is_hub_name(source):
        cached = try_to_load_from_cache(source, NAME)
        return TrainingIdentities.load(Path(cached).parent) if isinstance(cached, str) else None
    return TrainingIdentities.load(packaged(source) or Path(source))


def _config(source: str, folder: Path) -> dict[str, Any] | None:
    """Return the checkpoint's config; None where neither a folder nor a repository has one."""
    path = _fetched(source) if is_hub_name(source) else folder / CONFIG_NAME
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{source}: cannot read its {CONFIG_NAME} ({error}); fetch or train it again") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{source}: its {CONFIG_NAME} holds {type(config).__name__}, expected settings by name")
    return config


def is_hub_name(source: str) -> bool:
    """Return whether a name has the form owner/name, and there is no local file or folder `owner`."""
    return HUB_NAME.fullmatch(source) is not None and not Path(source).parent.exists()


def _fetched(name: str) -> Path:
    try:
        return Path(str(load_local_first(partial(cached_file, name, CONFIG_NAME), name)))
    except (OSError, ValueError) as error:  # transformers has no narrower one for what cannot be had
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"{name} is no folder here and cannot be had from the hub ({reason})") from error
