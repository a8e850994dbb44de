"""Every method on a small task with the tiny model: what it is made of, and what its outcome depends on."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.lib.method_suite import MethodSuite, subject
from benchmarks.lib.settings_search import STEPS, Candidate, candidates, choose_settings, try_candidate
from benchmarks.lib.task_methods import loaded_task_of, rank, run_method
from benchmarks.lib.task_support import draw_task_support
from benchmarks.lib.tasks import Task, make_task, plan_tasks
from vicp.adapt.load import make_embedder
from vicp.adapt.methods.finetuned import FinetuneSettings
from vicp.adapt.methods.generated import infer_prompt, null_prompt
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import TunedPrompt
from vicp.evaluation.scoring import score_task
from vicp.metrics import retrieval
from vicp.model.build import PRESETS, build_model
from vicp.model.vicp import VICP

ALL = ("own", "null", "other", "repaired", "shuffled", "other_rule", "frozen", "static", "triplet", "verifier")
TOKENS = ("prompt", "prompt_null", "prompt_other", "prompt_repaired", "prompt_shuffled", "prompt_other_rule")
STEPPED = ("tuned_pairs", "tuned_identities", "triplet_plus_pairs", "triplet_plus_identities", "supervised")


@pytest.fixture(scope="module")
def model() -> VICP:
    """Tiny, with random weights large enough for prompts to differ by context."""
    model = build_model(PRESETS["tiny"]).eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in (model.qformer, model.comparison, model.reasoner, model.head):
            for parameter in part.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))
    return model


@pytest.fixture(scope="module")
def suite(model: VICP) -> MethodSuite:
    embedder = make_embedder(model, static=torch.randn(4, 32, generator=torch.Generator().manual_seed(1)))
    plain = replace(make_embedder(build_model(PRESETS["tiny"], seed=7).eval()), model=None)
    return MethodSuite(embedder, plain, supervised=FinetuneSettings(3, 1e-3, "triplet"), num_supervised=40)


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return [make_task(plan, size=32) for plan in plan_tasks("A", 2, num_photos=120)]


def run(method: str, suite: MethodSuite, tasks: list[Task], k: int = 16):
    return run_method(method, suite, tasks[0], partial(tasks.__getitem__, 1), k)


def test_a_perfect_embedding_gets_100_and_a_blind_one_little(tasks: list[Task]) -> None:
    loaded_task = loaded_task_of(tasks[0])
    codes = torch.unique(tasks[0].identities[tasks[0].test], return_inverse=True)[1]
    assert score_task(loaded_task, torch.nn.functional.one_hot(codes).float()).retrieval.map == 1
    assert score_task(loaded_task, torch.ones(len(codes), 2)).retrieval.map < 0.5


def test_own_is_ranked_under_the_prompt_of_the_own_pairs(suite: MethodSuite, tasks: list[Task]) -> None:
    task, embedder = tasks[0], suite.embedder
    support = draw_task_support(task, 16)
    prompt = infer_prompt(embedder, embedder.latents(support.pixels), support.pairs, category="")
    rows = embedder.embed_pixels(task.pool.images[task.test], Prompt.of(prompt), mirror=True)
    codes = task.identities[task.test].numpy()
    expected = 100 * retrieval(rows, rows, codes, codes, leave_one_out=True).map
    found = run("own", suite, tasks)
    assert found.map == pytest.approx(expected)
    assert found.cpu_seconds > 0
    assert 0 < found.seconds < 60
    null = Prompt.of(null_prompt(embedder, embedder.latents(support.pixels)))
    assert run("null", suite, tasks, 0).map == pytest.approx(rank(task, embedder, null))


def test_contexts_and_baselines_differ(suite: MethodSuite, tasks: list[Task]) -> None:
    found = {method: run(method, suite, tasks).map for method in ALL}
    assert len({round(value, 6) for value in found.values()}) == len(ALL)
    assert all(0 < value < 100 for value in found.values())
    assert found["frozen"] == rank(tasks[0], suite.embedder, None)
    assert found["triplet"] == rank(tasks[0], suite.triplet, None)
    assert run("other_rule", suite, tasks).note.endswith(", 16 pairs")
    assert run("other", suite, tasks).note == "A-01"


def test_methods_of_steps_run_with_their_settings(suite: MethodSuite, tasks: list[Task]) -> None:
    short = TunedPrompt("generated", steps=2, rate=1e-2)
    settled = replace(
        suite,
        tuned={(m, 4): short for m in STEPPED},
        finetuned={
            ("triplet_plus_pairs", 4): (FinetuneSettings(2, 1e-3), True),
            ("triplet_plus_identities", 4): (FinetuneSettings(2, 1e-3, "triplet"), False),
        },
    )
    found = {method: run(method, settled, tasks, 4) for method in STEPPED}
    assert found["tuned_pairs"].note == "tuned from generated, 2 steps at 0.01"
    assert found["triplet_plus_pairs"].note == "2 steps at 0.001, ranking loss, from triplet"
    assert found["triplet_plus_identities"].note == "2 steps at 0.001, triplet loss, from the backbone"
    assert found["supervised"].note == "40 photos, 3 steps at 0.001, triplet loss"
    assert found["triplet_plus_pairs"].map != run("triplet", suite, tasks).map
    assert all(outcome.seconds > 0 for outcome in found.values())


@pytest.mark.parametrize("method", ["metric", "chosen_pairs", "chosen_identities"])
def test_what_is_chosen_is_noted_and_takes_no_steps(method: str, suite: MethodSuite, tasks: list[Task]) -> None:
    found = run(method, suite, tasks)
    assert found.note
    assert "steps" not in found.note
    assert 0 < found.map < 100


def test_what_does_not_need_the_generator_is_shared_by_seeds_of_one_backbone(suite: MethodSuite, model: VICP) -> None:
    other = build_model(PRESETS["tiny"], seed=3).eval()
    other.backbone.load_state_dict(model.backbone.state_dict())
    seed = replace(suite, embedder=make_embedder(other))
    seed = replace(seed, embedder=replace(seed.embedder, static=suite.embedder.static))
    shared = ("frozen", "static", "triplet", "triplet_plus_pairs", "supervised")
    for method in (*ALL, *STEPPED, "metric", "chosen_pairs"):
        a, b = (subject(method, each, 16) for each in (suite, seed))
        assert (a == b) == (method.startswith(shared)), method
    taught = replace(suite, embedder=replace(suite.embedder, static=torch.ones(2, 8)))
    assert subject("static", taught, 0) != subject("static", suite, 0), "another static prompt of the same model"
    assert subject(
        "tuned_pairs", replace(suite, tuned={("tuned_pairs", 16): TunedPrompt("generated", 1, 1e-3)}), 16
    ) != subject("tuned_pairs", suite, 16)


def test_settings_are_those_that_did_best(suite: MethodSuite, tasks: list[Task]) -> None:
    assert len(candidates("triplet_plus_pairs", has_triplet=False)) == 3
    assert len(candidates("triplet_plus_identities", has_triplet=True)) == 6
    assert all(c.from_triplet for c in candidates("triplet_plus_identities", has_triplet=True))
    assert [c.rate for c in candidates("tuned_pairs", has_triplet=True)] == [2e-3, 5e-3, 2e-2]
    good, bad = Candidate(1e-3, "triplet", True), Candidate(1e-4)
    tried = {
        ("triplet_plus_pairs", 16, good): [{10: 40.0, 20: 60.0, 30: 50.0}, {10: 40.0, 20: 62.0, 30: 50.0}],
        ("triplet_plus_pairs", 16, bad): [{10: 41.0, 20: 42.0, 30: 43.0}] * 2,
        ("tuned_pairs", 64, bad): [{10: 3.0, 20: 2.0, 30: 1.0}],
    }
    settled, rows = choose_settings(suite, tried)
    assert settled.finetuned == {("triplet_plus_pairs", 16): (FinetuneSettings(20, 1e-3, "triplet"), True)}
    assert settled.tuned == {("tuned_pairs", 64): TunedPrompt("generated", steps=10, rate=1e-4)}
    assert (rows[0]["chosen"], rows[0]["map"]) == ("0.001-triplet-from-triplet, 20 steps", 61.0)
    assert len(rows[0]["tried"]) == 6


@pytest.mark.parametrize("method", ["tuned_pairs", "triplet_plus_identities"])
def test_a_trial_ends_where_the_method_would(method: str, suite: MethodSuite, tasks: list[Task]) -> None:
    candidate = candidates(method, has_triplet=False)[0]
    found = try_candidate(method, suite, tasks[0], 4, candidate)
    assert tuple(found) == STEPS
    settled, _ = choose_settings(suite, {(method, 4, candidate): [found]})
    best = max(found, key=lambda steps: found[steps])
    assert run(method, settled, tasks, 4).map == pytest.approx(found[best], abs=1e-3)
    assert not np.isnan(list(found.values())).any()


def test_prompt_tokens_are_ranked_without_the_metric(model: VICP, suite: MethodSuite, tasks: list[Task]) -> None:
    for method in TOKENS:  # this model emits no metric: its tokens alone are all of it
        plain = "own" if method == "prompt" else method.removeprefix("prompt_")
        assert run(method, suite, tasks).map == run(plain, suite, tasks).map
    emitting = make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())
    with_metric = MethodSuite(emitting)
    assert run("prompt", with_metric, tasks).map != run("own", with_metric, tasks).map
    assert run("emitted_metric", with_metric, tasks).map not in (run("own", with_metric, tasks).map, 0)
