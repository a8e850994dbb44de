"""benchmarks/checkpoint/run.py: what probes of a tiny backbone find, and what a run's log says last."""

import json
from pathlib import Path

import pytest

from benchmarks.checkpoint import run, training_curves
from vicp.data.procedural.world import FACTORS
from vicp.errors import VICPError
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.checkpoint import save_checkpoint


def test_colours_are_read_off_and_the_last_ranked_validation_is_shown(tmp_path: Path):
    """Even an untrained ViT of 32 px holds the colour of a body; a row of the log without a ranking is passed over."""
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    log = tmp_path / "run"
    log.mkdir()
    check = dict.fromkeys(run.CHECKS, 1.25)
    rows = [{"step": 2, **check}, {"step": 4, **check, "own": 81.5}, {"step": 5, "total": 0.5}]
    (log / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["--checkpoint", str(tmp_path / "model"), "--runs", str(log), "--photos", "512", "128"]
    run.main([*asked, "--out", str(tmp_path / "out" / "mini")])
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


def test_curves_of_two_runs(tmp_path: Path) -> None:
    for seed in (0, 1):
        rows = [{"step": step, "pair": 0.7 - step / 100, "total": 1.0} for step in (1, 2, 3)]
        rows.append({"step": 3, "spread": 0.5, "verifier": 0.9, "flipped": 0.2 * (seed + 1)})
        (tmp_path / f"seed-{seed}").mkdir()
        (tmp_path / f"seed-{seed}" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    training_curves.main([str(tmp_path / "seed-0"), f"other={tmp_path / 'seed-1'}", "--out", str(tmp_path / "curves")])
    written = sorted(path.name for path in (tmp_path / "curves").iterdir())
    assert written == ["curves.md", "labels.png", "pair-loss.png", "spread.png"]
    assert (tmp_path / "curves" / "labels.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "curves" / "curves.md").read_text()
    assert "- seed-0: 0.69 at step 1, 0.67 at step 3" in page
    assert "- other: 0.5 at step 3, 0.5 at step 3" in page
    assert str(tmp_path) not in page
    with pytest.raises(VICPError, match=r"cannot write the report"):
        training_curves.main([str(tmp_path / "seed-0"), "--out", str(tmp_path / "seed-0" / "train.jsonl")])
    assert training_curves.curve([{"step": 2, "verifier": 0.9, "flipped": 0.25}], training_curves.QUANTITIES[1]) == [
        (2, 0.65)
    ]
