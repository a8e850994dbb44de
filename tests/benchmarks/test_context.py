"""benchmarks/context/run.py from checkpoints to page, on tiny models and small tasks; its figures by hand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.context import page, run, tables, targets
from benchmarks.context.kept_rows import with_kept_rows
from vicp.data.procedural.world import all_rules, world_photos
from vicp.errors import VICPError
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.checkpoint import save_checkpoint

RULES = all_rules((2,)) + all_rules((3,))[:9]  # 24
SMALL = ["--tasks", "2", "--choice-tasks", "0", "--photos", "120"]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of the tiny model on one backbone, and a Triplet baseline."""
    folder = tmp_path_factory.mktemp("checkpoints")
    models = [build_model(PRESETS["tiny"], seed=seed).eval() for seed in (0, 1)]
    models[1].backbone.load_state_dict(models[0].backbone.state_dict())
    for seed, model in enumerate(models):
        save_checkpoint(model, folder / f"seed-{seed}")
    vit = build_model(PRESETS["tiny"], seed=5).backbone.vit
    save_backbone(vit, folder / "triplet", PRESETS["tiny"].image_transform)
    return folder


def results(checkpoints: Path, out: Path, *more: str) -> dict:
    seeds = [str(checkpoints / "seed-0"), str(checkpoints / "seed-1")]
    given = ["--checkpoints", *seeds, "--triplet", str(checkpoints / "triplet"), *SMALL, "--runs", str(out / "runs")]
    run.main([*given, "--out", str(out / "context"), *more])
    return json.loads((out / "context.json").read_text())


def test_rows_of_two_seeds_and_nothing_is_done_twice(checkpoints: Path, tmp_path: Path) -> None:
    methods = ["own", "shuffled", "frozen", "triplet"]
    found = results(checkpoints, tmp_path, "--only", "A", "B", "--methods", *methods)
    assert list(found["A"]) == list(found["B"]) == ["own", "shuffled", "frozen", "triplet", "prompt_metric"]
    own = found["A"]["own"]
    assert {"map", "low", "high", "tasks", "seeds", "seconds"} <= set(own)
    assert (own["tasks"], own["seeds"], own["K"], list(own["by_K"])) == (2, 2, 16, ["4", "16", "64"])
    assert own["low"] <= own["map"] <= own["high"]
    assert (found["A"]["frozen"]["seeds"], found["A"]["triplet"]["seeds"]) == (1, 1), "both seeds have one backbone"
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    # own: 3 K, two seeds; shuffled: two seeds; frozen, triplet: shared by the seeds; 2 tasks, 2 tests each
    assert len(parts) == (3 * 2 + 2 + 1 + 1) * 2 * 2
    maps = [json.loads(path.read_text())["map"] for path in (tmp_path / "runs" / "A" / "own-16").iterdir()]
    assert own["map"] == pytest.approx(np.mean(maps), abs=0.01)
    shuffled = [json.loads(path.read_text())["map"] for path in (tmp_path / "runs" / "A" / "shuffled-16").iterdir()]
    difference = found["differences"]["A"]["own - shuffled, K = 16"]["map"]
    assert difference == pytest.approx(np.mean(maps) - np.mean(shuffled), abs=0.02)

    lost = next(iter(parts))
    lost.unlink()
    again = results(checkpoints, tmp_path, "--only", "A", "B", "--methods", *methods)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    assert {path for path in after if after[path] != parts[path]} == {lost}
    assert again["A"]["own"]["map"] == own["map"]

    less = results(checkpoints, tmp_path, "--only", "A", "--methods", "null")
    assert list(less["A"]) == ["own", "null", "shuffled", "frozen", "triplet", "prompt_metric"], (
        "what is there is shown"
    )
    assert list(less["B"]) == ["own", "shuffled", "frozen", "triplet", "prompt_metric"]
    text = (tmp_path / "context.md").read_text()
    assert text.index("## Drawn tasks, 16 labelled pairs") < text.index(", with intervals") < text.index("## Targets")
    assert "- A, LLM, K = 16: own - null = " in text
    assert str(tmp_path) not in text + json.dumps(less), "no folder of this machine"
    assert "--checkpoints seed-0 seed-1 --triplet triplet" in less["command"]


def test_settings_are_chosen_on_the_third_split(checkpoints: Path, tmp_path: Path) -> None:
    asked = ["--only", "A", "--methods", "triplet_plus_pairs", "--choice-tasks", "1", "--tasks", "2", "--ks", "4", "64"]
    found = results(checkpoints, tmp_path, *asked)
    (row,) = found["choices"]
    assert (row["method"], row["K"], len(row["tried"])) == ("triplet_plus_pairs", 16, 15)
    assert row["map"] == pytest.approx(max(row["tried"].values()), abs=0.01)
    assert len(list((tmp_path / "runs" / "choice").rglob("*.json"))) == 3
    by_k = found["A"]["triplet_plus_pairs"]["by_K"]
    assert list(by_k) == ["4", "64"], "what was asked for"
    assert list(by_k["4"]["notes"]) == list(by_k["64"]["notes"]), "both take the settings of 16"
    assert "chosen on tasks of a third split" in (tmp_path / "context.md").read_text()


def test_real_sets_go_through_the_evaluation(checkpoints: Path, tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    sets.mkdir()
    world = world_photos(num_categories=2, num_identities=8, photos_per_identity=3, size=32)
    columns = ["path", "image", "category", "identity"]
    for name, category in (("pots", 0), ("fish", 1)):
        rows = world[world["category"] == world["category"].unique()[category]]
        pd.DataFrame(rows[columns]).to_parquet(sets / f"{name}.parquet")
    shutil.copy(sets / "fish.parquet", sets / "omniglot_small.parquet")
    asked = ["--only", "real", "--sets", str(sets), "--seen", "fish", "--draws", "1", "--real-pairs", "16"]
    found = results(checkpoints, tmp_path, *asked)
    assert list(found["real"]) == ["fish", "pots"]
    assert (found["real"]["fish"]["seen_in_training"], found["real"]["pots"]["seen_in_training"]) == (True, False)
    rows = found["real"]["pots"]
    methods = {"own", "frozen", "shuffled", "metric", "verifier", "chosen_identities", "tuned_identities", "prompt"}
    assert rows["prompt"]["seeds"] == rows["prompt_shuffled"]["seeds"] == 2
    assert "no_llm" not in rows, "this model says nothing in closed form"
    assert methods | {"triplet", "triplet_plus_identities"} <= set(rows)
    assert rows["own"]["seeds"] == 2
    gain = found["real_differences"]["chosen_identities - chosen_repaired, K = 16"]["pots"]
    assert gain["map"] == pytest.approx(rows["chosen_identities"]["map"] - rows["chosen_repaired"]["map"], abs=0.02)
    assert gain["map"] != 0, "photos of a support are dealt anew"
    assert "| chosen_identities - chosen_repaired, K = 16 | " in (tmp_path / "context.md").read_text()
    assert (rows["own"]["pairs"], rows["own"]["identities"]) == ([16, 16], [4, 4])
    assert list(rows["own"]["by_K"]) == ["16"]
    assert 0 < rows["own"]["low"] <= rows["own"]["map"] <= rows["own"]["high"] < 100
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "real").rglob("*.npz")}
    less = results(checkpoints, tmp_path, *asked, "--real-adaptations", "metric")
    assert less["real"]["pots"] == rows, "rows that were not asked for stay"
    assert written == {path: path.stat().st_mtime_ns for path in written}, "adaptations are measured apart"
    assert rows["triplet"]["map"] != rows["triplet_plus_identities"]["map"]
    counted = [one for one in found["targets"] if one["name"].startswith("Real")]
    assert len(counted) == 3
    assert all("of 1," in one["sentence"] for one in counted), "the set that was seen does not count"
    small = " Without pots, which looks up fewer than 5 individuals a category: 0 of 0."
    assert all(one["sentence"].endswith(small) for one in counted)
    said = "Individuals looked up, and categories: fish 4 in 1, pots 4 in 1."
    assert said in (tmp_path / "context.md").read_text()
    assert "| fish * | " in (tmp_path / "context.md").read_text()


def test_verdicts_by_hand() -> None:
    tasks = np.linspace(40, 60, 24)[None]

    def values(table: np.ndarray, seconds: float = 1.0):
        return tables.Values(table, np.full(table.shape, seconds), np.full(table.shape, seconds), RULES, {})

    test = {
        "own": {16: values(tasks + 30), 4: values(tasks + 10)},
        "null": {0: values(tasks)},
        "shuffled": {16: values(tasks + 15)},
        "verifier": {16: values(1.25 * (tasks + 30))},
        "chosen_pairs": {16: values(tasks + 20, 1.0)},
        "triplet_plus_pairs": {16: values(tasks + 10, 4.0)},
    }
    said = {one["name"]: one for one in targets.world_targets("A", test)}
    assert said["A, LLM, K = 16: own - null"]["reached"] is True
    assert said["A, LLM, K = 16: own - null"]["sentence"].endswith(
        "= 30.0 (30.0 to 30.0), target at least 20: reached by 10.0."
    )
    assert said["A, LLM, K = 16: own - shuffled"]["sentence"].endswith("missed by 5.0.")
    assert said["A, LLM, K = 16: own - static"]["reached"] is None
    assert said["A, LLM, K = 4: own - null"]["sentence"].endswith("target at least 15: missed by 5.0.")
    assert said["A, LLM, K = 16: own / verifier"]["value"] == pytest.approx(0.8)
    assert said["A, K = 16: chosen_pairs - triplet_plus_pairs"]["reached"] is True
    spent = said["A, K = 16: chosen_pairs / triplet_plus_pairs, processor seconds of adapting"]
    assert (spent["value"], spent["reached"]) == (0.25, False)
    assert not any("set transformer" in name for name in said)


def test_one_seed_against_the_seeds_that_have_begun() -> None:
    one, three = np.array([[5.0, 7.0]]), np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    left, right = tables.paired(one, three)
    assert (left - right).tolist() == [[3.0, 4.0]]
    assert tables.paired(three, three[::-1])[1] is not three, "as many seeds: seed by seed"
    assert len(tables.paired(three, three[::-1])[1]) == 3


def test_an_interval_that_touches_zero_reaches_nothing() -> None:
    half = np.array([[0.0, 200.0]])
    found = targets.ahead("x", *(tables.Values(t, t, t, RULES[:2], {}) for t in (half, half * 0)), 20.0)
    assert (found["value"], found["reached"]) == (100, False)
    assert found["sentence"].endswith("missed: the interval is not clear of zero, but on 2 tasks, 20 needed.")


def test_a_target_on_few_tasks_is_not_measured_yet() -> None:
    four = np.array([[30.0, 31.0, 32.0, 33.0]])
    found = targets.ahead("x", *(tables.Values(t, t, t, RULES[:4], {}) for t in (four, four * 0)), 20.0)
    assert (found["tasks"], found["reached"]) == (4, None)
    assert found["sentence"].endswith("target at least 20: reached by 11.5, but on 4 tasks, 20 needed.")


def test_a_wrong_checkpoint_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VICPError, match=r"^\S*nothing.*$") as caught:
        run.main(["--checkpoints", str(tmp_path / "nothing"), "--runs", str(tmp_path), "--out", str(tmp_path / "x")])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_page_says_which_rows_are_means_over_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    three, one = {"by_K": {"16": {"seeds": 3}}}, {"by_K": {"16": {"seeds": 1}, "64": {"seeds": 1}}}
    real = {"cats": {"own": three, "triplet": one}, "cows": {"own": three, "triplet": one}, "shoes": {"own": one}}
    assert page.seed_lines(real, ["own", "triplet"], 16) == [
        "Of cats, cows, means over 3 training seeds: `own`; other rows are of one.",
        "",
    ]
    assert page.seed_lines(real, ["own", "triplet"], 64) == []


def test_the_page_says_which_settings_were_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"method": "tuned_pairs", "K": 16, "chosen": "0.02, 10 steps", "map": 50.0, "tried": {"0.02": 50.0}}]
    usual = "Not chosen, but tuned from generated, 30 steps at 0.02: `tuned_identities`."
    assert page.choice_lines(rows)[-2] == f"Every other K takes the settings of K = 16. {usual}"
    rows.append({**rows[0], "method": "tuned_identities"})
    assert page.choice_lines(rows)[-2] == "Every other K takes the settings of K = 16."


def test_the_page_says_where_fewer_pairs_could_be_drawn() -> None:
    many = {"64": {"pairs": [64, 64], "identities": [20, 20], "categories": 1}}
    few = {"64": {"pairs": [16, 32], "identities": [2, 3], "categories": 5}}
    real = {"cats": {"own": {"by_K": many}, "seen_in_training": False}, "pans": {"own": {"by_K": few}}}
    assert page.size_lines(real, 64)[0] == (
        "Individuals looked up, and categories: cats 20 in 1, pans 2 to 3 in 5. "
        "Pairs that could be drawn: pans 16 to 32."
    )


def test_rows_whose_parts_are_gone_stay_beside_new_ones_of_the_same_checkpoints(
    checkpoints: Path, tmp_path: Path
) -> None:
    before = results(checkpoints, tmp_path, "--only", "A", "--methods", "frozen", "null")
    shutil.rmtree(tmp_path / "runs")
    now = results(checkpoints, tmp_path, "--only", "B", "--methods", "frozen")
    assert now["A"] == before["A"]
    assert list(now["B"]) == ["frozen"]
    facts = {**now, "fingerprints": ["another"]}
    assert with_kept_rows(facts, tmp_path / "context") == facts
