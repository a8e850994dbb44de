"""What somebody who watches a run sees: one line, with the time left and the numbers, and the log above it."""

import io
import re

import pytest
from rich.console import Console

from vicp.train.logging import training_bar

NUMBERS = {"total": 1.2345, "identity": 0.36211, "icl": 0.69315, "pair": 0.6934, "own": 54.1234, "img/s": 1324.4}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def last_frame(width: int, numbers: dict[str, float]) -> str:
    terminal = Terminal()
    console = Console(file=terminal, width=width, force_terminal=True, color_system=None)
    with training_bar("training vicp", 30000, visible=True, console=console) as show:
        show(12345, numbers)
    frames = [frame for frame in re.split(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n", terminal.getvalue()) if frame.strip()]
    return frames[-1]


def test_losses_speed_and_time_left_fit_100_columns() -> None:
    frame = last_frame(100, NUMBERS)
    assert len(frame) <= 100
    assert re.search(r" 12345/30000 \S+ img/s 1324 identity 0\.362 icl 0\.693 pair 0\.693 own 54\.1 …?", frame)


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_cuts_numbers_alone(width: int) -> None:
    frame = last_frame(width, NUMBERS)
    assert len(frame) <= width
    assert re.search(r" 12345/30000 \S+ img/s 1", frame)
    assert frame.rstrip().endswith("…")


def test_nobody_watches() -> None:
    file = io.StringIO()
    with training_bar("training vicp", 3, visible=True, console=Console(file=file)) as show:
        show(1, NUMBERS)
    assert file.getvalue() == ""
