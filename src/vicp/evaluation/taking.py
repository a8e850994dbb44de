"""One method takes one exam: with every adaptation, second stage and context, for each support draw."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from vicp.adapt import choose, generated, retrained, static
from vicp.adapt.adaptation import Adaptation
from vicp.adapt.embedding import Embedder
from vicp.adapt.generated import check_labels
from vicp.adapt.retrained import Retraining
from vicp.adapt.support_photos import SupportPhotos, draw_as_many, see_support
from vicp.data.records import PhotoTable, nearest
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError
from vicp.evaluation.answer import Answer, Paper, answer
from vicp.evaluation.contexts import Contexts, pairs_by_another_rule, read_contexts
from vicp.evaluation.methods import ADAPTATIONS, DEAREST, adaptations_of
from vicp.evaluation.protocols.exam import Exam
from vicp.evaluation.protocols.protocol import Protocol, find_protocol
from vicp.evaluation.second_stage.stages import Stage, find_stages, second_stage
from vicp.evaluation.sheet import Sheet

Adapting = Callable[[Embedder, SupportPhotos, str], Adaptation | Embedder]
FALSE_CONTEXTS = ("other", "shuffled", "other_rule", "null")  # rows of their own; "own" is row "generated"


def adapt_support(embedder: Embedder, support: SupportPhotos, name: str) -> Adaptation | Embedder:
    """What an adaptation makes of a support, its settings chosen on it; another embedder where weights change.

    Raises:
        ConfigError: the embedder has not what it needs.
        DataError: the support gives no metric.
        ValueError: there is none of that name.
    """
    match name:
        case "static":
            return static.adapt(embedder, support)
        case "generated":
            return generated.adapt(embedder, support)
        case "retrained":
            seed = support.seed or 0
            return retrained.adapt(embedder, support.pixels, support.relation, Retraining(), seed=seed)
        case "metric" | "tuned" | "auto":
            return choose.adapt(embedder, support, name)
    raise ValueError(f"no adaptation {name!r}")


@dataclass(frozen=True)
class Plan:
    """What every method is asked to do.

    Attributes:
        protocol: whose exams these are.
        num_pairs: K, labelled pairs per support.
        num_draws: supports per category.
        seed: of every draw.
        adaptations: None for all that a method can do, but those of gradient steps.
        stages: second stages to add.
        shortlist: gallery photos that a second stage re-orders.
        adapt: what an adaptation of a name makes of a support.
    """

    protocol: Protocol
    num_pairs: int = 32
    num_draws: int = 5
    seed: int = 0
    adaptations: tuple[str, ...] | None = None
    stages: tuple[Stage, ...] = ()
    shortlist: int = 50
    adapt: Adapting = adapt_support


def make_plan(
    protocol: str,
    *,
    num_pairs: int,
    num_draws: int,
    seed: int,
    adaptations: Sequence[str],
    stages: Sequence[str],
    shortlist: int,
) -> Plan:
    """The plan that names stand for; no adaptation named is all of them but those of gradient steps.

    Raises:
        ConfigError: a protocol, adaptation or second stage that does not exist.
    """
    for name in adaptations:
        if name not in ADAPTATIONS:
            raise ConfigError(f"no adaptation '{name}'{nearest(name, ADAPTATIONS)}")
    return Plan(
        find_protocol(protocol),
        num_pairs=num_pairs,
        num_draws=num_draws,
        seed=seed,
        adaptations=tuple(adaptations) or None,
        stages=find_stages(stages),
        shortlist=shortlist,
    )


@dataclass
class _Desk:
    """Where answers are put while the exam lasts."""

    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    seconds: Counter[str] = field(default_factory=Counter)
    chosen: Counter[str] = field(default_factory=Counter)
    cosines: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    accuracy: list[float] = field(default_factory=list)
    guessing: list[float] = field(default_factory=list)

    @contextmanager
    def clock(self, row: str) -> Iterator[None]:
        """Adds the time it takes to a row's."""
        start = time.monotonic()
        yield
        self.seconds[row] += time.monotonic() - start  # type: ignore[assignment]


def draw_photos(embedder: Embedder, table: PhotoTable, exam: Exam, plan: Plan, draw: int) -> SupportPhotos:
    """The support of that draw, seen by the model.

    Raises:
        DataError: photos that cannot be used, or not even two pairs.
    """
    seed = derive_seed(plan.seed, "support draw", exam.category, exam.variant, draw)
    shown = table.select(exam.support)
    pairs = draw_as_many(shown.identities, plan.num_pairs, seed=seed)
    return see_support(embedder, shown, pairs, category=exam.category, identities=shown.identities, seed=seed)


def wanted(embedder: Embedder, plan: Plan) -> tuple[str, ...]:
    """The adaptations of the plan that this method can do; a plain backbone, say, generates no prompt.

    With a generated prompt goes the static one, where there is one: the context report needs it.

    Raises:
        ConfigError: it can do none of them.
    """
    if plan.adaptations is None:
        return adaptations_of(embedder, None)
    possible = adaptations_of(embedder, None)
    asked = (*plan.adaptations, "static") if "generated" in plan.adaptations else plan.adaptations
    there = [name for name in asked if name in (*possible, *DEAREST)]
    return adaptations_of(embedder, there or plan.adaptations)


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
    quiet, desk = embedder.quiet(), _Desk()
    adaptations = wanted(embedder, plan)

    with desk.clock("null"):
        frozen = quiet.embed_pixels(paper.pixels, mirror=plan.protocol.mirror)
        desk.answers["null"].append(answer(paper, frozen))

    def embed(adaptation: Adaptation | Embedder) -> Tensor:
        if isinstance(adaptation, Embedder):
            return adaptation.embed_pixels(paper.pixels, mirror=plan.protocol.mirror)
        if all(prompt is None for prompt in adaptation.views):  # a metric, say: the photos look the same
            return adaptation.finish([frozen])
        return quiet.embed_pixels(paper.pixels, adaptation, mirror=plan.protocol.mirror)

    if embedder.model is None:
        _add_stages(desk, quiet, paper, plan, "null", None, frozen)
    supports, own = [], []
    for draw in range(plan.num_draws):
        support = draw_photos(quiet, table, paper.exam, plan, draw)
        supports.append(support)
        for name in adaptations:
            if name == "null" or (name == "static" and draw > 0):
                continue
            with desk.clock(name):
                adaptation = plan.adapt(quiet, support, name)
                embeddings = embed(adaptation)
                desk.answers[name].append(answer(paper, embeddings))
            if name == "auto" and isinstance(adaptation, Adaptation):
                desk.chosen[adaptation.recipe.method] += 1
            if name == "generated" and isinstance(adaptation, Adaptation):
                _add_stages(desk, quiet, paper, plan, name, adaptation, embeddings)
        if "generated" in adaptations:
            own.append(_add_contexts(desk, quiet, table, paper, plan, support, other(draw), embed))
    _compare_draws(desk, own)
    return Sheet(
        fingerprint=embedder.fingerprint,
        answers={row: tuple(answers) for row, answers in desk.answers.items()},
        seconds=dict(desk.seconds),
        chosen=dict(desk.chosen),
        num_pairs=min(len(support.pairs) for support in supports),
        cosines={name: float(np.mean(values)) for name, values in desk.cosines.items()},
        label_accuracy=tuple(desk.accuracy),
        guessing=tuple(desk.guessing),
    )


def _add_stages(
    desk: _Desk,
    embedder: Embedder,
    paper: Paper,
    plan: Plan,
    base: str,
    adaptation: Adaptation | None,
    embeddings: Tensor,
) -> None:
    """The second stages asked for and, of a VICP model, the verifier in any case: the context report shows it."""
    verifier: tuple[Stage, ...] = () if embedder.model is None else ("verifier",)
    stages = dict.fromkeys((*plan.stages, *verifier))
    for stage in stages:
        if stage == "verifier" and not verifier:
            continue
        row = f"{base} + {stage}"
        with desk.clock(row):
            desk.answers[row].append(second_stage(stage, embedder, paper, embeddings, adaptation, size=plan.shortlist))


def _add_contexts(
    desk: _Desk,
    embedder: Embedder,
    table: PhotoTable,
    paper: Paper,
    plan: Plan,
    support: SupportPhotos,
    other: SupportPhotos,
    embed: Callable[[Adaptation], Tensor],
) -> Tensor:
    """Answers under false contexts, how alike their prompts are, and how far the LLM follows; the own prompt (M*D,)."""
    assert support.seed is not None
    assert support.latents is not None
    relabelled = _relabelled(embedder, table, paper.exam, plan, support.seed)
    contexts: Contexts = read_contexts(embedder, support, other, relabelled=relabelled, seed=support.seed)
    for name in FALSE_CONTEXTS:
        if name not in contexts.prompts or (name == "null" and desk.answers["context null"]):
            continue
        with desk.clock(f"context {name}"):
            desk.answers[f"context {name}"].append(answer(paper, embed(Adaptation.of(contexts.prompts[name]))))
    for name in contexts.prompts.keys() - {"own"}:
        desk.cosines[name].append(contexts.cosine("own", name))
    check = check_labels(embedder.full_model, support.latents, support.pairs, seed=support.seed)
    if check is not None:
        desk.accuracy.append(check.accuracy)
        share = float(check.same.mean())
        desk.guessing.append(max(share, 1 - share))
    return contexts.prompts["own"].tokens.flatten().double()


def _relabelled(embedder: Embedder, table: PhotoTable, exam: Exam, plan: Plan, seed: int) -> SupportPhotos | None:
    shown = table.select(exam.support)
    pairs = pairs_by_another_rule(shown, plan.num_pairs, seed=seed)
    if pairs is None:
        return None
    return see_support(embedder, shown, pairs, category=exam.category, identities=None, seed=seed)


def _compare_draws(desk: _Desk, own: list[Tensor]) -> None:
    for a, b in combinations(own, 2):
        desk.cosines["own draws"].append(float(torch.nn.functional.cosine_similarity(a, b, dim=0)))
