"""Thresholds found on individuals of made-up worlds, and how often impostors of the same world exceed them.

The worlds differ in why two individuals look alike. The truth is counted on impostors drawn from the same world.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.decisions.draw_statistics import mean, share
from vicp.data.seeds import derive_seed
from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_trials import search_held_out
from vicp.decisions.outcome import Threshold

Array = np.ndarray


@dataclass(frozen=True)
class World:
    """Individuals as vectors; the similarity of two is symmetric.

    Attributes:
        about: what makes impostors alike.
        draw: (rng, count) -> vectors (count, D).
        similarity: vectors (a, D) and (b, D) -> (a, b).
    """

    about: str
    draw: Callable[[np.random.Generator, int], Array]
    similarity: Callable[[Array, Array], Array]


def cosine(a: Array, b: Array) -> Array:
    return a @ b.T


def unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sphere(rng: np.random.Generator, count: int) -> Array:
    return unit(rng.standard_normal((count, 8)))


def families(rng: np.random.Generator, count: int, *, number: int, decay: float) -> Array:
    """Members of one family are nearly the same; the k-th family is k^-decay as large as the first."""
    centres, upto = kinds(number, decay)
    family = np.searchsorted(upto, rng.random(count) * upto[-1], side="right")
    return unit(centres[family] + 0.05 * rng.standard_normal((count, 16)))


@cache
def kinds(number: int, decay: float) -> tuple[Array, Array]:
    """What each family looks like, and the share of all up to it."""
    return unit(np.random.default_rng(1).standard_normal((number, 16))), np.cumsum(np.arange(1, number + 1.0) ** -decay)


def wolves(rng: np.random.Generator, count: int) -> Array:
    return np.column_stack([unit(rng.standard_normal((count, 12))), rng.standard_exponential(count) ** 1.5])


def with_wolves(a: Array, b: Array) -> Array:
    """The last number of each vector is how much it resembles everybody."""
    return a[:, :-1] @ b[:, :-1].T + 0.15 * (a[:, -1:] + b[:, -1:].T)


WORLDS = {
    "sphere": World("chance alone", sphere, cosine),
    "twins": World("a thousand kinds, all as common", lambda rng, n: families(rng, n, number=1000, decay=0), cosine),
    "families": World(
        "kinds of which some are common", lambda rng, n: families(rng, n, number=2000, decay=0.6), cosine
    ),
    "wolves": World("a few resemble everybody", wolves, with_wolves),
}
# Individuals, promised rate, candidates of a search (None: all of them).
SETTINGS = ((94, 0.05, None), (160, 0.05, None), (60, 0.1, 8), (60, 0.1, 1))
NUM_IMPOSTORS = 2000


def simulate(
    name: str, num: int, rate: float, candidates: int | None, confidence: float, draws: int, seed: int
) -> dict[str, Any]:
    """One row: of so many draws, in how many the achieved rate was at most the promised one.

    Each draw makes new individuals, who are both the calibration and the gallery, and asks for a threshold; 2,000
    impostors are then searched among all of them, or each among so many drawn at random.
    """
    world = WORLDS[name]
    rng = np.random.default_rng(derive_seed(seed, "decisions", name, num, str(candidates)))
    pool = world.draw(rng, 20 * NUM_IMPOSTORS)
    achieved = np.empty(draws)
    for draw in range(draws):
        own = world.draw(rng, num)
        held_out = HeldOut.of_identities(world.similarity(own, own), np.arange(num))
        found = search_held_out(held_out, seed=draw).threshold(
            rate, confidence=confidence, candidates=candidates or num - 1
        )
        assert isinstance(found, Threshold), found
        start = rng.integers(19) * NUM_IMPOSTORS
        similarity = world.similarity(pool[start : start + NUM_IMPOSTORS], own)
        if candidates is not None:
            similarity = rng.permuted(similarity, axis=1)[:, :candidates]
        achieved[draw] = (similarity.max(axis=1) > found.similarity).mean()
    return {
        "individuals": num,
        "candidates": candidates or num,
        "rate_promised": rate,
        "rate_achieved": mean(achieved),
        "share_promised": confidence,
        **share(int((achieved <= rate).sum()), draws),
    }
