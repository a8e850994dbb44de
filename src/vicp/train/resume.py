"""What a run needs to go on: weights, optimiser and step, written whole or not at all.

Every random draw of a step comes from (seed, step, purpose), so the step is all the RNG state there is.
"""

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vicp.config import RunConfig, load_config
from vicp.errors import ConfigError, WeightsError


@dataclass(frozen=True)
class Checkpoint:
    """One resumable file: the modules being trained, their optimiser, and the steps done."""

    path: Path

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Replaces the file by the state after `step` steps.

        Raises:
            WeightsError: it cannot be written; the last good one stays.
        """
        state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        part = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state, part)
            part.replace(self.path)
        except (OSError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            raise WeightsError(f"{self.path}: cannot write the checkpoint ({error})") from error

    def load(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Puts the state back and returns the steps done; 0 where there is no file.

        Raises:
            WeightsError: the file is damaged or of another model.
        """
        if not self.path.exists():
            return 0
        try:
            state = torch.load(self.path, weights_only=True)
            module.load_state_dict(state["module"])
            optimizer.load_state_dict(state["optimizer"])
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).split("\n")[0]
            raise WeightsError(
                f"{self.path}: cannot resume from it ({reason}); give another out=FOLDER, or remove it to start anew"
            ) from error
        return int(state["step"])


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
    if changed:
        raise ConfigError(
            f"{saved.parent}: this run was started with another {', '.join(changed)}; "
            "set it as it was, give another out=FOLDER, or leave out --resume to start anew"
        )


def start_log(path: Path, step: int) -> None:
    """Makes way for a log that begins at `step`: what an earlier run wrote goes when a new one starts."""
    if step == 0:
        path.unlink(missing_ok=True)


def append_log(path: Path, values: Mapping[str, Any]) -> None:
    """Adds one line of JSON to a log, floats to five digits."""
    rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded) + "\n")
