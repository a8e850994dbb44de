"""The state that a run resumes from: weights, optimiser and step, written whole or not at all.

Every random draw of a step comes from (seed, step, purpose), so the step is all the RNG state there is.
"""

import json
import logging
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.errors import ConfigError, WeightsError
from vicp.io import atomic_write

logger = logging.getLogger(__name__)

FREE = (
    "out",
    "data.threads",
    "data.keep_features",
    "data.keep_features_gb",
    "train.trackers",
)  # decide where and how fast, not what


@dataclass(frozen=True)
class TrainState:
    """How far a training run is.

    Attributes:
        step: Steps done.
        best: The best validation's score so far; None before the first.
        stale: Validations since then.
    """

    step: int = 0
    best: float | None = None
    stale: int = 0

    def after(self, step: int, score: float) -> "TrainState":
        """Return the state after a validation; a score of NaN (nothing was ranked) does not count."""
        if score != score:
            return TrainState(step, self.best, self.stale)
        if self.best is None or score > self.best:
            return TrainState(step, score, 0)
        return TrainState(step, self.best, self.stale + 1)

    def over(self, patience: int) -> bool:
        """Return whether so many validations were no better; a patience of 0 has no end."""
        return 0 < patience <= self.stale


@dataclass(frozen=True)
class Checkpoint:
    """One resumable file: what is trained, its optimiser, and how far the run is; frozen weights stay out."""

    path: Path

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: TrainState) -> None:
        """Replace the file by the state now.

        Raises:
            WeightsError: It cannot be written; the last good one stays.
        """
        frozen = _frozen(module)
        trained = {name: tensor for name, tensor in module.state_dict().items() if name not in frozen}
        saved = {"module": trained, "optimizer": optimizer.state_dict(), **asdict(state)}
        try:
            with atomic_write(self.path) as part:
                torch.save(saved, part)
        except (OSError, RuntimeError) as error:
            reason = str(error).split("\n")[0]
            raise WeightsError(
                f"{self.path}: cannot write the checkpoint ({reason}); the last good one is still there: make room, "
                "then go on with --resume"
            ) from error

    def load(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> TrainState:
        """Put the state back and returns how far it is; the start where there is no file.

        Raises:
            WeightsError: The file is damaged or of another model.
        """
        if not self.path.exists():
            return TrainState()
        try:
            saved = torch.load(self.path, weights_only=True, map_location="cpu")
            keys = module.load_state_dict(saved["module"], strict=False)
            if wrong := [*keys.unexpected_keys, *(set(keys.missing_keys) - _frozen(module))]:
                raise ValueError(f"other tensors than this model's: {', '.join(sorted(wrong)[:3])}")
            optimizer.load_state_dict(saved["optimizer"])
            return TrainState(int(saved["step"]), saved.get("best"), int(saved.get("stale", 0)))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).split("\n")[0] or type(error).__name__
            raise WeightsError(
                f"{self.path}: cannot resume from it ({reason}); give another out=FOLDER, or remove it to start anew"
            ) from error


def _frozen(module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if not parameter.requires_grad}


def check_is_new(out: Path, saved: Sequence[str] = ("train.pt", "best", "last")) -> None:
    """Raises `ConfigError` if a folder holds a run already, which a new one would overwrite."""
    there = [name for name in saved if (out / name).exists()]
    if there:
        raise ConfigError(
            f"{out}: holds a run already ({', '.join(there)}); give --resume to go on with it, another out=FOLDER, or "
            "remove it to start anew"
        )


def check_can_go_on(checkpoint: Checkpoint) -> None:
    """Raises `ConfigError` if starting anew, for there is nothing to go on from, would replace models."""
    out = checkpoint.path.parent
    there = [name for name in ("best", "last") if (out / name).exists()]
    if there and not checkpoint.path.exists():
        raise ConfigError(
            f"{out}: holds {' and '.join(there)} but no {checkpoint.path.name} to go on from; give another "
            "out=FOLDER, or remove it to start anew"
        )


def without_lost_best(state: TrainState, out: Path) -> TrainState:
    """Return the state; without its best score where the best model's folder is gone."""
    if state.best is None or (out / "best").exists():
        return state
    logger.warning("%s: best is gone, so it is looked for anew from step %d on", out, state.step)
    return TrainState(state.step)


def check_same_settings(config: RunConfig, saved: Path) -> None:
    """Raises `ConfigError` if the run that `saved` describes was started with other settings."""
    if not saved.exists():
        return
    before, now = asdict(load_config(RunConfig, saved)), asdict(config)
    changed = [
        f"{part}.{key}" if isinstance(now[part], dict) else part
        for part in now
        for key in (now[part] if isinstance(now[part], dict) else [""])
        if before[part] != now[part] and (key == "" or before[part][key] != now[part][key])
    ]
    changed = [key for key in changed if key not in FREE]
    if changed:
        raise ConfigError(
            f"{saved.parent}: this run was started with another {', '.join(changed)}; "
            "set it as it was, give another out=FOLDER, or remove it to start anew"
        )


def start_log(path: Path, step: int) -> None:
    """Make way for a log that goes on after `step`: what was written of later steps will come again.

    Raises:
        WeightsError: It cannot be written.
    """
    try:
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and step > 0 and json.loads(line)["step"] <= step]
        with atomic_write(path) as part:
            part.write_text("".join(kept), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: cannot go on with this log ({error}); remove it, or give another out=FOLDER"
        ) from error


def append_log(path: Path, values: Mapping[str, Any]) -> None:
    """Add one line of JSON to a log, floats to six significant digits.

    Raises:
        WeightsError: It cannot be written.
    """
    rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in values.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rounded) + "\n")
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot write the log ({error.strerror}); make room, then go on with --resume"
        ) from error
