"""benchmarks/evaluate.py on tiny sizes; a library that is not installed is left out."""

import importlib
import json
import math
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
NEEDS = {"ours": "vicp", "numpy": "numpy", "pytorch-metric-learning": "faiss", "torchmetrics": "torchmetrics"}


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("evaluate", monkeypatch)


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("peers", monkeypatch)


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("evaluate_sets", monkeypatch)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("evaluate_page", monkeypatch)


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


@pytest.mark.parametrize("method", NEEDS)
def test_each_method_computes_map(method: str, peers: ModuleType) -> None:
    pytest.importorskip(NEEDS[method])
    cosine = np.array([0.9, 0.8, 0.5, -0.6], dtype=np.float32)
    gallery = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1)
    query = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    sides = peers.Sides(query, gallery, np.array([1, 1]), np.array([2, 1, 2, 1]))
    # Positives at ranks 2 and 4, the last with a similarity below 0; and at ranks 1 and 3.
    expected = ((1 / 2 + 2 / 4) / 2 + (1 + 2 / 3) / 2) / 2
    assert peers.METHODS[method][1](sides) == pytest.approx(expected, abs=1e-7)


def test_ours_leaves_each_row_out_of_its_own_gallery(peers: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "gallery.npy", np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32))
    np.save(tmp_path / "gallery_ids.npy", np.array([1, 1, 2]))
    # Row 0 finds row 1 at rank 2, row 1 finds row 0 at rank 2; row 2 has no positive.
    assert peers.ours(peers.load_sides(tmp_path)) == 0.5


def test_bare_product_covers_every_pair_once(peers: ModuleType) -> None:
    query, gallery = np.ones((600, 1), np.float32), np.ones((4100, 1), np.float32)
    sides = peers.Sides(query, gallery, np.zeros(600), np.zeros(4100))
    sizes = [(len(q), len(g)) for q, g in peers.blocks(sides)]
    assert sizes == [(512, 4096), (512, 4), (88, 4096), (88, 4)]
    assert peers.numpy_matmul(sides) is peers.torch_matmul(sides) is None


TAKE_64_MB = """
import json
import numpy as np
import peers

def take_64_mb(sides):
    if len(sides.query) == 1000:  # not in the warm-up
        np.ones(2**23)

rows = np.ones((1000, 8), np.float32)
peers.METHODS["ours"] = ("vicp", take_64_mb)
print(json.dumps(peers.measure("ours", peers.Sides(rows, rows.copy(), np.arange(1000), np.arange(1000)), 2)))
"""


def test_peak_memory_is_what_a_method_takes_over_its_inputs() -> None:
    """In a process of its own, as the benchmark does it: one that has freed much would fill that again first."""
    done = subprocess.run([sys.executable, "-c", TAKE_64_MB], capture_output=True, text=True, cwd=BENCHMARKS)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert 60 < measured["peak_mb"] < 70
    assert 0 < measured["seconds"] < 10


def test_larger_gallery_keeps_the_rows_and_adds_distractors(sets: ModuleType, tmp_path: Path) -> None:
    small, large = tmp_path / "1", tmp_path / "4"
    for folder, times in ((small, 1), (large, 4)):
        folder.mkdir()
        assert sets.write_market(folder, sets.QUICK, times) == 600 * times
    assert np.array_equal(np.load(small / "query.npy"), np.load(large / "query.npy"))
    assert np.array_equal(np.load(small / "gallery.npy"), np.load(large / "gallery.npy")[:600])
    assert not np.isin(np.load(large / "gallery_ids.npy")[600:], np.load(large / "query_ids.npy")).any()
    assert np.allclose(np.linalg.norm(np.load(large / "gallery.npy"), axis=1), 1, atol=1e-6)


def test_petface_has_two_to_eight_photos_each(sets: ModuleType, tmp_path: Path) -> None:
    sets.write_petface(tmp_path, sets.QUICK)
    identities = np.load(tmp_path / "gallery_ids.npy")
    counts = np.sort(np.bincount(identities))
    assert len(identities) == 600
    assert counts[1] >= 2  # the last identity may be cut to one
    assert counts[-1] == 8


def test_methods_that_disagree_stop_the_benchmark(evaluate: ModuleType) -> None:
    evaluate.check_agreement({"ours": 0.5, "numpy": 0.5 + 5e-7})
    for other in (0.5 + 2e-6, math.nan):
        with pytest.raises(SystemExit, match="mAP differs"):
            evaluate.check_agreement({"ours": 0.5, "numpy": other})


def test_page_says_which_goals_were_reached(page: ModuleType, sets: ModuleType) -> None:
    row = {"seconds": 2.0, "peak_mb": 301.0, "map": 0.6, "version": "1"}
    bare = {**row, "map": None, "by": "torch.mm", "seconds": 1.0}
    market = {"ours": row, "numpy": {**row, "seconds": 5.0}, "torchmetrics": {**row, "seconds": 10.0}, "matmul": bare}
    text = "\n".join(page.market_lines(market, sets.FULL))
    assert "- 5.0 times as fast as torchmetrics, the fastest library; goal: at least 5, **reached**." in text
    assert "- 301 MB over the embeddings; goal: at most 300 MB, **missed**." in text
    assert "Not installed, so not measured: open-metric-learning, pytorch-metric-learning." in text
    petface = {"seconds": 2.6, "peak_mb": 1000.0, "ratio_to_matmul": 2.6, "matmul": bare}
    text = "\n".join(page.petface_lines(petface, sets.FULL))
    assert "- 2.60 times the bare product; goal: at most 2.5, **missed**." in text
    assert "- 1,000 MB over the embeddings; goal: at most 1,000 MB, **reached**." in text


def test_market_measures_every_method(evaluate: ModuleType, sets: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "PEERS", {})  # each library's mAP is tested above; their imports take seconds
    rows = evaluate.market(sets.QUICK, 1)
    assert list(rows) == ["ours", "numpy", "matmul"]
    assert 0.2 < rows["ours"]["map"] < 0.8
    assert all(row["seconds"] > 0 and row["peak_mb"] >= 0 for row in rows.values())


def test_a_part_measured_anew_leaves_the_others(evaluate: ModuleType, tmp_path: Path) -> None:
    growth = [{"gallery": 7654, "seconds": 1.0, "ratio": None, "matmul_seconds": 1.0, "matmul_ratio": None}]
    earlier = {**evaluate.starting_facts(quick=True), "growth": growth}
    (tmp_path / "evaluate.json").write_text(json.dumps(earlier))
    command = [sys.executable, str(BENCHMARKS / "evaluate.py"), "--quick", "--only", "petface", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / "evaluate.json").read_text())
    assert facts["growth"] == growth
    assert facts["petface"]["ratio_to_matmul"] == facts["petface"]["seconds"] / facts["petface"]["matmul"]["seconds"]
    text = (tmp_path / "evaluate.md").read_text()
    assert "## PetFace's size: 600 photos" in text
    assert "| 7,654 | 1.00 |" in text


def test_parts_of_two_machines_are_not_mixed(evaluate: ModuleType, tmp_path: Path) -> None:
    facts = evaluate.starting_facts(quick=True)
    path = tmp_path / "evaluate.json"
    assert evaluate.earlier_parts(path, facts) == {}
    path.write_text(json.dumps({**facts, "machine": {**facts["machine"], "cores": 999}}))
    with pytest.raises(SystemExit, match="another machine"):
        evaluate.earlier_parts(path, facts)


def test_quick_figures_do_not_replace_the_results() -> None:
    done = subprocess.run([sys.executable, str(BENCHMARKS / "evaluate.py"), "--quick"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--quick needs another --out" in done.stderr


@pytest.mark.parametrize(
    ("program", "asked"),
    [
        ("context", "--tasks 0"),
        ("context", "--draws 0"),
        ("context", "--ks 7"),
        ("choice", "--tasks -1"),
        ("parts", "--tasks 1"),
        ("selection", "--pairs 0"),
        ("mini", "--photos 0 0"),
    ],
)
def test_numbers_out_of_range_end_before_anything_is_done(
    program: str, asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(program).main(asked.split())
    assert ended.value.code == 2
    assert f"argument {asked.split()[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize("program", ["decisions", "demo_sets", "embedded_sets", "pairs", "routing", "sets"])
def test_a_set_that_is_not_there_is_one_line_and_leaves_the_results(
    program: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results = BENCHMARKS.parent / "results"
    before = {path: path.read_bytes() for path in results.rglob("*.*")}
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [program, str(tmp_path / "away.parquet")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCHMARKS / f"{program}.py"), run_name="__main__")
    assert ended.value.code == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == f"error: no such file or folder: {tmp_path / 'away.parquet'}"
    assert {path: path.read_bytes() for path in results.rglob("*.*")} == before
