"""The methods that a task is given to, by name: how each adapts to the pairs, how long that takes, what it is worth."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.lib.bayes_reader import bayes_reader
from benchmarks.lib.method_suite import MethodSuite
from benchmarks.lib.task_support import (
    TaskSupport,
    by_another_rule,
    draw_task_support,
    relation_of,
    see_task_support,
)
from benchmarks.lib.tasks import Task
from vicp.adapt.controls import CONTROLS, Context, build_controls, control_prompts
from vicp.adapt.embedder import Embedder
from vicp.adapt.fitting import fit
from vicp.adapt.methods import finetuned
from vicp.adapt.methods.generated import prompt_tokens
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import EmittedMetric, GeneratedPrompt, StaticTokens
from vicp.adapt.selection import select
from vicp.data.seeds import derive_seed
from vicp.errors import DataError
from vicp.evaluation.reranking.rerank import reranked_retrieval
from vicp.evaluation.reranking.shortlist import find_shortlist
from vicp.evaluation.reranking.stages import rerank_task
from vicp.evaluation.scoring import score_task
from vicp.evaluation.task import EvaluationTask, LoadedTask
from vicp.model.qformer import Latents

UNREAD = 4  # pairs drawn for methods that read none: their photos say what a photo looks like, no more
CONTEXTS = ("own", *(name for name in CONTROLS if name != "static"))
TOKENS = "prompt"  # the paper's prompt: what `own` and its controls are without the metric that the model emits


@dataclass(frozen=True)
class Outcome:
    """What a method reached on a task.

    Attributes:
        map: mAP in percent.
        seconds: from decoded support photos to an embedding function, by the clock.
        cpu_seconds: the same as the process counts them, whatever else the machine did.
        note: what was chosen, or done.
    """

    map: float
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    note: str = ""


class Clock:
    """Seconds by the clock and of the processor, of what ran within `running`."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - wall
        self.cpu_seconds += time.process_time() - cpu


def run_method(method: str, suite: MethodSuite, task: Task, other: Callable[[], Task], num_pairs: int) -> Outcome:
    """What a method reaches on a task.

    Args:
        method: one of the names of `results/context.json`, without a suffix for the generator.
        suite: what it is made of.
        task: whose test photos are looked up.
        other: makes another one, whose pairs are the false context "other".
        num_pairs: K; 0 for methods that read no pairs.

    Raises:
        ConfigError: there is no static prompt.
        ValueError: no such method, or `triplet` without that baseline.
    """
    clock = Clock()
    if method == "supervised":
        return _supervised(suite, task, clock)
    if method in ("frozen", "triplet"):
        embedder = suite.embedder if method == "frozen" else suite.baseline
        return _outcome(task, embedder, None, clock)
    if method.startswith("triplet_plus"):
        return _retrained(method, suite, task, num_pairs, clock)
    if method == "bayes":
        return _bayes(suite, task, draw_task_support(task, num_pairs), clock)
    support = draw_task_support(task, num_pairs or UNREAD)
    false = draw_task_support(other(), num_pairs) if method.endswith("other") else None
    with clock.running():
        adaptation, note = _adapt(method, suite, support, false)
    if method == "verifier":
        loaded_task = loaded_task_of(task)
        embeddings = suite.embedder.embed_pixels(loaded_task.pixels, adaptation, mirror=True)
        found = rerank_task("verifier", suite.embedder, loaded_task, embeddings, adaptation, size=len(embeddings) - 1)
        return Outcome(100 * found.retrieval.map, clock.seconds, clock.cpu_seconds)
    return _outcome(task, suite.embedder, adaptation, clock, note)


def loaded_task_of(task: Task) -> LoadedTask:
    """The test photos, each looked up among all others."""
    rows = np.arange(len(task.test))
    retrieval_task = EvaluationTask(
        task.plan.name, support=np.zeros(0, dtype=np.int64), query=rows, gallery=rows, leave_one_out=True
    )
    names = np.array([str(code) for code in task.identities[task.test].tolist()])
    return LoadedTask(retrieval_task, rows, names, task.pool.images[task.test])


def rank(task: Task, embedder: Embedder, adaptation: Prompt | None) -> float:
    """MAP in percent of the test photos under an adaptation; None is the embedder's backbone as it is."""
    loaded_task = loaded_task_of(task)
    embeddings = embedder.embed_pixels(loaded_task.pixels, adaptation, mirror=True)
    return 100 * score_task(loaded_task, embeddings).retrieval.map


def _outcome(task: Task, embedder: Embedder, adaptation: Prompt | None, clock: Clock, note: str = "") -> Outcome:
    return Outcome(rank(task, embedder, adaptation), clock.seconds, clock.cpu_seconds, note)


def _adapt(method: str, suite: MethodSuite, support: TaskSupport, other: TaskSupport | None) -> tuple[Prompt, str]:
    """The adaptation of a method that leaves the weights alone, and what there is to say of it."""
    embedder, with_identities = suite.embedder, method.endswith("_identities")
    if method in CONTEXTS:
        return _context(method, embedder, support, other)
    if method == TOKENS or method.startswith(f"{TOKENS}_"):
        context = "own" if method == TOKENS else method.removeprefix(f"{TOKENS}_")
        generated, note = _context(context, embedder, support, other)
        return prompt_tokens(generated), note
    seen = see_task_support(embedder, support, with_identities=with_identities)
    match method.removesuffix("_pairs").removesuffix("_identities"):
        case "static":
            return fit(embedder, seen, StaticTokens()), ""
        case "verifier":
            return fit(embedder, seen, GeneratedPrompt()), ""
        case "emitted_metric":
            return fit(embedder, seen, EmittedMetric()), ""
        case "metric":
            try:
                adaptation = select.fit_selected(embedder, seen, "metric")
            except DataError:
                adaptation = select.fit_selected(embedder, seen, "null")
        case "chosen":
            adaptation = select.fit_selected(embedder, seen, "auto")
        case "tuned":
            adaptation = fit(embedder, seen, suite.tuning(method, len(support.pairs)))
        case _:
            raise ValueError(f"no method {method!r}")
    return adaptation, str(adaptation.recipe)


def _context(method: str, embedder: Embedder, support: TaskSupport, other: TaskSupport | None) -> tuple[Prompt, str]:
    """The prompt of the own context or of a control, and what there is to say of it."""
    own, note, given = _context_of(embedder, support), "", {}
    if method == "other" and other is not None:
        given, note = {"other": _context_of(embedder, other)}, other.category
    elif method == "other_rule":
        rule, pairs = by_another_rule(support)
        given, note = {"other_rule": replace(own, pairs=pairs)}, f"{rule}, {len(pairs)} pairs"
    names = () if method == "own" else (method,)
    contexts = build_controls(own, names, seed=support.seed, **given)
    prompts = control_prompts(embedder, {method: contexts[method]}, seed=support.seed)
    return Prompt.of(prompts[method]), note


def _context_of(embedder: Embedder, support: TaskSupport) -> Context[Latents]:
    return Context(embedder.latents(support.pixels), support.pairs, support.category)


def _retrained(method: str, suite: MethodSuite, task: Task, num_pairs: int, clock: Clock) -> Outcome:
    settings, from_triplet = suite.finetuning(method, num_pairs)
    start = suite.baseline if from_triplet else suite.embedder
    support = draw_task_support(task, num_pairs)
    with clock.running():
        relation = relation_of(support, with_identities=method.endswith("_identities"))
        embedder = finetuned.finetuned(start, support.pixels, relation, settings, seed=support.seed)
    return _outcome(task, embedder, None, clock, f"{settings}, from {'triplet' if from_triplet else 'the backbone'}")


def _bayes(suite: MethodSuite, task: Task, support: TaskSupport, clock: Clock) -> Outcome:
    """Photos ranked by the probability that a Bayesian reader of the pairs gives them."""
    reader, loaded_task = bayes_reader(suite), loaded_task_of(task)
    with clock.running():
        similarity = reader.similarity(support, loaded_task.pixels)
    embedded = loaded_task.embedded(suite.embedder.embed_pixels(loaded_task.pixels))
    shortlist = find_shortlist(embedded, size=len(similarity) - 1)
    scores = np.take_along_axis(similarity, shortlist.rows, axis=1)
    return Outcome(100 * reranked_retrieval(embedded, shortlist, scores).map, clock.seconds, clock.cpu_seconds)


def _supervised(suite: MethodSuite, task: Task, clock: Clock) -> Outcome:
    """A backbone fine-tuned on other photos of the task's own individuals, those that are looked up among them."""
    pixels, identities = task.more_photos(suite.num_supervised)
    with clock.running():
        relation = torch.where(identities[:, None] == identities[None], 1, -1).to(torch.int8).numpy()
        seed = derive_seed(task.plan.seed, "supervised")
        embedder = finetuned.finetuned(suite.embedder, pixels, relation, suite.supervised, seed=seed)
    return _outcome(task, embedder, None, clock, f"{len(pixels)} photos, {suite.supervised}")
