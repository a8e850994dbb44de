"""What lies in a folder or under a hub name: a VICP checkpoint or a vision backbone; and how either is opened."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers.utils import cached_file

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import STATIC_NAME, load_backbone_embedder, load_model
from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.errors import ConfigError
from vicp.model.backbone import Pooling
from vicp.model.checkpoint import CONFIG_NAME, find_checkpoint

PACKAGED = "mini"
SETTINGS_NAME = "train.yaml"  # what a run writes next to its checkpoints
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True)
class Checkpoint:
    """Weights that can be opened.

    Attributes:
        source: `mini`, a folder or a hub name.
        has_model: a VICP model, not a backbone alone.
        has_static: its folder holds a static prompt; of a hub name this is known once it is opened.
        pooling: of a backbone alone: as in the settings of its training run, found in the parent folder, else CLS.
    """

    source: str
    has_model: bool
    has_static: bool
    pooling: Pooling

    def open(self) -> Embedder:
        """An embedder for it.

        Raises:
            ConfigError: its config is not one of this version.
            WeightsError: damaged, or of another shape.
            PromptError: its static prompt is damaged.
        """
        return load_model(self.source) if self.has_model else load_backbone_embedder(self.source, pooling=self.pooling)

    def open_plain(self) -> Embedder:
        """An embedder for its backbone alone, that of a VICP model with the model's pooling and photos."""
        return replace(self.open(), model=None, static=None)


def find(source: str) -> Checkpoint | None:
    """What there is; None where there is nothing.

    Args:
        source: `mini`, a folder or a hub name (owner/name), of which only the config is fetched.

    Raises:
        ConfigError: a folder or repository of something else, or a hub name that cannot be fetched.
    """
    folder = _folder(source)
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
        pooling="cls" if has_model else _pooling(folder),
    )


def _folder(source: str) -> Path:
    if source != PACKAGED:
        return Path(source)
    found = find_checkpoint(source)
    assert isinstance(found, Path)
    return found


def _config(source: str, folder: Path) -> dict[str, Any] | None:
    """The checkpoint's config; None where neither a folder nor a repository has one."""
    path = _fetched(source) if _is_hub_name(source) else folder / CONFIG_NAME
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{source}: cannot read its {CONFIG_NAME} ({error}); fetch or train it again") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{source}: its {CONFIG_NAME} holds {type(config).__name__}, expected settings by name")
    return config


def _is_hub_name(source: str) -> bool:
    """Whether it is written owner/name, and no file or folder `owner` is here, of which it would be a part."""
    return HUB_NAME.fullmatch(source) is not None and not Path(source).parent.exists()


def _fetched(name: str) -> Path:
    try:
        return Path(cached_file(name, CONFIG_NAME))
    except (OSError, ValueError) as error:  # transformers has no narrower one for what cannot be had
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"{name} is no folder here and cannot be had from the hub ({reason})") from error


def _pooling(folder: Path) -> Pooling:
    settings = folder.parent / SETTINGS_NAME
    return load_config(RunConfig, settings).model.pooling if folder.is_dir() and settings.is_file() else "cls"
