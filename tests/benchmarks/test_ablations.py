"""Each ablation from a tiny checkpoint to its page, and its figures by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.ablations import bridge, choice, parts, selection
from vicp.data.procedural.world import world_photos
from vicp.errors import ConfigError
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that emits a refined metric, one that emits none, and a photo set of twelve individuals."""
    folder = tmp_path_factory.mktemp("ablations")
    config = replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)
    save_checkpoint(build_model(config), folder / "model")
    save_checkpoint(build_model(PRESETS["tiny"]), folder / "plain")
    drawn = world_photos(num_categories=1, num_identities=12, photos_per_identity=3, size=32)
    pd.DataFrame(drawn[["path", "image", "category", "identity"]]).to_parquet(folder / "pots.parquet")
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def result(name: str) -> tuple[dict[str, Any], str]:
    return json.loads(Path(f"{name}.json").read_text()), Path(f"{name}.md").read_text()


def test_bridge_writes_what_the_metric_is_worth_with_own_and_shuffled_labels() -> None:
    variants = ["--variant", "twice", "model", "model", "--variant", "once", "model"]
    bridge.main([*variants, "--sets", "pots.parquet", "--draws", "2", "--tasks", "0", "--ks", "8", "--out", "bridge"])
    facts, page = result("bridge")
    shown = "python -m benchmarks.ablations.bridge --sets pots.parquet --draws 2 --tasks 0 --ks 8 "
    assert facts["command"] == shown + "--variant twice model model --variant once model"
    assert facts["checkpoints"] == {"twice": ["model", "model"], "once": ["model"]}
    twice, once = (facts["photos"]["pots"]["8"][name] for name in ("twice", "once"))
    assert twice["own"]["map"] == once["own"]["map"] != once["frozen"]["map"]
    assert once["own - frozen"]["map"] == pytest.approx(once["own"]["map"] - once["frozen"]["map"], abs=0.011)
    assert "| twice | " in page


def test_bridge_pairs_own_with_shuffled_labels_of_the_same_support() -> None:
    table = np.array([[[60.0, 50.0, 40.0], [70.0, 65.0, 40.0]]])  # (seeds, supports, own, shuffled and frozen)
    facts = bridge.facts_of(table, None)
    assert {name: row["map"] for name, row in facts.items()} == {
        "own": 65,
        "frozen": 40,
        "own - frozen": 25,
        "own - shuffled": 7.5,
    }
    table[0, :, 1] = np.nan  # shuffled labels that contradict each other
    assert "own - shuffled" not in bridge.facts_of(table, None)


def test_a_variant_needs_a_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bridge.main(["--variant", "alone"])
    assert "--variant alone: no checkpoint" in capsys.readouterr().err


def test_choice_scores_every_candidate_and_what_each_rule_chooses() -> None:
    given = ["--sets", "pots.parquet", "--draws", "2", "--tasks", "0", "--ks", "8", "--checkpoint", "plain"]
    choice.main([*given, "--out", "choice"])
    facts, page = result("choice")
    rows = facts["photos"]["pots"]["8"]
    candidates = [row["map"] for name, row in rows.items() if name not in choice.RULES]
    assert rows["null"]["gain"] == {"map": 0, "low": 0, "high": 0}
    assert rows["null"]["supports"] == 2
    assert rows["oracle"]["map"] >= max(candidates), "the best of each support"
    assert rows["oracle"]["map"] >= rows["auto"]["map"] >= min(candidates) - 1e-9
    assert page.startswith("# What `auto` chooses from")


def test_parts_that_are_left_out_change_the_embeddings() -> None:
    given = ["--checkpoints", "model", "--tasks", "2", "--pairs", "8", "--runs", "runs", "--out", "parts"]
    parts.main(given)
    facts, page = result("parts")
    for test in ("A", "B"):
        rows = facts[test]
        assert set(rows) == set(parts.PARTS)
        assert rows["frozen"]["own"] == rows["frozen"]["shuffled"], "reads no label"
        assert rows["whole"]["own"] != rows["no nuisance"]["own"]
    Path("parts.md").unlink()
    parts.main(given)  # from finished parts
    assert Path("parts.md").read_text() == page


def test_a_model_without_a_metric_has_no_parts() -> None:
    with pytest.raises(ConfigError, match="there are no parts to leave out"):
        parts.main(["--checkpoints", "plain", "--tasks", "2", "--runs", "none"])


def test_selection_compares_pairs_selected_in_four_ways() -> None:
    given = ["--checkpoints", "plain", "--tasks", "0", "--sets", "pots.parquet", "--draws", "2", "--pairs", "8"]
    selection.main([*given, "--runs", "runs", "--out", "selection"])
    rows = result("selection")[0]["photos"]["pots"]
    assert rows["cases"] == 2
    assert rows["balanced"]["same"] == rows["hard"]["same"] == rows["diverse"]["same"] == 50
    assert rows["random"]["same"] < 50, "few of any two photos show the same individual"
    for how in ("random", "diverse", "hard"):
        chosen, balanced = (rows[each]["chosen"]["map"] for each in (how, "balanced"))
        assert rows[how]["chosen - balanced"]["map"] == pytest.approx(chosen - balanced, abs=0.11)
    finished = {path: path.stat().st_mtime_ns for path in Path("runs/pots").rglob("*.json")}
    selection.main([*given, "--runs", "runs", "--out", "selection"])
    assert len(finished) == 2
    assert {path: path.stat().st_mtime_ns for path in finished} == finished, "nothing is done twice"


def test_a_category_without_pairs_enough_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--checkpoints", "plain", "--tasks", "0", "--sets", "pots.parquet", "--pairs", "64", "--runs", "few"]
    selection.main([*given, "--out", "few"])
    assert "left out" in capsys.readouterr().err
    assert result("few")[0]["photos"] == {}
