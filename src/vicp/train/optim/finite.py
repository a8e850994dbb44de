"""A run whose loss or gradient is no number any more ends before its weights follow."""

import math
from pathlib import Path

from vicp.errors import TrainingError


def check_finite(step: int, out: Path, *, loss: float, gradient: float, remedy: str) -> None:
    """Checks a step before the weights move.

    Args:
        step: its number, from 1.
        out: folder of the run.
        loss: the step's.
        gradient: its norm.
        remedy: what to do.

    Raises:
        TrainingError: the loss or the gradient is not finite.
    """
    for name, value in (("loss", loss), ("gradient", gradient)):
        if not math.isfinite(value):
            raise TrainingError(f"the {name} of step {step} is {value}; what was saved is in {out}: {remedy}")
