"""No number moves: seeded outputs of the commands are as `golden.json` holds them.

`python -m tests.golden.record` writes that file anew; only for a change that is meant to move a number. Where a key
of the JSON is renamed, `extract.py` follows; where an option is, `commands.py`.
"""

import json

import pytest
from tests.golden.commands import SECTIONS, Commands, measure
from tests.golden.extract import Value
from tests.golden.record import GOLDEN

RELATIVE, ABSOLUTE = 1e-4, 1e-5  # processors differ by less
LAST_PLACE = 1.01e-4  # of what a command prints with four decimals


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    return Commands(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("section", SECTIONS)
def test_no_number_moves(commands: Commands, section: str) -> None:
    golden = json.loads(GOLDEN.read_text())[section]
    now = measure(commands, section)
    assert list(now) == list(golden), "the names differ: does extract.py follow the output?"
    moved = [f"{name}: was {golden[name]}, is {now[name]}" for name in golden if not is_same(golden[name], now[name])]
    assert not moved, "\n".join(moved)


def is_same(golden: Value, now: Value) -> bool:
    if isinstance(golden, float) and isinstance(now, float):
        allowed = max(ABSOLUTE, RELATIVE * abs(golden), LAST_PLACE if golden == round(golden, 4) else 0.0)
        return abs(now - golden) <= allowed
    return golden == now


@pytest.mark.parametrize(
    ("golden", "now", "same"),
    [
        (0.123456, 0.123461, True),
        (0.123456, 0.123481, False),
        (0.1235, 0.1236, True),
        (0.1235, 0.1237, False),
        (3000.12, 3000.4, True),
        (3000.12, 3000.5, False),
        (7, 8, False),
        (None, 0.0, False),
        ("same", "new", False),
    ],
)
def test_what_counts_as_the_same(golden: Value, now: Value, same: bool) -> None:
    assert is_same(golden, now) == same
