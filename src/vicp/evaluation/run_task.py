"""One method takes one exam: with every adaptation, second stage and context, for each support draw."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, encode_support, sample_same_size
from vicp.adapt.methods.generated import predict_labels
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.controls import ControlContexts, build_controls, pairs_by_another_rule
from vicp.evaluation.method_result import MethodResult
from vicp.evaluation.reranking.stages import Stage, second_stage
from vicp.evaluation.scoring import LoadedTask, TaskResult, score_task
from vicp.evaluation.settings import EvaluationSettings, adaptations_to_run
from vicp.evaluation.task import EvaluationTask

FALSE_CONTEXTS = ("other", "shuffled", "other_rule", "null")  # rows of their own; "own" is row "generated"


def sample_support(
    embedder: Embedder, table: PhotoTable, exam: EvaluationTask, plan: EvaluationSettings, draw: int
) -> EncodedSupport:
    """The support of that draw, seen by the model.

    Raises:
        DataError: photos that cannot be used, or not even two pairs.
    """
    seed = derive_seed(plan.seed, "support draw", exam.category, exam.variant, draw)
    shown = table.select(exam.support)
    pairs = sample_same_size(shown.identities, plan.num_pairs, seed=seed)
    return encode_support(embedder, shown, pairs, category=exam.category, identities=shown.identities, seed=seed)


def run_task(
    embedder: Embedder,
    table: PhotoTable,
    paper: LoadedTask,
    plan: EvaluationSettings,
    *,
    other: Callable[[int], EncodedSupport],
) -> MethodResult:
    """All that a method answers.

    Args:
        embedder: the method.
        table: the photos that the exam's rows are of.
        paper: the exam, with its photos.
        plan: what to do.
        other: the support of another category, by draw; asked only of VICP models.

    Raises:
        ConfigError: an adaptation that this method cannot do.
        DataError: a support that cannot be drawn or used.
    """
    adaptations = adaptations_to_run(embedder, plan)
    seat = _TaskRun.at(embedder.quiet(), table, paper, plan)
    for draw in range(plan.num_draws):
        support = sample_support(seat.embedder, table, paper.exam, plan, draw)
        seat.desk.num_pairs.append(len(support.pairs))
        for name in adaptations:
            if name != "null" and (name != "static" or draw == 0):
                seat.adapt(support, name)
        if "generated" in adaptations:
            seat.read_contexts(support, other(draw))
    return seat.desk.sheet(embedder.fingerprint)


@dataclass
class _ResultCollector:
    """Where answers are put while the exam lasts."""

    answers: dict[str, list[TaskResult]] = field(default_factory=lambda: defaultdict(list))
    seconds: Counter[str] = field(default_factory=Counter)
    chosen: Counter[str] = field(default_factory=Counter)
    cosines: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    accuracy: list[float] = field(default_factory=list)
    guessing: list[float] = field(default_factory=list)
    num_pairs: list[int] = field(default_factory=list)
    own: list[Tensor] = field(default_factory=list)  # prompts (M*D,)

    @contextmanager
    def clock(self, row: str) -> Iterator[None]:
        """Adds the time it takes to a row's."""
        start = time.monotonic()
        yield
        self.seconds[row] += time.monotonic() - start  # type: ignore[assignment]

    def put(self, row: str, answer: TaskResult) -> None:
        """Adds one draw's answer to a row."""
        self.answers[row].append(answer)

    def sheet(self, fingerprint: str) -> MethodResult:
        """All of it as a value."""
        for a, b in combinations(self.own, 2):
            self.cosines["own draws"].append(float(torch.nn.functional.cosine_similarity(a, b, dim=0)))
        return MethodResult(
            fingerprint=fingerprint,
            answers={row: tuple(answers) for row, answers in self.answers.items()},
            seconds=dict(self.seconds),
            chosen=dict(self.chosen),
            num_pairs=min(self.num_pairs),
            cosines={name: float(np.mean(values)) for name, values in self.cosines.items()},
            label_accuracy=tuple(self.accuracy),
            guessing=tuple(self.guessing),
        )


@dataclass(frozen=True, eq=False)
class _TaskRun:
    """A method before a paper.

    Attributes:
        embedder: the method.
        table: the photos that the exam's rows are of.
        paper: the exam, with its photos.
        plan: what to do.
        frozen: the photos as the plain backbone sees them (n, D).
        desk: where answers go.
    """

    embedder: Embedder
    table: PhotoTable
    paper: LoadedTask
    plan: EvaluationSettings
    frozen: Tensor
    desk: _ResultCollector

    @classmethod
    def at(cls, embedder: Embedder, table: PhotoTable, paper: LoadedTask, plan: EvaluationSettings) -> "_TaskRun":
        """With what needs no support answered: row "null", and second stages where no prompt will come."""
        desk = _ResultCollector()
        with desk.clock("null"):
            frozen = embedder.embed_pixels(paper.pixels, mirror=plan.protocol.mirror)
            desk.put("null", score_task(paper, frozen))
        seat = cls(embedder, table, paper, plan, frozen, desk)
        if embedder.model is None:
            seat.add_stages("null", None, frozen)
        return seat

    def embed(self, adaptation: Prompt | Embedder) -> Tensor:
        """The photos under an adaptation (n, D'); they are looked at again only where they look different."""
        if isinstance(adaptation, Embedder):
            return adaptation.embed_pixels(self.paper.pixels, mirror=self.plan.protocol.mirror)
        if all(visual is None for visual in adaptation.views):  # a metric, say
            return adaptation.finish([self.frozen])
        return self.embedder.embed_pixels(self.paper.pixels, adaptation, mirror=self.plan.protocol.mirror)

    def adapt(self, support: EncodedSupport, name: str) -> None:
        """Answers under the adaptation of that name."""
        with self.desk.clock(name):
            adaptation = self.plan.adapt(self.embedder, support, name)
            embeddings = self.embed(adaptation)
            self.desk.put(name, score_task(self.paper, embeddings))
        if isinstance(adaptation, Prompt) and name == "auto":
            self.desk.chosen[adaptation.recipe.method] += 1
        if isinstance(adaptation, Prompt) and name == "generated":
            self.add_stages(name, adaptation, embeddings)

    def add_stages(self, base: str, adaptation: Prompt | None, embeddings: Tensor) -> None:
        """The second stages asked for and, of a VICP model, the verifier in any case: the context report shows it."""
        stages: dict[Stage, None] = dict.fromkeys((*self.plan.stages, "verifier"))
        if self.embedder.model is None:
            del stages["verifier"]
        for stage in stages:
            row = f"{base} + {stage}"
            with self.desk.clock(row):
                size = self.plan.shortlist
                self.desk.put(row, second_stage(stage, self.embedder, self.paper, embeddings, adaptation, size=size))

    def read_contexts(self, support: EncodedSupport, other: EncodedSupport) -> None:
        """Answers under false contexts, how alike their prompts are, and how far the LLM follows."""
        assert support.seed is not None
        relabelled = self._relabelled(support.seed)
        contexts = build_controls(self.embedder, support, other, relabelled=relabelled, seed=support.seed)
        for name in FALSE_CONTEXTS:
            if name not in contexts.prompts or (name == "null" and self.desk.answers["context null"]):
                continue
            with self.desk.clock(f"context {name}"):
                embeddings = self.embed(Prompt.of(contexts.prompts[name]))
                self.desk.put(f"context {name}", score_task(self.paper, embeddings))
        self._compare(contexts)
        self._check_labels(support, support.seed)

    def _compare(self, contexts: ControlContexts) -> None:
        for name in contexts.prompts.keys() - {"own"}:
            self.desk.cosines[name].append(contexts.cosine("own", name))
        self.desk.own.append(contexts.prompts["own"].tokens.flatten().double())

    def _check_labels(self, support: EncodedSupport, seed: int) -> None:
        assert support.latents is not None
        check = predict_labels(self.embedder.full_model, support.latents, support.pairs, seed=seed)
        if check is not None:
            self.desk.accuracy.append(check.accuracy)
            self.desk.guessing.append(check.guess)

    def _relabelled(self, seed: int) -> EncodedSupport | None:
        exam = self.paper.exam
        shown = self.table.select(exam.support)
        pairs = pairs_by_another_rule(shown, self.plan.num_pairs, seed=seed)
        if pairs is None:
            return None
        return encode_support(self.embedder, shown, pairs, category=exam.category, identities=None, seed=seed)
