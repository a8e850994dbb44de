"""The bridge study from checkpoints to its page: labels are worth what they are worth, and nothing is made up."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks.ablations import bridge
from vicp.data.procedural.world import world_photos
from vicp.model.build import MINI, build_model
from vicp.model.checkpoint import save_checkpoint


def test_from_checkpoints_to_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of which the evidence alone speaks beside one that takes no directions away and moves no centre."""
    for name, knobs in (("speaks", 0.0), ("silent", -30.0)):
        model = build_model(MINI)
        with torch.no_grad():
            model.prompt_gate.mlp[2].bias.fill_(-50.0)
            model.metric_refinement.per_direction[4].weight.zero_()
            model.metric_refinement.overall[2].bias.copy_(torch.tensor([0.0, 0.0, knobs, knobs]))
        save_checkpoint(model, tmp_path / name)
    world = world_photos(num_categories=1, num_identities=12, photos_per_identity=4, size=32)
    pd.DataFrame(world[["path", "image", "category", "identity"]]).to_parquet(tmp_path / "pots.parquet")
    monkeypatch.chdir(tmp_path)
    variants = ["--variant", "evidence", "speaks", "speaks", "--variant", "nothing", "silent"]
    bridge.main([*variants, "--sets", "pots.parquet", "--draws", "2", "--tasks", "2", "--out", "out/it"])
    page, found = (tmp_path / "out/it.md").read_text(), json.loads((tmp_path / "out/it.json").read_text())
    assert "`python -m benchmarks.ablations.bridge --variant evidence speaks speaks --variant nothing silent" in page
    assert found["checkpoints"] == {"evidence": ["speaks", "speaks"], "nothing": ["silent"]}
    assert set(found["photos"]) == {"drawn world", "pots"}
    for by_k in found["photos"].values():
        for rows in by_k.values():
            own, frozen, gain = (rows["evidence"][name]["map"] for name in ("own", "frozen", "own - frozen"))
            assert gain == pytest.approx(own - frozen, abs=0.011)
            assert rows["nothing"]["frozen"] == pytest.approx(rows["evidence"]["frozen"])
    labels = {
        name: [by_k["16"][name]["own - shuffled"]["map"] for by_k in found["photos"].values()]
        for name in found["checkpoints"]
    }
    assert max(map(abs, labels["evidence"])) > 0.1
    assert labels["nothing"] == pytest.approx([0, 0], abs=0.2)


def test_a_variant_needs_a_checkpoint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bridge.main(["--variant", "alone"])
    assert "--variant alone: no checkpoint" in capsys.readouterr().err
