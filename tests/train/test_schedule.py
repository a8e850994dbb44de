"""The learning rate over a phase: values at its ends and in between."""

from typing import Literal

import pytest
import torch

from vicp.train.optim import set_learning_rate


@pytest.mark.parametrize(
    ("schedule", "middle", "late", "end"),
    [
        ("cosine", 0.51, 0.02 + 0.98 * 0.0244717, 0.02),
        ("trapezoid", 1.0, 0.02 + 0.98 * 0.5, 0.02),  # half the last fifth is left
        ("constant", 1.0, 1.0, 1.0),
    ],
)
def test_a_rate_rises_and_then_falls_as_the_schedule_says(
    schedule: Literal["cosine", "trapezoid", "constant"], middle: float, late: float, end: float
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)

    def rate(step: int) -> float:
        return set_learning_rate(optimizer, step, 220, peak=2.0, schedule=schedule, warmup=20 / 220)

    assert [rate(step) for step in (0, 9, 19)] == pytest.approx([0.1, 1.0, 2.0])
    assert [rate(step) for step in (20, 120, 200, 220)] == pytest.approx([2.0, 2 * middle, 2 * late, 2 * end], rel=1e-4)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(2 * end)
