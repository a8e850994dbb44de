"""Trials of a support: each held-out photo against each individual, as an identification compares them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.held_out import HeldOut

Array = NDArray[np.float64]
LEAST_DISTANCE = 1e-3  # cosine distances below it count as this much: the same photo, or nearly


def log_similarity(similarity: Array | float) -> Array:
    """Return -log(1 - cosine): of photos that nearly agree, a cosine tells little and its distance from 1 much.

    >>> log_similarity(np.array([0.0, 0.9])).round(2)
    array([-0. ,  2.3])
    """
    return -np.log(np.maximum(1 - np.asarray(similarity, dtype=np.float64), LEAST_DISTANCE))


@dataclass(frozen=True, eq=False)
class Trials:
    """Comparisons of photos with individuals, all held out.

    Attributes:
        score: (T,) `log_similarity` of the individual's closest photo.
        photos: (T,) how many photos of the individual were compared.
        photo: (T,) which photo was compared, a position in the support.
        individual: (T,) with which individual, a number from 0.
        same: (T,) bool, whether the photo shows the individual.
        weight: (T,) genuine trials of one individual weigh 1 together, impostor trials of two individuals likewise.
        num_individuals: Of the support.
        num_genuine: How many individuals have a genuine trial.
        num_impostor: Pairs of two individuals that were compared.
    """

    score: Array
    photos: Array
    photo: NDArray[np.int64]
    individual: NDArray[np.int64]
    same: NDArray[np.bool_]
    weight: Array
    num_individuals: int
    num_genuine: int
    num_impostor: int


@dataclass(frozen=True)
class ImpostorScores:
    """The `log_similarity` of two photos of different individuals, over pairs of individuals.

    Attributes:
        mean: Every pair of individuals weighs the same.
        variance: Likewise.
        pairs: How many pairs of individuals there are.
    """

    mean: float
    variance: float
    pairs: int


def impostor_scores(held_out: HeldOut, *, centred: bool) -> ImpostorScores | None:
    """Return mean and variance of impostor pairs; None where there are none. `centred` is as in `held_out_trials`."""
    similarity = _unbiased(held_out, centred)
    a, b = np.nonzero((held_out.relation == -1) & np.isfinite(similarity))
    if not len(a):
        return None
    weight, pairs = _pair_weights(held_out.groups[a], held_out.groups[b])
    score = log_similarity(similarity[a, b])
    mean = float(np.average(score, weights=weight))
    return ImpostorScores(mean, float(np.average((score - mean) ** 2, weights=weight)), pairs)


def held_out_trials(held_out: HeldOut, *, centred: bool) -> Trials:
    """Return each photo of a support against each individual.

    A photo is not compared with itself, so its own individual has a photo less; of others with several photos one is
    left out too, so that the number of photos does not tell them apart.

    Args:
        held_out: The similarities.
        centred: Whether embeddings were centred on the support. That pushes its individuals apart and new ones not:
            with N individuals and no other effect, its impostors have cosine -1 / (N - 1), new ones 0.
    """
    similarity = _unbiased(held_out, centred)
    names, member = np.unique(held_out.groups, return_inverse=True)
    compared = (held_out.relation != 0) & np.isfinite(similarity) & ~_left_out(member)
    columns = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[columns], np.arange(len(names)))
    best = np.maximum.reduceat(np.where(compared, similarity, -np.inf)[:, columns], starts, axis=1)  # (n, g)
    count = np.add.reduceat(compared[:, columns], starts, axis=1)  # (n, g)
    photo, individual = np.nonzero(count)
    same = member[photo] == individual
    weight = np.empty(len(photo))
    num_pairs = 0
    for kind in (same, ~same):
        weight[kind], num_pairs = _pair_weights(member[photo[kind]], individual[kind])
    return Trials(
        score=log_similarity(best[photo, individual]),
        photos=count[photo, individual].astype(np.float64),
        photo=photo,
        individual=individual,
        same=same,
        weight=weight,
        num_individuals=len(names),
        num_genuine=len(np.unique(individual[same])),
        num_impostor=num_pairs,
    )


def _unbiased(held_out: HeldOut, centred: bool) -> Array:
    """Return similarities (n, n), impostors as far apart as they would be if one of the two were new."""
    similarity = held_out.similarity.astype(np.float64)
    if not centred:
        return similarity
    num = len(np.unique(held_out.groups))
    return np.where(held_out.relation == -1, similarity + (1 - similarity) / num, similarity)


def _left_out(member: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which photos (n, n) are left out of a trial: the photo itself, or one of each other individual."""
    rows = np.arange(len(member))
    left_out = np.eye(len(member), dtype=bool)
    for individual in range(int(member.max(initial=-1)) + 1):
        own = np.flatnonzero(member == individual)
        if len(own) > 1:
            others = rows[member != individual]
            left_out[others, own[others % len(own)]] = True
    return left_out


def _pair_weights(a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[Array, int]:
    """Return weights (T,) that add up to 1 for every two individuals, and how many such pairs there are."""
    if not len(a):
        return np.zeros(0), 0
    pairs = np.stack([np.minimum(a, b), np.maximum(a, b)])
    _, pair, count = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    return 1 / count[pair.reshape(-1)], len(count)
