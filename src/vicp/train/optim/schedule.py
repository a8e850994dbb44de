"""The learning rate over a run."""

import math
from typing import Literal

import torch

COOLDOWN = 0.2  # of the steps: the trapezoid's


def set_learning_rate(
    optimizer: torch.optim.Optimizer,
    step: int,
    num_steps: int,
    *,
    peak: float,
    schedule: Literal["cosine", "trapezoid", "constant"] = "cosine",
    warmup: float = 0.05,
) -> float:
    """Linear warm-up over a share of the steps, then down to 2 % of `peak`, or `peak`; returns the rate.

    Down along a cosine, or in a straight line over the last fifth of the steps alone (Haegele et al.,
    arXiv 2405.18392): what is found late in a run finds the rate still high.
    """
    rising = max(1, int(num_steps * warmup))
    if step < rising and warmup > 0:
        rate = peak * (step + 1) / rising
    else:
        done = min(1.0, max(0.0, (step - rising) / max(1, num_steps - rising)))
        match schedule:
            case "cosine":
                rate = peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
            case "trapezoid":
                rate = peak * (0.02 + 0.98 * min(1.0, (1 - done) / COOLDOWN))
            case "constant":
                rate = peak
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)
    return rate
