"""The whole evaluation on small worlds: what it measures, how it goes on, and what it says of the context."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from vicp.adapt.load import load_model
from vicp.adapt.methods.generated import infer_prompt
from vicp.adapt.prompt import Prompt
from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable
from vicp.errors import ConfigError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.estimates import ResamplingUnits, Sample, estimate_all, mean_of
from vicp.evaluation.methods import make_methods
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.report.serialise import evaluation_dict
from vicp.evaluation.result_cache import MethodResult
from vicp.evaluation.results import Evaluation
from vicp.evaluation.run import evaluate, run_evaluation
from vicp.evaluation.scoring import TaskResult, score_task
from vicp.evaluation.supports import SupportSampler
from vicp.evaluation.task import load_task
from vicp.metrics import Retrieval, retrieval

CONFIG = EvaluationConfig(
    find_protocol("vicp-retrieval"),
    num_pairs=16,
    num_draws=2,
    adaptations=("null", "generated"),
    stages=("k-reciprocal",),
    shortlist=20,
    diagnose=False,
)


def small_world(num_categories: int) -> PhotoTable:
    """Four photos each of sixteen individuals a category, whose silhouettes and rules no training saw."""
    frame = world_photos(num_categories=num_categories, num_identities=16, photos_per_identity=4)
    return PhotoTable(frame.assign(row=np.arange(1, len(frame) + 1)), None)


def run(out: Path, *methods: str, draws: int = 2) -> Evaluation:
    config = dataclasses.replace(CONFIG, num_draws=draws, out=out)
    return run_evaluation(
        config, make_methods(methods), EvaluationPhotos.decoded(small_world(2), "the procedural world")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def done(folder: Path) -> Evaluation:
    """mini on two categories of the procedural world whose silhouettes and rules it never saw."""
    return run(folder, "mini", "frozen:mini")


def test_rows_are_means_and_categories_of_each_method(done: Evaluation) -> None:
    rows = {(row.method, row.adaptation, row.category): row for row in done.rows}
    categories = sorted({row.category for row in done.rows} - {"mean"})
    assert len(categories) == 2
    for method, adaptation in {(row.method, row.adaptation) for row in done.rows}:
        mean = rows[method, adaptation, "mean"].values["map"].value
        assert mean == pytest.approx(np.mean([rows[method, adaptation, c].values["map"].value for c in categories]))
    assert {row.adaptation for row in done.rows if row.method == "mini"} == {
        *("null", "static", "generated", "generated + k-reciprocal", "generated + verifier")
    }
    assert {row.adaptation for row in done.rows if row.method == "frozen:mini"} == {"null", "null + k-reciprocal"}
    plain, mini = rows["frozen:mini", "null", "mean"], rows["mini", "null", "mean"]
    assert plain.values == mini.values
    assert (plain.num_pairs, plain.num_draws) == (0, 1)
    assert (rows["mini", "generated", "mean"].num_pairs, rows["mini", "generated", "mean"].num_draws) == (16, 2)


def test_a_row_equals_retrieval_computed_by_hand(done: Evaluation) -> None:
    """A category, embedded and ranked anew by hand."""
    table = small_world(2)
    tasks, _ = make_tasks(EvaluationPhotos.apart(table), CONFIG.protocol, seed=0)
    embedder, task = load_model("mini"), tasks[1]
    identities = np.array(table.identities)[task.query]
    assert not set(identities) & set(np.array(table.identities)[task.support])
    maps = []
    for draw in range(2):
        support = SupportSampler(embedder, table, CONFIG).sample(task, draw)
        prompt = infer_prompt(embedder, support.latents, support.pairs, category=task.category)
        _, pixels = embedder.pixels(table.select(task.query))
        embeddings = embedder.embed_pixels(pixels, Prompt.of(prompt), mirror=True)
        maps.append(retrieval(embeddings, embeddings, identities, identities, leave_one_out=True).map)
    row = next(r for r in done.rows if (r.adaptation, r.category) == ("generated", task.category))
    assert row.values["map"].value == pytest.approx(np.mean(maps), abs=1e-6)
    assert maps[0] != maps[1]


def test_context_report_of_the_world_has_every_row_and_own_leads(done: Evaluation) -> None:
    context = next(row.context for row in done.rows if row.adaptation == "generated" and row.category == "mean")
    assert context is not None
    expected = ["own", "other", "shuffled", "other_rule", "null", "static", "frozen", "verifier"]
    assert list(context.rows) == expected
    own = context.rows["own"].value
    for name in ("other", "shuffled", "other_rule"):
        assert context.rows[name].value < own - 0.1
        assert context.differences[name].value == pytest.approx(own - context.rows[name].value)
        low, high = context.differences[name].low, context.differences[name].high
        assert low is not None
        assert high is not None
        assert low < context.differences[name].value < high
    assert context.prompt_cosine["own draws"] > context.prompt_cosine["other"]
    assert context.label_accuracy is not None
    assert context.majority_rate == pytest.approx(0.5)
    assert context.verdict.startswith("The context adds")


def test_report_json_has_the_documented_keys_and_intervals(done: Evaluation) -> None:
    rows = evaluation_dict(done)["rows"]
    promised = {"method", "adaptation", "protocol", "category", "map", "rank1", "rank5", "auc", "acc", "interval"}
    assert all(promised | {"seconds", "context"} <= set(row) for row in rows)
    generated = next(row for row in rows if row["adaptation"] == "generated")
    assert generated["interval"]["map"][0] < generated["map"] < generated["interval"]["map"][1]
    assert generated["interval"]["auc"][0] < generated["auc"] < generated["interval"]["auc"][1]
    assert json.loads(json.dumps(generated["context"]))["rows"]["own"]["map"] == generated["map"]


def test_run_evaluation_measures_only_results_that_are_missing(done: Evaluation, folder: Path) -> None:
    parts = sorted((folder / "parts").rglob("*.npz"))
    assert len(parts) == 4
    kept, lost = parts[0], parts[-1]
    before = kept.stat().st_mtime_ns
    lost.write_bytes(lost.read_bytes()[:1000])  # as a killed process might leave it, if files were not whole or absent
    again = run(folder, "mini", "frozen:mini")
    assert kept.stat().st_mtime_ns == before
    assert [(r.method, r.adaptation, r.values) for r in again.rows] == [
        (r.method, r.adaptation, r.values) for r in done.rows
    ]


def test_a_folder_of_another_evaluation_is_refused(done: Evaluation, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds another evaluation \(different: draws\)"):
        run(folder, "mini", draws=3)


def test_a_checkpoint_that_has_changed_is_measured_anew(folder: Path, done: Evaluation, tmp_path: Path) -> None:
    shutil.copytree(folder / "parts", tmp_path / "parts")
    path = next((tmp_path / "parts").rglob("frozen*/*.npz"))
    method_result = MethodResult.load(path)
    assert method_result is not None
    dataclasses.replace(method_result, fingerprint="another", results={}).save(path)
    again = run(tmp_path, "mini", "frozen:mini")
    assert [r.values for r in again.rows] == [r.values for r in done.rows]


def test_a_method_result_survives_its_file(folder: Path, done: Evaluation, tmp_path: Path) -> None:
    path = next((folder / "parts").rglob("mini*/*.npz"))
    method_result = MethodResult.load(path)
    assert method_result is not None
    method_result.save(tmp_path / "again.npz")
    other = MethodResult.load(tmp_path / "again.npz")
    assert other is not None
    assert (other.seconds, other.cosines, other.label_accuracy) == (
        method_result.seconds,
        method_result.cosines,
        method_result.label_accuracy,
    )
    for row, results in method_result.results.items():
        for mine, theirs in zip(results, other.results[row], strict=True):
            np.testing.assert_array_equal(mine.retrieval.average_precision, theirs.retrieval.average_precision)
            np.testing.assert_array_equal(mine.pair_scores, theirs.pair_scores)
    assert MethodResult.load(tmp_path / "nothing.npz") is None


def test_evaluate_takes_models_and_names_and_keeps_no_folder() -> None:
    embedder = load_model("mini").without_progress()
    settings = {"pairs": 8, "support_draws": 1, "adapt": ("null",), "diagnose": False}
    report = evaluate([embedder, "frozen:mini"], small_world(1), **settings)
    assert report.methods == {"mini": embedder.fingerprint, "frozen:mini": report.methods["frozen:mini"]}
    model, plain = (next(row for row in report.rows if row.method == name) for name in report.methods)
    assert (model.adaptation, model.values) == ("null", plain.values)
    assert report.to_markdown().startswith("# Best of ")
    assert report.to_dict()["rows"][0]["map"] == model.values["map"].value
    assert report.source == "photos in memory"


def test_scores_of_pairs_are_cosines_of_their_photos() -> None:
    table = small_world(1)
    tasks, _ = make_tasks(EvaluationPhotos.apart(table), find_protocol("vicp-retrieval"), seed=0)
    embedder = load_model("mini")
    with load_task(embedder, table, tasks[0]) as loaded_task:
        vectors = torch.randn(len(loaded_task.rows), 7, generator=torch.Generator().manual_seed(0))
        found = score_task(loaded_task, vectors)
        pairs = tasks[0].pairs
        assert pairs is not None
        for k in (0, 5, len(pairs.left) - 1):
            a, b = (vectors[int(np.flatnonzero(loaded_task.rows == side[k])[0])] for side in (pairs.left, pairs.right))
            assert found.pair_scores[k] == pytest.approx(
                float(torch.nn.functional.cosine_similarity(a, b, dim=0)), abs=1e-6
            )


def of_precision(values: list[float], pair_scores: list[float] | None = None) -> TaskResult:
    array = np.array(values)
    hits = np.where(array == 1, 1, 3)
    found = Retrieval(array, hits, array, array, hits * 0, array * 0)
    return TaskResult(found, np.array(pair_scores or []))


def test_estimate_all_equals_values_computed_by_hand() -> None:
    identities = np.array(["a", "a", "b"])
    units = ResamplingUnits(identities, np.array(["a", "a", "b"]), np.array(["a", "b", "a"]), open_set=False, seed=0)
    draws = [of_precision([1.0, 0.5, 0.0], [0.9, 0.1, 0.2]), of_precision([0.5, 0.5, 0.5], [0.3, 0.5, 0.1])]
    samples = estimate_all(draws, units)
    assert samples["map"].value == pytest.approx(0.5)
    assert samples["rank1"].value == pytest.approx(1 / 6)
    assert samples["rank5"].value == 1.0
    assert samples["auc"].value == pytest.approx((1.0 + 0.5) / 2)
    assert samples["acc"].value == pytest.approx((1.0 + 2 / 3) / 2)
    assert samples["map"].estimate().low == pytest.approx(0.0)
    both = mean_of([samples["map"], Sample(0.9, np.full(1000, 0.9))])
    assert both.value == pytest.approx(0.7)
    assert both.minus(both).resampled.tolist() == [0.0] * 1000
