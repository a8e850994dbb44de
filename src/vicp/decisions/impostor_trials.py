"""Held-out identities searched among each other: who is coupled with whom, and the best stranger each one found."""

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.held_out import HeldOut
from vicp.decisions.impostor_searches import ImpostorSearches

Array = NDArray[np.float64]


def impostor_searches(held_out: HeldOut, *, seed: int = 0) -> ImpostorSearches:
    """The searches of a support's identities among each other, one photo of each at random."""
    rng = np.random.default_rng(seed)
    similarity = closest_impostors(held_out, rng)
    met = np.isfinite(similarity) & np.isfinite(similarity.T)
    complete = len(met) > 1 and int(met.sum()) == len(met) * (len(met) - 1)
    if complete:
        couples = rng.permutation(len(met))[: len(met) // 2 * 2].reshape(-1, 2)
    else:
        neighbours = {a: set(np.flatnonzero(met[a]).tolist()) for a in range(len(met))}
        couples = np.array(pair_impostors(neighbours, rng), dtype=np.int64).reshape(-1, 2)
    asking, other = couples.ravel(), couples[:, ::-1].ravel()  # (2C,)
    limits = met.sum(axis=1)[couples].min(axis=1, initial=len(met))  # (C,)
    most = int(limits.max(initial=1))
    counts = sorted({1, *(2**k for k in range(1, most.bit_length())), most})
    turn = np.where(met[asking], rng.random((len(asking), len(met))), 2.0)
    turn[np.arange(len(asking)), other] = -1  # the other of the couple first, who was never met last
    ordered = np.take_along_axis(np.where(met, similarity, -np.inf)[asking], np.argsort(turn, axis=1), axis=1)
    best = np.maximum.accumulate(ordered, axis=1).reshape(len(couples), 2, len(met))
    best[:, :, 0] = best[:, :, 0].max(axis=1, initial=-np.inf, keepdims=True)  # of one candidate a couple is one search
    rows = tuple(
        tuple((float(a[c - 1]), float(b[c - 1])) if c <= limit else None for c in counts)
        for (a, b), limit in zip(best, limits.tolist(), strict=True)
    )
    return ImpostorSearches(tuple(counts), rows, complete)


def searches_among(best: Array, *, seed: int = 0) -> ImpostorSearches:
    """The searches of n identities each of which met all others: those of a gallery, say.

    Args:
        best: (n,) highest similarity of a photo of each identity to a photo of any other.
        seed: of who is coupled with whom.
    """
    order = np.random.default_rng(seed).permutation(len(best))[: len(best) // 2 * 2].reshape(-1, 2)
    values = np.asarray(best, dtype=np.float64)
    rows = tuple(((float(values[a]), float(values[b])),) for a, b in order)
    return ImpostorSearches((max(len(best) - 1, 1),), rows, complete=True)


def closest_impostors(held_out: HeldOut, rng: np.random.Generator) -> Array:
    """(g, g) the highest similarity of one photo of a group, at random, to those of another; NaN where never met."""
    known = (held_out.relation == -1) & np.isfinite(held_out.similarity)
    names, member = np.unique(held_out.groups, return_inverse=True)
    usable, luck = known.any(axis=1), rng.random(len(member))
    order = np.lexsort((luck, ~usable, member))  # of each group its lucky photo first, one that met others if any did
    photos = order[np.searchsorted(member[order], np.arange(len(names)))]
    columns = np.argsort(member, kind="stable")
    values = np.where(known[photos], held_out.similarity[photos], -np.inf)[:, columns].astype(np.float64)
    found = np.maximum.reduceat(values, np.searchsorted(member[columns], np.arange(len(names))), axis=1)
    return np.where(np.isfinite(found), found, np.nan)


def pair_impostors(neighbours: dict[int, set[int]], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Disjoint couples of neighbours: who has fewest partners left chooses first, so that few stay alone.

    All but one at most where everybody neighbours everybody; a single couple in a star. Near the largest number there
    can be, and never above it.
    """
    order = {int(a): position for position, a in enumerate(rng.permutation(sorted(neighbours)))}
    left = {a: set(others) for a, others in neighbours.items()}
    couples = []
    while free := [a for a, others in left.items() if others]:
        a = min(free, key=lambda a: (len(left[a]), order[a]))
        b = min(left[a], key=lambda b: (len(left[b]), order[b]))
        couples.append((a, b))
        for gone in (a, b):
            for other in left.pop(gone):
                if other in left:
                    left[other].discard(gone)
    return couples
