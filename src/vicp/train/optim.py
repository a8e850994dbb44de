"""Optimiser and schedule: Muon for matrices, the learning rate over a run, and a check that numbers stay finite."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vicp.errors import TrainingError

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
    """Set the learning rate of a step, and return it: linear warm-up, then decay to 2 % of `peak`, or constant.

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


MATRIX_RATE = 10.0  # times AdamW's rate


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of `hidden`, AdamW for every other parameter of `module` that is trained.

    Args:
        module: What is trained.
        hidden: Names of submodules whose two-dimensional weights are matrices between hidden layers (embeddings
            and readouts are not).
        learning_rate: AdamW's; Muon's is 10 times it.
        weight_decay: AdamW's; times the rate, it shrinks matrices too.
    """

    def __init__(self, module: nn.Module, hidden: Iterable[str], *, learning_rate: float, weight_decay: float) -> None:
        prefixes = tuple(name + "." for name in hidden)
        trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        matrices = [p for name, p in trained if name.startswith(prefixes) and p.ndim == 2]
        chosen = {id(p) for p in matrices}
        others = [p for _, p in trained if id(p) not in chosen]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "muon": True, "scale": MATRIX_RATE},
            {"params": others, "muon": False, "scale": 1.0},
        ]
        super().__init__(groups, {"lr": learning_rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step for every parameter that has a gradient."""
        for group in self.param_groups:
            update = self._orthogonal if group["muon"] else self._adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    step = update(parameter, parameter.grad, self.state[parameter])
                    parameter.mul_(1 - group["lr"] / group["scale"] * group["weight_decay"])
                    parameter.add_(step, alpha=-group["lr"])

    @staticmethod
    def _orthogonal(parameter: Tensor, grad: Tensor, state: dict[str, Any], momentum: float = 0.95) -> Tensor:
        average: Tensor = state.setdefault("momentum", torch.zeros_like(parameter))
        average.lerp_(grad, 1 - momentum)
        step = orthogonalise(grad.lerp(average, momentum))
        return step.mul(float(max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5))

    @staticmethod
    def _adam(
        parameter: Tensor, grad: Tensor, state: dict[str, Any], beta1: float = 0.9, beta2: float = 0.95
    ) -> Tensor:
        if not state:
            state.update(step=0, first=torch.zeros_like(parameter), second=torch.zeros_like(parameter))
        state["step"] += 1
        first: Tensor = state["first"].lerp_(grad, 1 - beta1) / (1 - beta1 ** state["step"])
        second: Tensor = state["second"].lerp_(grad.square(), 1 - beta2) / (1 - beta2 ** state["step"])
        return first.div(second.sqrt() + 1e-8)


def orthogonalise(matrix: Tensor, num_iterations: int = 5) -> Tensor:
    """Return about the closest matrix (m, n) with equal singular values, by Newton-Schulz iteration.

    The quintic's coefficients (Muon) bring singular values into about [0.7, 1.2], which is enough, fast.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x.div(x.norm() + 1e-7)
    for _ in range(num_iterations):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x


def check_finite(step: int, out: Path, *, loss: float, gradient: float, remedy: str) -> None:
    """Check a step before the weights move.

    Args:
        step: Its number, from 1.
        out: Folder of the run.
        loss: The step's.
        gradient: Its norm.
        remedy: What to do.

    Raises:
        TrainingError: The loss or the gradient is not finite.
    """
    for name, value in (("loss", loss), ("gradient", gradient)):
        if not math.isfinite(value):
            raise TrainingError(f"the {name} of step {step} is {value}; what was saved is in {out}: {remedy}")
