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

from vicp.adapt.adaptation import Adaptation
from vicp.adapt.embedding import Embedder
from vicp.adapt.generated import check_labels
from vicp.adapt.support_photos import SupportPhotos, draw_as_many, see_support
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.answer import Answer, Paper, answer
from vicp.evaluation.contexts import Contexts, pairs_by_another_rule, read_contexts
from vicp.evaluation.plan import Plan, wanted
from vicp.evaluation.protocols.exam import Exam
from vicp.evaluation.second_stage.stages import Stage, second_stage
from vicp.evaluation.sheet import Sheet

FALSE_CONTEXTS = ("other", "shuffled", "other_rule", "null")  # rows of their own; "own" is row "generated"


def draw_photos(embedder: Embedder, table: PhotoTable, exam: Exam, plan: Plan, draw: int) -> SupportPhotos:
    """The support of that draw, seen by the model.

    Raises:
        DataError: photos that cannot be used, or not even two pairs.
    """
    seed = derive_seed(plan.seed, "support draw", exam.category, exam.variant, draw)
    shown = table.select(exam.support)
    pairs = draw_as_many(shown.identities, plan.num_pairs, seed=seed)
    return see_support(embedder, shown, pairs, category=exam.category, identities=shown.identities, seed=seed)


def take_exam(
    embedder: Embedder, table: PhotoTable, paper: Paper, plan: Plan, *, other: Callable[[int], SupportPhotos]
) -> Sheet:
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
    adaptations = wanted(embedder, plan)
    seat = _Seat.at(embedder.quiet(), table, paper, plan)
    for draw in range(plan.num_draws):
        support = draw_photos(seat.embedder, table, paper.exam, plan, draw)
        seat.desk.num_pairs.append(len(support.pairs))
        for name in adaptations:
            if name != "null" and (name != "static" or draw == 0):
                seat.adapt(support, name)
        if "generated" in adaptations:
            seat.read_contexts(support, other(draw))
    return seat.desk.sheet(embedder.fingerprint)


@dataclass
class _Desk:
    """Where answers are put while the exam lasts."""

    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
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

    def put(self, row: str, answer: Answer) -> None:
        """Adds one draw's answer to a row."""
        self.answers[row].append(answer)

    def sheet(self, fingerprint: str) -> Sheet:
        """All of it as a value."""
        for a, b in combinations(self.own, 2):
            self.cosines["own draws"].append(float(torch.nn.functional.cosine_similarity(a, b, dim=0)))
        return Sheet(
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
class _Seat:
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
    paper: Paper
    plan: Plan
    frozen: Tensor
    desk: _Desk

    @classmethod
    def at(cls, embedder: Embedder, table: PhotoTable, paper: Paper, plan: Plan) -> "_Seat":
        """With what needs no support answered: row "null", and second stages where no prompt will come."""
        desk = _Desk()
        with desk.clock("null"):
            frozen = embedder.embed_pixels(paper.pixels, mirror=plan.protocol.mirror)
            desk.put("null", answer(paper, frozen))
        seat = cls(embedder, table, paper, plan, frozen, desk)
        if embedder.model is None:
            seat.add_stages("null", None, frozen)
        return seat

    def embed(self, adaptation: Adaptation | Embedder) -> Tensor:
        """The photos under an adaptation (n, D'); they are looked at again only where they look different."""
        if isinstance(adaptation, Embedder):
            return adaptation.embed_pixels(self.paper.pixels, mirror=self.plan.protocol.mirror)
        if all(prompt is None for prompt in adaptation.views):  # a metric, say
            return adaptation.finish([self.frozen])
        return self.embedder.embed_pixels(self.paper.pixels, adaptation, mirror=self.plan.protocol.mirror)

    def adapt(self, support: SupportPhotos, name: str) -> None:
        """Answers under the adaptation of that name."""
        with self.desk.clock(name):
            adaptation = self.plan.adapt(self.embedder, support, name)
            embeddings = self.embed(adaptation)
            self.desk.put(name, answer(self.paper, embeddings))
        if isinstance(adaptation, Adaptation) and name == "auto":
            self.desk.chosen[adaptation.recipe.method] += 1
        if isinstance(adaptation, Adaptation) and name == "generated":
            self.add_stages(name, adaptation, embeddings)

    def add_stages(self, base: str, adaptation: Adaptation | None, embeddings: Tensor) -> None:
        """The second stages asked for and, of a VICP model, the verifier in any case: the context report shows it."""
        stages: dict[Stage, None] = dict.fromkeys((*self.plan.stages, "verifier"))
        if self.embedder.model is None:
            del stages["verifier"]
        for stage in stages:
            row = f"{base} + {stage}"
            with self.desk.clock(row):
                size = self.plan.shortlist
                self.desk.put(row, second_stage(stage, self.embedder, self.paper, embeddings, adaptation, size=size))

    def read_contexts(self, support: SupportPhotos, other: SupportPhotos) -> None:
        """Answers under false contexts, how alike their prompts are, and how far the LLM follows."""
        assert support.seed is not None
        relabelled = self._relabelled(support.seed)
        contexts = read_contexts(self.embedder, support, other, relabelled=relabelled, seed=support.seed)
        for name in FALSE_CONTEXTS:
            if name not in contexts.prompts or (name == "null" and self.desk.answers["context null"]):
                continue
            with self.desk.clock(f"context {name}"):
                embeddings = self.embed(Adaptation.of(contexts.prompts[name]))
                self.desk.put(f"context {name}", answer(self.paper, embeddings))
        self._compare(contexts)
        self._check_labels(support, support.seed)

    def _compare(self, contexts: Contexts) -> None:
        for name in contexts.prompts.keys() - {"own"}:
            self.desk.cosines[name].append(contexts.cosine("own", name))
        self.desk.own.append(contexts.prompts["own"].tokens.flatten().double())

    def _check_labels(self, support: SupportPhotos, seed: int) -> None:
        assert support.latents is not None
        check = check_labels(self.embedder.full_model, support.latents, support.pairs, seed=seed)
        if check is not None:
            self.desk.accuracy.append(check.accuracy)
            self.desk.guessing.append(check.guess)

    def _relabelled(self, seed: int) -> SupportPhotos | None:
        exam = self.paper.exam
        shown = self.table.select(exam.support)
        pairs = pairs_by_another_rule(shown, self.plan.num_pairs, seed=seed)
        if pairs is None:
            return None
        return see_support(self.embedder, shown, pairs, category=exam.category, identities=None, seed=seed)
