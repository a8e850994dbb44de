"""How well beliefs are calibrated, by how many individuals are known: borrowed from other sets, their own, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.decisions.support_draws import KIND_OF, SearchDraw, draw_searches
from benchmarks.lib.embedded_sets import EmbeddedSet
from vicp.decisions.belief import EVEN, Belief
from vicp.decisions.borrowed import BorrowedCategory, Prior, prior_of
from vicp.decisions.laplace import Gaussian
from vicp.decisions.typicality import LEAST_TYPICALITY
from vicp.metrics.reliability import calibration_error, reliability

SIZES = (3, 6, 12, 24, 96)
LARGEST_SHARE = 0.75  # of a set's individuals, in place of 96 where it has fewer than that leaves
LEAST_OF_LARGEST = 60
DRAWS = {3: 24, 6: 24, 12: 16, 24: 12, 96: 5}
WIDE = 100.0  # variance of a prior that says nothing
Source = Literal["hierarchical", "borrowed", "own"]
SOURCES: tuple[Source, ...] = ("hierarchical", "borrowed", "own")


@dataclass(frozen=True, eq=False)
class Scored:
    """Searches under one belief: known and new individuals weigh the same in a draw.

    Attributes:
        probability: (Q,) of the likeliest answer, an individual or "new".
        right: (Q,) whether it is right.
        loss: (Q,) -log P of the right answer, in nats.
        answered: (Q,) whether the verdict is not "cannot say".
        weight: (Q,).
    """

    probability: np.ndarray
    right: np.ndarray
    loss: np.ndarray
    answered: np.ndarray
    weight: np.ndarray


def size_in(photos: EmbeddedSet, size: int) -> int | None:
    """How many individuals of the set are known at this size; None where that leaves too few new ones."""
    num = len(np.unique(photos.identities))
    if size == max(SIZES):
        return min(size, int(LARGEST_SHARE * num)) if num >= LEAST_OF_LARGEST else None
    return size if LARGEST_SHARE * num >= size else None


def measure_believed(
    photos: EmbeddedSet, rows: Sequence[BorrowedCategory], method: str, size: int, seed: int, model: str
) -> dict[Source, Scored] | None:
    """Scores of a set at one size under each source of the belief; the set itself lends nothing."""
    num = size_in(photos, size)
    if num is None:
        return None
    kind = KIND_OF[method]
    prior = prior_of([row for row in rows if row.source != photos.name], kind)
    draws = [
        draw_searches(photos, num, method, (2, 3, 4)[draw % 3], 1000 + seed + draw, model=model)
        for draw in range(DRAWS[size])
    ]
    kept = [draw for draw in draws if draw is not None]
    return {source: _score(kept, method, source, prior) for source in SOURCES} if kept else None


def summarise(by_set: Mapping[str, Scored]) -> dict[str, Any]:
    """ECE over all sets together, each weighing the same, and of each; means over sets of the rest."""
    parts = [(one.probability, one.right, one.weight / one.weight.sum()) for one in by_set.values()]
    probability, right, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    own = {name: calibration_error(one.probability, one.right, weight=one.weight) for name, one in by_set.items()}
    return {
        "ece": calibration_error(probability, right, weight=weight),
        "ece_of_sets": own,
        "log_loss": float(np.mean([np.average(one.loss, weights=one.weight) for one in by_set.values()])),
        "top1": float(np.mean([np.average(one.right, weights=one.weight) for one in by_set.values()])),
        "share_answered": float(np.mean([np.average(one.answered, weights=one.weight) for one in by_set.values()])),
        "reliability": [list(point) for point in reliability(probability, right, weight=weight)],
    }


def _score(draws: Sequence[SearchDraw], method: str, source: Source, prior: Prior) -> Scored:
    parts = []
    for draw in draws:
        used = prior if source != "own" else replace(prior, curve=Gaussian(prior.curve.mean * 0, np.eye(3) * WIDE))
        belief = Belief.fit(draw.held_out, KIND_OF[method], prior=used)
        if source == "borrowed":
            nothing = Belief.fit(None, KIND_OF[method], prior=prior)
            belief = replace(nothing, location=belief.location, spread=belief.spread)
        p = np.array([belief.posterior(row, draw.photos, EVEN).mean(axis=1) for row in draw.similarity])  # (Q, G + 1)
        truth = np.where(draw.truth < 0, p.shape[1] - 1, draw.truth)
        known = draw.truth >= 0
        weight = np.where(known, 0.5 / known.sum(), 0.5 / (~known).sum())
        loss = -np.log(p[np.arange(len(p)), truth])
        answered = draw.typicality >= LEAST_TYPICALITY
        parts.append((p.max(axis=1), p.argmax(axis=1) == truth, loss, answered, weight))
    return Scored(*(np.concatenate(part) for part in zip(*parts, strict=True)))
