"""What every study does with wrong arguments: one line and exit status 2, and no result is touched."""

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks.lib.program import ROOT, command_of, run, study_parser


def test_the_command_of_results_has_what_is_not_the_default_and_no_folder_of_this_machine() -> None:
    parser = study_parser(None, "tables", "--ks", "--seen", "--workers", out=ROOT / "results" / "sets")
    given = ["/elsewhere/a photo.parquet", "b.parquet", "--ks", "4", "--workers", "9", "--out", "/elsewhere/x"]
    command = command_of(parser, parser.parse_args(given), "benchmarks.sets.run")
    assert command == "python -m benchmarks.sets.run 'a photo.parquet' b.parquet --ks 4"
    inside = parser.parse_args(["b.parquet", "--out", str(ROOT / "results" / "omniglot")])
    assert command_of(parser, inside, "m") == "python -m m b.parquet --out results/omniglot"


@pytest.mark.parametrize(
    ("program", "arguments"),
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
    program: str, arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{program}").main(arguments.split())
    assert ended.value.code == 2
    assert f"argument {arguments.split()[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "program",
    ["cluster.run", "decisions.run", "sets.demo", "lib.embedded_sets", "pairs.run", "routing.run", "sets.run"],
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
