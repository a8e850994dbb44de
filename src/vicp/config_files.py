"""Read settings (defaults, then YAML, then key=value) and write them; the only module that uses OmegaConf."""

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vicp.errors import ConfigError
from vicp.io import atomic_write

T = TypeVar("T")


def load_config(kind: type[T], file: Path | None = None, overrides: Sequence[str] = ()) -> T:
    """Return a config of `kind`: its defaults, then a YAML file, then `key.sub=value` overrides.

    A YAML file with a key `extends: OTHER.yaml`, relative to it, holds what differs from that file.

    Raises:
        ConfigError: A file that cannot be read, an unknown key (with the nearest valid one), a value of the
            wrong type.
    """
    layers = []
    for source in [] if file is None else _lineage(file):
        layers.append({key: value for key, value in _read_yaml(source).items() if key != "extends"})
        _merge(kind, layers, where=f"{source}: ")  # file by file first, so that an error says whose it is
    return _merge(kind, [*layers, _read_overrides(overrides)])


def _lineage(file: Path) -> list[Path]:
    """Return the file and those it extends, the first to be read first."""
    files = [file]
    while (parent := _read_yaml(files[0]).get("extends")) is not None:
        found = files[0].parent / str(parent)
        if found in files:
            raise ConfigError(f"{files[0]}: extends {parent}, which extends this file")
        files.insert(0, found)
    return files


def config_from_dict(kind: type[T], values: dict[str, Any], *, where: str) -> T:
    """Return a config of `kind` from plain values, as read from a checkpoint's JSON; errors name `where`."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: a config is a mapping of keys to values, got {type(values).__name__}")
    return _merge(kind, [values], where=f"{where}: ")


def dump_config(config: Any, file: Path) -> None:
    """Write the resolved config as YAML.

    Raises:
        ConfigError: It cannot be written there.
    """
    text = yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False)
    try:
        with atomic_write(file) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot write the settings ({error.strerror})") from error


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case _:
            return value


def _merge(kind: type[T], layers: Sequence[dict[str, Any]], *, where: str = "") -> T:
    try:
        merged = OmegaConf.merge(OmegaConf.structured(kind), *map(OmegaConf.create, layers))
        return cast(T, OmegaConf.to_object(merged))
    except (OmegaConfBaseException, TypeError) as error:
        raise ConfigError(where + _explain(error, kind, layers)) from error


def _read_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    for override in overrides:
        if "=" not in override.lstrip("="):
            raise ConfigError(f"'{override}': an override is written key=value, such as seed=1")
    try:
        return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides))))
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the overrides {list(overrides)} ({_one_line(error)})") from error


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).replace("\n", " ")
        raise ConfigError(f"{file}: cannot read this config ({reason})") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: a config is a mapping of keys to values, got {type(content).__name__}")
    return content


def _explain(error: Exception, kind: type, layers: Sequence[dict[str, Any]]) -> str:
    known = _keys(kind)
    key = str(getattr(error, "full_key", None) or "")
    if key and key not in known:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
        return f"unknown key '{key}'" + (f", did you mean '{near[0]}'?" if near else "")
    if not key:
        key = _refused(kind, layers)
    return f"{key}: {_one_line(getattr(error, 'msg', None) or error)}"


def _refused(kind: type, layers: Sequence[dict[str, Any]]) -> str:
    """Return the key that is refused alone: of a section or a tuple, OmegaConf does not say which."""
    defaults = OmegaConf.structured(kind)
    for layer in layers:
        for key, value in _leaves(layer, OmegaConf.to_container(defaults)):
            nested = value
            for name in reversed(key.split(".")):
                nested = {name: nested}
            try:
                OmegaConf.merge(defaults, OmegaConf.create(nested))
            except (OmegaConfBaseException, TypeError):
                return key
    return "config"


def _leaves(values: dict[str, Any], defaults: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield full keys and values, down to where either side is not a mapping."""
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            yield from _leaves(value, default, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _one_line(error: object) -> str:
    return str(error).strip().split("\n")[0].replace("Value '$VALUE' of type '$VALUE_TYPE'", "a value in it")


def _keys(kind: type, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for item in dataclasses.fields(kind):
        keys.append(prefix + item.name)
        if isinstance(item.type, type) and dataclasses.is_dataclass(item.type):
            keys += _keys(item.type, prefix + item.name + ".")
    return keys
