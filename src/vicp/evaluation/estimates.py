"""Metrics with confidence intervals: bootstrap over identities and support draws, paired, averaged over categories."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vicp.data.seeds import derive_seed
from vicp.data.sides import SIDES
from vicp.evaluation.results import Estimate
from vicp.evaluation.scoring import TaskResult
from vicp.metrics import OpenSet, Retrieval, bootstrap_means, interval, open_set, verification

NUM_RESAMPLES, NUM_PAIR_RESAMPLES = 1000, 200
FPR, FPIR = 1e-2, 0.1
PER_SIDE = ("map", "rank1")
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """A value and what it would have been with other identities and supports.

    Attributes:
        value: As measured.
        resampled: (R,) the value in each resample; those of equal seeds are paired.
    """

    value: float
    resampled: Floats

    def estimate(self) -> Estimate:
        """Return the value with its 95 % interval."""
        return Estimate(self.value, *interval(self.resampled))

    def minus(self, other: "Sample") -> "Sample":
        """Return the difference, resample by resample."""
        return Sample(self.value - other.value, self.resampled - other.resampled)


def mean_of(samples: Sequence[Sample]) -> Sample:
    """Return the mean over categories, whose resamples do not depend on each other."""
    return Sample(float(np.mean([sample.value for sample in samples])), np.mean([s.resampled for s in samples], axis=0))


@dataclass(frozen=True, eq=False)
class ResamplingUnits:
    """The units that the bootstrap of one task resamples: identities of queries and pairs.

    Attributes:
        identities: (Q,) of the queries.
        left: (P,) identities of the verification pairs' first photos; (0,) without pairs.
        right: (P,) of the second.
        open_set: Whether queries of unknown identity count.
        seed: Of the resamples; equal for all rows of a task, which pairs them.
    """

    identities: NDArray[np.str_]
    left: NDArray[np.str_]
    right: NDArray[np.str_]
    open_set: bool
    seed: int


def estimate_all(results: Sequence[TaskResult], units: ResamplingUnits) -> dict[str, Sample]:
    """Return every metric of a task by the keys of METRICS, from one result per support draw."""
    retrievals = [each.retrieval for each in results]
    samples = {name: per_query(retrievals, units, read) for name, read in _PER_QUERY.items()}
    if all(len(each.pair_scores) for each in results):
        samples |= _verification(results, units)
    if units.open_set:
        samples |= _open_set(retrievals, units)
    return samples


def estimate_by_side(
    results: Sequence[TaskResult], units: ResamplingUnits, sides: NDArray[np.int64]
) -> dict[str, dict[str, Sample]]:
    """Return mAP and rank-1 of the queries that show each side (Q,), by its name; without sides that none shows."""
    retrievals = [each.retrieval for each in results]
    found: dict[str, dict[str, Sample]] = {}
    for side, name in enumerate(SIDES):
        shown = (sides == side) & (retrievals[0].first_hit > 0)
        if shown.any():
            found[name] = {
                key: per_query(retrievals, units, partial(_of_queries, _PER_QUERY[key], shown)) for key in PER_SIDE
            }
    return found


def _of_queries(read: Callable[[Retrieval], Floats], queries: NDArray[np.bool_], retrieval: Retrieval) -> Floats:
    """Return what some queries (Q,) bool have, NaN for the others."""
    return np.where(queries, read(retrieval), np.nan)


def estimate_map(results: Sequence[TaskResult], units: ResamplingUnits) -> Sample:
    """Return the mAP alone."""
    return per_query([each.retrieval for each in results], units, _PER_QUERY["map"])


def per_query(retrievals: Sequence[Retrieval], units: ResamplingUnits, read: Callable[[Retrieval], Floats]) -> Sample:
    """Return the mean over queries and support draws of something each query has; NaN does not count."""
    values = np.stack([read(each) for each in retrievals])  # (S, Q)
    seed = derive_seed(units.seed, "identities")
    means = bootstrap_means(values, units.identities, seed=seed, num_draws=NUM_RESAMPLES)
    return Sample(float(np.nanmean(values)), means)


def _hit_within(k: int) -> Callable[[Retrieval], Floats]:
    return lambda result: np.where(result.first_hit > 0, (result.first_hit <= k).astype(np.float64), np.nan)


_PER_QUERY: dict[str, Callable[[Retrieval], Floats]] = {
    "map": lambda result: result.average_precision,
    "rank1": _hit_within(1),
    "rank5": _hit_within(5),
    "minp": lambda result: result.inverse_penalty,
}


def _verification(results: Sequence[TaskResult], units: ResamplingUnits) -> dict[str, Sample]:
    """Return AUC, accuracy, TPR and FNMR of the pairs; resamples weigh a pair by how often its identities are drawn."""
    same = units.left == units.right
    names, codes = np.unique(np.concatenate([units.left, units.right]), return_inverse=True)
    left, right = codes[: len(same)], codes[len(same) :]
    scores = [each.pair_scores for each in results]
    rng = np.random.default_rng(derive_seed(units.seed, "pairs"))

    def measure(draw: int, weights: Floats | None) -> Floats:
        curve = verification(scores[draw], same, weights=weights)
        return np.array([curve.auc, curve.accuracy, curve.tpr_at(FPR), curve.fnmr_at(FPR)])

    whole = np.mean([measure(draw, None) for draw in range(len(scores))], axis=0)
    resampled = []
    for _ in range(NUM_PAIR_RESAMPLES):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(np.float64)
        weights = np.where(same, times[left], times[left] * times[right])
        both = weights[same].any() and weights[~same].any()
        draw = int(rng.integers(len(scores)))
        resampled.append(measure(draw, weights) if both else np.full(4, np.nan))
    columns = np.array(resampled).T
    keys = ("auc", "acc", "tpr_at_fpr_1e-2", "fnmr_at_fmr_1e-2")
    return {key: Sample(float(v), column) for key, v, column in zip(keys, whole, columns, strict=True)}


def _open_set(retrievals: Sequence[Retrieval], units: ResamplingUnits) -> dict[str, Sample]:
    """Return the AUROC of known against new, and FNIR at an FPIR; known and new identities are resampled apart."""
    matches = [open_set(each) for each in retrievals]
    known = retrievals[0].first_hit > 0
    rng = np.random.default_rng(derive_seed(units.seed, "open set"))
    whole = np.mean([[each.auroc, each.fnir_at(FPIR)] for each in matches], axis=0)
    sides = [_rows_by_identity(units.identities[known]), _rows_by_identity(units.identities[~known])]
    resampled = []
    for _ in range(NUM_PAIR_RESAMPLES):
        match = matches[int(rng.integers(len(matches)))]
        a, b = (np.concatenate([side[i] for i in rng.integers(len(side), size=len(side))]) for side in sides)
        drawn = OpenSet(match.known[a], match.right[a], match.unknown[b])
        resampled.append([drawn.auroc, drawn.fnir_at(FPIR)])
    columns = np.array(resampled).T
    keys = ("auroc_new", "fnir_at_fpir_1e-1")
    return {key: Sample(float(v), column) for key, v, column in zip(keys, whole, columns, strict=True)}


def _rows_by_identity(identities: NDArray[np.str_]) -> list[NDArray[np.int64]]:
    order = np.argsort(identities, kind="stable")
    ends = np.flatnonzero(np.append(identities[order][1:] != identities[order][:-1], True)) + 1
    return [order[start:end] for start, end in pairwise([0, *ends.tolist()])]
