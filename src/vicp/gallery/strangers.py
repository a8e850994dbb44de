"""Held-out identities searched among each other: who is coupled with whom, and the best stranger each one found."""

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.held_out import HeldOut
from vicp.gallery.searches import Searches

Array = NDArray[np.float64]


def held_out_searches(held_out: HeldOut, *, seed: int = 0) -> Searches:
    """The searches of a support's identities among each other, one photo of each at random."""
    rng = np.random.default_rng(seed)
    names, similarity = closest(held_out, rng)
    met = np.isfinite(similarity) & np.isfinite(similarity.T)
    similarity[~met] = np.nan
    neighbours = {a: set(np.flatnonzero(met[a]).tolist()) for a in range(len(names))}
    couples = couple(neighbours, rng)
    least = [min(len(neighbours[a]), len(neighbours[b])) for a, b in couples]
    most = max(least, default=1)
    counts = sorted({1, *(2**k for k in range(1, most.bit_length())), most})
    rows = []
    for (a, b), limit in zip(couples, least, strict=True):
        own, other = (
            np.maximum.accumulate(
                [row[first], *rng.permutation(np.delete(row, first)[np.isfinite(np.delete(row, first))])]
            )
            for row, first in ((similarity[a], b), (similarity[b], a))
        )
        pair = max(own[0], other[0])  # of one candidate a couple is one search, whoever asks
        rows.append(
            tuple(
                None
                if count > limit
                else (float(pair), float(pair))
                if count == 1
                else (float(own[count - 1]), float(other[count - 1]))
                for count in counts
            )
        )
    complete = bool(met.sum() == len(names) * (len(names) - 1)) and len(names) > 1
    return Searches(tuple(counts), tuple(rows), complete)


def searches_among(best: Array, *, seed: int = 0) -> Searches:
    """The searches of n identities each of which met all others: those of a gallery, say.

    Args:
        best: (n,) highest similarity of a photo of each identity to a photo of any other.
        seed: of who is coupled with whom.
    """
    order = np.random.default_rng(seed).permutation(len(best))[: len(best) // 2 * 2].reshape(-1, 2)
    values = np.asarray(best, dtype=np.float64)
    rows = tuple(((float(values[a]), float(values[b])),) for a, b in order)
    return Searches((max(len(best) - 1, 1),), rows, complete=True)


def closest(held_out: HeldOut, rng: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
    """Groups (g,), and (g, g) the highest similarity of one photo of a group to those of another; NaN if never met."""
    known = (held_out.relation == -1) & np.isfinite(held_out.similarity)
    names, member = np.unique(held_out.groups, return_inverse=True)
    found = np.full((len(names), len(names)), np.nan)
    for number in range(len(names)):
        photos = np.flatnonzero((member == number) & known.any(axis=1))
        if len(photos):
            photo = rng.choice(photos)
            best = np.full(len(names), -np.inf)
            np.maximum.at(best, member[known[photo]], held_out.similarity[photo, known[photo]])
            found[number] = np.where(np.isfinite(best), best, np.nan)
    return names, found


def couple(neighbours: dict[int, set[int]], rng: np.random.Generator) -> list[tuple[int, int]]:
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
