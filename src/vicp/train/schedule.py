"""The learning rate over a run."""

import math

import torch


def set_learning_rate(optimizer: torch.optim.Optimizer, step: int, num_steps: int, *, peak: float) -> float:
    """Linear warm-up over the first 5 % of steps, then a cosine to 2 % of `peak`; returns the rate."""
    warmup = max(1, num_steps // 20)
    if step < warmup:
        rate = peak * (step + 1) / warmup
    else:
        done = (step - warmup) / max(1, num_steps - warmup)
        rate = peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)
    return rate
