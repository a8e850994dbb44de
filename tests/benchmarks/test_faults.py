"""The program that damages files: what it counts as a fault, and some hundred cases of each kind."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.faults import run as faults
from benchmarks.faults.mutations import mutate
from benchmarks.faults.watch import run_cases


def run_case(number: int, folder: Path) -> str:
    """Cases of each outcome; the module that the watched process imports is this one."""
    match number:
        case 1:
            raise KeyError("no such key")
        case 3:
            return "one of two photos"
        case 4:
            sys.exit(3)
        case 5:
            while True:
                pass
        case 6:
            os._exit(7)
    return ""


def test_each_way_to_end_is_told_apart() -> None:
    outcomes = list(run_cases(__name__, [0, 1, 2, 3, 4, 5, 6, 7], longest=2.0))
    kinds = ["fine", "traceback", "fine", "silent", "traceback", "hang", "traceback", "fine"]
    assert [outcome.kind for outcome in outcomes] == kinds
    assert [outcome.number for outcome in outcomes] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert outcomes[1].detail.endswith("KeyError: 'no such key'\n")
    assert (outcomes[3].detail, outcomes[6].detail) == ("one of two photos", "the process died (7)")


def test_damage_is_drawn_from_the_seed() -> None:
    data = bytes(range(256)) * 8
    damaged = [mutate(data, np.random.default_rng(seed)) for seed in range(200)]
    assert damaged == [mutate(data, np.random.default_rng(seed)) for seed in range(200)]
    assert len(set(damaged)) > 190
    assert max(map(len, damaged)) < 64 * 1024
    assert mutate(b"", np.random.default_rng(0)) is not None


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(faults.KINDS, "photos", __name__)
    faults.outcomes_of("photos", [0, 7], tmp_path)
    lines = (tmp_path / "photos.jsonl").read_text().splitlines()
    (tmp_path / "photos.jsonl").write_text(lines[0] + "\n" + lines[1].replace("fine", "silent") + "\n")
    outcomes = faults.outcomes_of("photos", [0, 3, 7], tmp_path)
    assert [(outcome.number, outcome.kind) for outcome in outcomes] == [(0, "fine"), (3, "silent"), (7, "silent")]


def test_the_page_and_the_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in faults.KINDS:
        monkeypatch.setitem(faults.KINDS, kind, __name__)
    faults.main(["--photos", "4", "--others", "4", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "faults")])
    facts = json.loads((tmp_path / "faults.json").read_text())
    assert facts["photos"] == {"tried": 4, "tracebacks": 1, "hangs": 0, "silent": 1}
    assert facts["others"]["tried"] == 4
    assert "- photos 3: silent, one of two photos" in (tmp_path / "faults.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(faults.KINDS))
def test_no_damage_ends_in_a_traceback_a_hang_or_silence(kind: str, tmp_path: Path) -> None:
    outcomes = faults.outcomes_of(kind, range(500_000, 500_300), tmp_path)
    assert [(outcome.number, outcome.kind, outcome.detail) for outcome in outcomes if outcome.kind != "fine"] == []
    assert max(outcome.megabytes for outcome in outcomes) < 1000
