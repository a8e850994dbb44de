"""benchmarks/ablations/parts.py from a checkpoint to its page: parts that are left out are really left out."""

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.ablations import parts
from vicp.model.build import PRESETS, build_model
from vicp.model.checkpoint import save_checkpoint


def test_from_a_checkpoint_to_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = dataclasses.replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True, head_zero_init=True)
    model = build_model(config)
    save_checkpoint(model, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    asked = ["--checkpoints", "model", "--tasks", "2", "--pairs", "8", "--runs", "runs", "--out", "out/parts"]
    parts.main(asked)
    page, found = (tmp_path / "out/parts.md").read_text(), json.loads((tmp_path / "out/parts.json").read_text())
    assert "Written by `python -m benchmarks.ablations.parts --checkpoints model --tasks 2 --pairs 8`" in page
    for test in ("A", "B"):
        rows = found[test]
        assert set(rows) == set(parts.PARTS)
        assert rows["frozen"]["own"] == rows["frozen"]["shuffled"], "reads no label"
        assert rows["frozen"]["own - shuffled"]["map"] == 0
        assert rows["whole"]["own"] != rows["no nuisance"]["own"]
        assert rows["evidence alone"]["own"] != rows["evidence alone"]["shuffled"]
    (tmp_path / "out/parts.md").unlink()
    parts.main(asked)  # from what is kept
    assert (tmp_path / "out/parts.md").read_text() == page


def test_a_model_without_evidence_has_no_parts(tmp_path: Path):
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    with pytest.raises(parts.ConfigError, match="there are no parts to leave out"):
        parts.main(["--checkpoints", str(tmp_path / "model"), "--tasks", "2", "--runs", str(tmp_path / "runs")])
