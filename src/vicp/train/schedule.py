"""The learning rate over a run."""

import math
from typing import Literal

import torch


def set_learning_rate(
    optimizer: torch.optim.Optimizer,
    step: int,
    num_steps: int,
    *,
    peak: float,
    schedule: Literal["cosine", "constant"] = "cosine",
    warmup: float = 0.05,
) -> float:
    """Linear warm-up over a share of the steps, then a cosine to 2 % of `peak`, or `peak`; returns the rate."""
    rising = max(1, int(num_steps * warmup))
    if step < rising and warmup > 0:
        rate = peak * (step + 1) / rising
    elif schedule == "constant":
        rate = peak
    else:
        done = (step - rising) / max(1, num_steps - rising)
        rate = peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done)))))
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)
    return rate
