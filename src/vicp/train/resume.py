"""What a run needs to go on: weights, optimiser and step, written whole or not at all.

Every random draw of a step comes from (seed, step, purpose), so the step is all the RNG state there is.
"""

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vicp.errors import WeightsError


@dataclass(frozen=True)
class Checkpoint:
    """One resumable file: the modules being trained, their optimiser, and the steps done."""

    path: Path

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Replaces the file by the state after `step` steps."""
        state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        part = self.path.with_suffix(".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, part)
        part.replace(self.path)

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
        except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).split("\n")[0]
            raise WeightsError(
                f"{self.path}: cannot resume from it ({reason}); give another --out, or remove it to start anew"
            ) from error
        return int(state["step"])


def append_log(path: Path, values: Mapping[str, Any]) -> None:
    """Adds one line of JSON to a log, floats to five digits."""
    rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded) + "\n")
