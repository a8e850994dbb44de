"""benchmarks/mini.py: what probes of a tiny backbone find, and what a run's log says last."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from vicp.data.procedural.world import FACTORS
from vicp.model.build import PRESETS, build_model
from vicp.model.checkpoint import save_checkpoint

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("mini")


def test_colours_are_read_off_and_the_last_ranked_validation_is_shown(program: ModuleType, tmp_path: Path):
    """Even an untrained ViT of 32 px holds the colour of a body; a row of the log without a ranking is passed over."""
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    run = tmp_path / "run"
    run.mkdir()
    check = dict.fromkeys(program.CHECKS, 1.25)
    rows = [{"step": 2, **check}, {"step": 4, **check, "own": 81.5}, {"step": 5, "total": 0.5}]
    (run / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["--checkpoint", str(tmp_path / "model"), "--runs", str(run), "--photos", "512", "128"]
    program.main([*asked, "--out", str(tmp_path / "out" / "mini")])
    found = json.loads((tmp_path / "out" / "mini.json").read_text())
    accuracy = found["probe"]["accuracy"]
    assert {kind: set(own) for kind, own in accuracy.items()} == {"linear": {*FACTORS}, "two_layers": {*FACTORS}}
    for own in accuracy.values():
        assert own["body"]["map"] > 25  # of eight colours; chance is 12.5
        assert own["body"]["low"] < own["body"]["map"] < own["body"]["high"]
    assert found["validation"]["run"] == {**check, "step": 4, "own": 81.5}
    page = (tmp_path / "out" / "mini.md").read_text()
    assert "| run | 4 | 81.50 | 1.25 |" in page
    assert "backbone 0.0" in page
