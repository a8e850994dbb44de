"""Worlds of made-up individuals whose similarities depend on each other in known ways.

They differ in why two strangers look alike, which is what a promise about strangers has to survive. The truth is
counted on strangers drawn from the same world.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class World:
    """Individuals as vectors; the similarity of two is symmetric.

    Attributes:
        about: what makes strangers alike.
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
