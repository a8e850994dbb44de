"""What every study does with wrong arguments: one line and exit status 2, and no result is touched."""

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks.lib.program import ROOT, run


@pytest.mark.parametrize(
    ("program", "asked"),
    [
        ("context.run", "--tasks 0"),
        ("context.run", "--draws 0"),
        ("context.run", "--ks 7"),
        ("ablations.choice", "--tasks -1"),
        ("ablations.parts", "--tasks 1"),
        ("ablations.selection", "--pairs 0"),
        ("checkpoint.run", "--photos 0 0"),
    ],
)
def test_numbers_out_of_range_end_before_anything_is_done(
    program: str, asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{program}").main(asked.split())
    assert ended.value.code == 2
    assert f"argument {asked.split()[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "program", ["decisions.run", "sets.demo", "lib.embedded_sets", "pairs.run", "routing.run", "sets.run"]
)
def test_a_set_that_is_not_there_is_one_line_and_leaves_the_results(
    program: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results = ROOT / "results"
    before = {path: path.read_bytes() for path in results.rglob("*.*")}
    monkeypatch.setattr(sys, "argv", [program, str(tmp_path / "away.parquet")])
    main = importlib.import_module(f"benchmarks.{program}").main
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == f"error: no such file or folder: {tmp_path / 'away.parquet'}"
    assert {path: path.read_bytes() for path in results.rglob("*.*")} == before
