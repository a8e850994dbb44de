"""The selection study from a checkpoint to its page: pairs selected in four ways, and what each reaches."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.ablations import selection
from vicp.adapt.embedder import Embedder
from vicp.data.procedural.world import world_photos
from vicp.model.build import PRESETS, build_model
from vicp.model.checkpoint import save_checkpoint


def save_pots(path: Path, *, num_categories: int, photos_per_identity: int) -> None:
    drawn = world_photos(
        num_categories=num_categories, num_identities=12, photos_per_identity=photos_per_identity, size=32
    )
    pd.DataFrame(drawn[["path", "image", "category", "identity"]]).to_parquet(path)


def test_from_a_checkpoint_to_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    save_pots(tmp_path / "pots.parquet", num_categories=1, photos_per_identity=3)
    monkeypatch.chdir(tmp_path)
    asked = ["--checkpoints", "model", "--tasks", "2", "--sets", "pots.parquet", "--draws", "2", "--pairs", "8"]
    selection.main([*asked, "--runs", "runs", "--out", "out/selection"])
    page, found = (tmp_path / "out/selection.md").read_text(), json.loads((tmp_path / "out/selection.json").read_text())
    assert (
        "Written by `python -m benchmarks.ablations.selection --checkpoints model --sets pots.parquet --tasks 2" in page
    )
    for name in ("drawn world", "pots"):
        rows = found["photos"][name]
        assert rows["cases"] == 2
        assert rows["balanced"]["same"] == rows["hard"]["same"] == rows["diverse"]["same"] == 50
        assert rows["random"]["same"] < 50, "few of any two photos show the same one"
        assert rows["balanced"]["own - balanced"] is None
        for how in ("random", "diverse", "hard"):
            chosen, balanced = (rows[each]["chosen"]["map"] for each in (how, "balanced"))
            assert chosen != balanced
            assert rows[how]["chosen - balanced"]["map"] == pytest.approx(chosen - balanced, abs=0.11)


def test_what_is_done_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    save_pots(tmp_path / "pots.parquet", num_categories=2, photos_per_identity=3)
    looked: list[bool] = []
    embed = Embedder.embed_pixels

    def counted(self: Embedder, pixels, prompt=None, **kwargs):
        if prompt is None:
            looked.append(True)
        return embed(self, pixels, prompt, **kwargs)

    monkeypatch.setattr(Embedder, "embed_pixels", counted)
    asked = ["--checkpoints", str(tmp_path / "model"), "--tasks", "0", "--sets", str(tmp_path / "pots.parquet")]
    asked += ["--pairs", "8", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out/selection")]
    selection.main([*asked, "--draws", "1"])
    first = len(looked)
    selection.main([*asked, "--draws", "1"])
    assert len(looked) == first, "nothing is done twice"
    selection.main([*asked, "--draws", "3"])
    kept = sorted(path.name for path in (tmp_path / "runs" / "pots" / "selection-8").iterdir())
    assert len(kept) == 2 * 3


def test_a_category_without_pairs_enough_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    save_pots(tmp_path / "pots.parquet", num_categories=1, photos_per_identity=2)
    given = ["--checkpoints", str(tmp_path / "model"), "--tasks", "2", "--pairs", "64", "--draws", "1"]
    given += ["--sets", str(tmp_path / "pots.parquet"), "--runs", str(tmp_path / "runs")]
    selection.main([*given, "--out", str(tmp_path / "out/selection")])
    assert "left out" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "out/selection.json").read_text())["photos"]) == ["drawn world"]
