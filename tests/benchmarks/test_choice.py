"""The choice study from a checkpoint to its page: every candidate is judged, and rules choose among them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.ablations import choice
from vicp.data.procedural.world import world_photos
from vicp.model.build import PRESETS, build_model
from vicp.model.checkpoint import save_checkpoint


def test_from_a_checkpoint_to_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(build_model(PRESETS["tiny"]), tmp_path / "model")
    world = world_photos(num_categories=1, num_identities=12, photos_per_identity=3, size=32)
    pd.DataFrame(world[["path", "image", "category", "identity"]]).to_parquet(tmp_path / "pots.parquet")
    monkeypatch.chdir(tmp_path)
    choice.main(["--sets", "pots.parquet", "--draws", "2", "--tasks", "2", "--checkpoint", "model", "--out", "out/it"])
    page, found = (tmp_path / "out/it.md").read_text(), json.loads((tmp_path / "out/it.json").read_text())
    assert "`python -m benchmarks.ablations.choice --sets pots.parquet --draws 2 --tasks 2 --checkpoint model`" in page
    assert {"drawn world", "pots", "drawn world, labels shuffled"} <= set(found["photos"])
    for by_k in found["photos"].values():
        for rows in by_k.values():
            assert rows["null"]["gain"] == {"map": 0, "low": 0, "high": 0}
            candidates = [row["map"] for name, row in rows.items() if name not in choice.RULES]
            assert rows["oracle"]["map"] >= max(candidates), "the best of each support"
            assert rows["oracle"]["map"] >= rows["auto"]["map"] >= min(candidates) - 1e-9
            assert rows["metric on frozen photos, shrinkage 0.1"]["map"] != rows["null"]["map"]
            assert rows["null"]["supports"] == 2
    own, shuffled = (found["photos"][name]["16"] for name in ("drawn world", "drawn world, labels shuffled"))
    metric = "metric on frozen photos, shrinkage 10"
    assert own[metric]["map"] != shuffled[metric]["map"]
    assert own["null"] == shuffled["null"]
