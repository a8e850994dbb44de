"""The methods of an evaluation: find one by name, open it, and list the adaptations that it supports."""

import glob
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vicp.adapt.checkpoints import Checkpoint, find
from vicp.adapt.embedder import Embedder, HasEmbedder, embedder_of
from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.data.records import nearest
from vicp.errors import ConfigError
from vicp.model.loading.packaged import BACKBONES, MODELS, packaged

ADAPTATIONS = ("null", "static", "prompt", "generated", "metric", "tuned", "finetuned", "auto")
ON_REQUEST = ("prompt", "tuned", "finetuned")  # a pass under other tokens, or up to minutes per support
BASELINE_FOLDERS = ("baselines", "mini-baselines")  # of `runs` and of `configs`
FOLD, CATEGORY = "{fold}", "{category}"
FROZEN = "frozen:"


@dataclass(frozen=True)
class Method:
    """What is evaluated.

    Attributes:
        name: As typed; with `{fold}` or `{category}` in it, each fold or category has a checkpoint of its own.
        adaptations: What it can do with labelled pairs, in the order of ADAPTATIONS.
        embedder: Of a method that was given as a model; None for one that is opened by its name.
    """

    name: str
    adaptations: tuple[str, ...]
    embedder: Embedder | None = None


def make_methods(methods: Sequence[str | Embedder | HasEmbedder]) -> list[Method]:
    """Return the methods of these names and models, each once; models of one name are numbered.

    Raises:
        ConfigError: None is given, or as of `parse_method`.
    """
    if isinstance(methods, str) or not isinstance(methods, Sequence) or not methods:
        raise ConfigError(f"methods are {methods!r}: expected a list of at least one model or name, as in ['mini']")
    by_name: dict[str, Method] = {}
    for method in dict.fromkeys(methods):
        if isinstance(method, str):
            by_name[method] = parse_method(method)
            continue
        embedder = embedder_of(method)
        title = embedder.source or f"model {embedder.fingerprint}"
        numbered = (f"{title} ({number})" for number in itertools.count(2))
        name = title if title not in by_name else next(each for each in numbered if each not in by_name)
        by_name[name] = Method(name, possible_adaptations(embedder), embedder)
    return list(by_name.values())


def parse_method(text: str) -> Method:
    """Return the method of that name, if it exists; nothing is opened yet.

    A name is `mini`; a checkpoint's folder or hub name; a config of `vicp train`, for its run's best checkpoint; a
    baseline, for that of `runs/baselines/NAME` or `runs/mini-baselines/NAME` below the working directory; or
    `frozen:` with the first or a vision model of transformers, for the backbone without anything that was learned
    for it.

    Raises:
        ConfigError: There is no such thing, or not for every fold or category that is there.
    """
    placeholder = _placeholder(text)
    names = [text.replace(placeholder, value) for value in _values(text, placeholder)] if placeholder else [text]
    if not names:
        raise ConfigError(f"'{text}': there is no file or folder for any {placeholder}")
    checkpoints = [_find(name) for name in names]
    if text.startswith(FROZEN):
        return Method(text, _possible(has_model=False, has_static=False))
    return Method(
        text,
        _possible(has_model=all(c.has_model for c in checkpoints), has_static=all(c.has_static for c in checkpoints)),
    )


def checkpoint_name(method: Method, *, fold: str = "", category: str = "") -> str:
    """Return the name of the checkpoint that a method has for a task of this fold and category.

    Raises:
        ConfigError: The method has one per fold, and the photos have no folds.
    """
    if FOLD in method.name and not fold:
        raise ConfigError(f"'{method.name}': these photos have no folds; name one checkpoint, without {FOLD}")
    return method.name.replace(FOLD, fold).replace(CATEGORY, category)


def find_method(method: Method, *, fold: str = "", category: str = "") -> Checkpoint:
    """Return the method's checkpoint, not opened, so that a missing one is found before the evaluation starts.

    Args:
        method: Opened by its name.
        fold: Of the task; it counts where the method has a checkpoint per fold.
        category: Of the task; it counts where the method has a checkpoint per category.

    Raises:
        ConfigError: There is none for this fold or category, or the photos have no folds.
    """
    return _find(checkpoint_name(method, fold=fold, category=category))


def open_method(method: Method, *, fold: str = "", category: str = "") -> Embedder:
    """Return the embedder of a method: a VICP model or a backbone, with its static prompt, if any.

    Args:
        method: From `make_methods`.
        fold: As of `find_method`.
        category: As of `find_method`.

    Raises:
        ConfigError: As of `find_method`.
        WeightsError: The checkpoint is damaged.
        PromptError: Its static prompt is.
    """
    if method.embedder is not None:
        return method.embedder
    checkpoint = find_method(method, fold=fold, category=category)
    return checkpoint.open_plain() if method.name.startswith(FROZEN) else checkpoint.open()


def supported_adaptations(embedder: Embedder, requested: Sequence[str] | None) -> tuple[str, ...]:
    """Return the adaptations to evaluate, each once: the requested ones, or else all that need no request.

    Raises:
        ConfigError: A requested one does not exist, or needs what this embedder has not.
    """
    possible = possible_adaptations(embedder)
    for name in requested or ():
        _check(name, "this method", possible)
    return tuple(dict.fromkeys(requested)) if requested else tuple(name for name in possible if name not in ON_REQUEST)


def check_supported(method: Method, requested: Sequence[str] | None) -> None:
    """Check that the method supports one of the requested adaptations, before anything is opened or written.

    Raises:
        ConfigError: It can do none of them.
    """
    if requested and not set(requested) & set(method.adaptations):
        _check(requested[0], method.name, method.adaptations)


def has_verifier(method: Method) -> bool:
    """Return whether the method answers about pairs in their context, which a second stage is made of."""
    return "generated" in method.adaptations


def _check(name: str, method: str, possible: Sequence[str]) -> None:
    if name not in ADAPTATIONS:
        raise ConfigError(f"no adaptation '{name}'{nearest(name, ADAPTATIONS)}")
    if name not in possible:
        need = "a VICP model" if name in ("prompt", "generated") else "a static prompt in the folder of the checkpoint"
        raise ConfigError(f"adaptation {name} needs {need}; {method} can do: {', '.join(possible)}")


def possible_adaptations(embedder: Embedder) -> tuple[str, ...]:
    """Return all adaptations that an embedder can do, those on request too."""
    return _possible(has_model=embedder.model is not None, has_static=embedder.static is not None)


def _possible(*, has_model: bool, has_static: bool) -> tuple[str, ...]:
    needed = {"prompt": has_model, "generated": has_model, "static": has_static}
    return tuple(name for name in ADAPTATIONS if needed.get(name, True))


def _find(name: str) -> Checkpoint:
    """Return the checkpoint that a name without `{fold}` stands for."""
    source = name.removeprefix(FROZEN)
    if source.endswith((".yaml", ".yml")):
        return _of_config(Path(source))
    is_name = "/" not in source and packaged(source) is None and not Path(source).exists()
    checkpoint = _of_baseline(source) if is_name else find(source)
    if checkpoint is None:
        best = Path(source) / "best"
        raise ConfigError(
            f"'{name}': no checkpoint there{f'; see {best}' if best.is_dir() else nearest(source, _known())}"
        )
    return checkpoint


def _of_config(file: Path) -> Checkpoint:
    if not file.is_file():
        others = sorted(str(other) for other in file.parent.glob("*.yaml"))
        raise ConfigError(f"{file}: no such config{nearest(str(file), others) if others else ''}")
    best = Path(load_config(RunConfig, file).out) / "best"
    checkpoint = find(str(best)) if best.is_dir() else None
    if checkpoint is None:
        raise ConfigError(f"{best} has no checkpoint yet: train it with vicp train --config {file}")
    return checkpoint


def _of_baseline(name: str) -> Checkpoint:
    places = [Path("runs", folder, name, "best") for folder in BASELINE_FOLDERS]
    checkpoints = {place: checkpoint for place in places if place.is_dir() and (checkpoint := find(str(place)))}
    if len(checkpoints) > 1:
        raise ConfigError(f"'{name}' is both {' and '.join(map(str, checkpoints))}: give one of these folders")
    if checkpoints:
        return next(iter(checkpoints.values()))
    configs = [file for folder in BASELINE_FOLDERS if (file := Path("configs", folder, f"{name}.yaml")).is_file()]
    how = f"; train it with vicp train --config {configs[0]}" if configs else nearest(name, _known())
    raise ConfigError(f"'{name}': no checkpoint in {' or '.join(map(str, places))}{how}")


def _known() -> list[str]:
    """Return the valid names: the packaged checkpoint, and runs below the working directory."""
    baselines = [path.parent.name for folder in BASELINE_FOLDERS for path in Path("runs", folder).glob("*/best")]
    runs = [str(path) for pattern in ("*/best", "*/*/best") for path in Path("runs").glob(pattern)]
    return [*MODELS, *BACKBONES, *sorted(set(baselines)), *sorted(runs)]


def _placeholder(name: str) -> str:
    """Return the placeholder in a name, "" where there is none.

    Raises:
        ConfigError: It has both.
    """
    there = [each for each in (FOLD, CATEGORY) if each in name]
    if len(there) > 1:
        raise ConfigError(f"'{name}': a method has a checkpoint per fold or per category, not both")
    return there[0] if there else ""


def _values(name: str, placeholder: str) -> list[str]:
    """Return the values of the placeholder for which the name is a file, a folder or a baseline."""
    source = name.removeprefix(FROZEN)
    values: set[str] = set()
    for pattern in (source, *(str(Path("runs", folder, source, "best")) for folder in BASELINE_FOLDERS)):
        first, *rest = pattern.split(placeholder)
        regex = re.escape(first) + "([^/]+)" + r"\1".join(map(re.escape, rest))
        paths = glob.glob("*".join(map(glob.escape, pattern.split(placeholder))))
        values.update(match[1] for path in paths if (match := re.fullmatch(regex, path)))
    return sorted(values)
