"""benchmarks/evaluation_speed/run.py on tiny sizes; a library that is not installed is left out."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation_speed import made_up_embeddings, map_methods, page, run
from benchmarks.lib.program import ROOT

NEEDS = {"ours": "vicp", "numpy": "numpy", "pytorch-metric-learning": "faiss", "torchmetrics": "torchmetrics"}


@pytest.mark.parametrize("method", NEEDS)
def test_each_method_computes_map(method: str) -> None:
    pytest.importorskip(NEEDS[method])
    cosine = np.array([0.9, 0.8, 0.5, -0.6], dtype=np.float32)
    gallery = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1)
    query = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    sides = map_methods.Sides(query, gallery, np.array([1, 1]), np.array([2, 1, 2, 1]))
    # Positives at ranks 2 and 4, the last with a similarity below 0; and at ranks 1 and 3.
    expected = ((1 / 2 + 2 / 4) / 2 + (1 + 2 / 3) / 2) / 2
    assert map_methods.METHODS[method][1](sides) == pytest.approx(expected, abs=1e-7)


def test_ours_leaves_each_row_out_of_its_own_gallery(tmp_path: Path) -> None:
    np.save(tmp_path / "gallery.npy", np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32))
    np.save(tmp_path / "gallery_ids.npy", np.array([1, 1, 2]))
    # Row 0 finds row 1 at rank 2, row 1 finds row 0 at rank 2; row 2 has no positive.
    assert map_methods.ours(map_methods.load_sides(tmp_path)) == 0.5


def test_bare_product_covers_every_pair_once() -> None:
    query, gallery = np.ones((600, 1), np.float32), np.ones((4100, 1), np.float32)
    sides = map_methods.Sides(query, gallery, np.zeros(600), np.zeros(4100))
    sizes = [(len(q), len(g)) for q, g in map_methods.blocks(sides)]
    assert sizes == [(512, 4096), (512, 4), (88, 4096), (88, 4)]
    assert map_methods.numpy_matmul(sides) is map_methods.torch_matmul(sides) is None


TAKE_64_MB = """
import json
import numpy as np
from benchmarks.evaluation_speed import map_methods

def take_64_mb(sides):
    if len(sides.query) == 1000:  # not in the warm-up
        np.ones(2**23)

rows = np.ones((1000, 8), np.float32)
map_methods.METHODS["ours"] = ("vicp", take_64_mb)
sides = map_methods.Sides(rows, rows.copy(), np.arange(1000), np.arange(1000))
print(json.dumps(map_methods.measure("ours", sides, 2)))
"""


def test_peak_memory_is_what_a_method_takes_over_its_inputs() -> None:
    """In a process of its own, as the benchmark does it: one that has freed much would fill that again first."""
    done = subprocess.run([sys.executable, "-c", TAKE_64_MB], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert 60 < measured["peak_mb"] < 70
    assert 0 < measured["seconds"] < 10


def test_larger_gallery_keeps_the_rows_and_adds_distractors(tmp_path: Path) -> None:
    small, large = tmp_path / "1", tmp_path / "4"
    for folder, times in ((small, 1), (large, 4)):
        folder.mkdir()
        assert made_up_embeddings.write_market(folder, made_up_embeddings.QUICK, times) == 600 * times
    assert np.array_equal(np.load(small / "query.npy"), np.load(large / "query.npy"))
    assert np.array_equal(np.load(small / "gallery.npy"), np.load(large / "gallery.npy")[:600])
    assert not np.isin(np.load(large / "gallery_ids.npy")[600:], np.load(large / "query_ids.npy")).any()
    assert np.allclose(np.linalg.norm(np.load(large / "gallery.npy"), axis=1), 1, atol=1e-6)


def test_petface_has_two_to_eight_photos_each(tmp_path: Path) -> None:
    made_up_embeddings.write_petface(tmp_path, made_up_embeddings.QUICK)
    identities = np.load(tmp_path / "gallery_ids.npy")
    counts = np.sort(np.bincount(identities))
    assert len(identities) == 600
    assert counts[1] >= 2  # the last identity may be cut to one
    assert counts[-1] == 8


def test_methods_that_disagree_stop_the_benchmark() -> None:
    run.check_agreement({"ours": 0.5, "numpy": 0.5 + 5e-7})
    for other in (0.5 + 2e-6, math.nan):
        with pytest.raises(SystemExit, match="mAP differs"):
            run.check_agreement({"ours": 0.5, "numpy": other})


def test_page_says_which_goals_were_reached() -> None:
    row = {"seconds": 2.0, "peak_mb": 301.0, "map": 0.6, "version": "1"}
    bare = {**row, "map": None, "by": "torch.mm", "seconds": 1.0}
    market = {"ours": row, "numpy": {**row, "seconds": 5.0}, "torchmetrics": {**row, "seconds": 10.0}, "matmul": bare}
    text = "\n".join(page.market_lines(market, made_up_embeddings.FULL))
    assert "- 5.0 times as fast as torchmetrics, the fastest library; goal: at least 5, **reached**." in text
    assert "- 301 MB over the embeddings; goal: at most 300 MB, **missed**." in text
    assert "Not installed, so not measured: open-metric-learning, pytorch-metric-learning." in text
    petface = {"seconds": 2.6, "peak_mb": 1000.0, "ratio_to_matmul": 2.6, "matmul": bare}
    text = "\n".join(page.petface_lines(petface, made_up_embeddings.FULL))
    assert "- 2.60 times the bare product; goal: at most 2.5, **missed**." in text
    assert "- 1,000 MB over the embeddings; goal: at most 1,000 MB, **reached**." in text


def test_market_measures_every_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PEERS", {})  # each library's mAP is tested above; their imports take seconds
    rows = run.market(made_up_embeddings.QUICK, 1)
    assert list(rows) == ["ours", "numpy", "matmul"]
    assert 0.2 < rows["ours"]["map"] < 0.8
    assert all(row["seconds"] > 0 and row["peak_mb"] >= 0 for row in rows.values())


def test_a_part_measured_anew_leaves_the_others(tmp_path: Path) -> None:
    growth = [{"gallery": 7654, "seconds": 1.0, "ratio": None, "matmul_seconds": 1.0, "matmul_ratio": None}]
    earlier = {**run.starting_facts(quick=True), "growth": growth}
    (tmp_path / "evaluate.json").write_text(json.dumps(earlier))
    command = [
        sys.executable,
        "-m",
        "benchmarks.evaluation_speed.run",
        "--quick",
        "--only",
        "petface",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / "evaluate.json").read_text())
    assert facts["growth"] == growth
    assert facts["petface"]["ratio_to_matmul"] == facts["petface"]["seconds"] / facts["petface"]["matmul"]["seconds"]
    text = (tmp_path / "evaluate.md").read_text()
    assert "## PetFace's size: 600 photos" in text
    assert "| 7,654 | 1.00 |" in text


def test_parts_of_two_machines_are_not_mixed(tmp_path: Path) -> None:
    facts = run.starting_facts(quick=True)
    path = tmp_path / "evaluate.json"
    assert run.earlier_parts(path, facts) == {}
    path.write_text(json.dumps({**facts, "machine": {**facts["machine"], "cores": 999}}))
    with pytest.raises(SystemExit, match="another machine"):
        run.earlier_parts(path, facts)


def test_quick_figures_do_not_replace_the_results() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.evaluation_speed.run", "--quick"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert "--quick needs another --out" in done.stderr
