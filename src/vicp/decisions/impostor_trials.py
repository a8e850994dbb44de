"""The impostor searches of held-out identities: which two are paired, and the best impostor that each one found."""

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_searches import ImpostorSearches

Array = NDArray[np.float64]


def search_held_out(held_out: HeldOut, *, seed: int = 0) -> ImpostorSearches:
    """Return the searches of a support's identities among each other, with one photo of each at random."""
    rng = np.random.default_rng(seed)
    similarity = impostor_similarity_matrix(held_out, rng)  # (g, g)
    compared = np.isfinite(similarity) & np.isfinite(similarity.T)
    num_identities = len(compared)
    complete = num_identities > 1 and int(compared.sum()) == num_identities * (num_identities - 1)
    if complete:
        pairs = rng.permutation(num_identities)[: num_identities // 2 * 2].reshape(-1, 2)
    else:
        neighbours = {a: set(np.flatnonzero(compared[a]).tolist()) for a in range(num_identities)}
        pairs = np.array(pair_impostors(neighbours, rng), dtype=np.int64).reshape(-1, 2)
    num_compared = compared.sum(axis=1)[pairs].min(axis=1, initial=num_identities)  # (P,)
    most = int(num_compared.max(initial=1))
    candidates = sorted({1, *(2**k for k in range(1, most.bit_length())), most})
    best = _best_among_first(similarity, compared, pairs, rng)
    rows = tuple(
        tuple((float(a[count - 1]), float(b[count - 1])) if count <= limit else None for count in candidates)
        for (a, b), limit in zip(best, num_compared.tolist(), strict=True)
    )
    return ImpostorSearches(tuple(candidates), rows, complete)


def _best_among_first(
    similarity: Array, compared: NDArray[np.bool_], pairs: NDArray[np.int64], rng: np.random.Generator
) -> Array:
    """Return the highest similarity (P, 2, g) of each paired identity among its first 1, 2, ..., g candidates.

    Candidates come in random order: first the other of the pair, last those that it was never compared with.
    """
    searching, other = pairs.ravel(), pairs[:, ::-1].ravel()  # (2P,)
    rank = np.where(compared[searching], rng.random((len(searching), len(compared))), 2.0)
    rank[np.arange(len(searching)), other] = -1
    scores = np.where(compared, similarity, -np.inf)[searching]
    ordered = np.take_along_axis(scores, np.argsort(rank, axis=1), axis=1)
    best = np.maximum.accumulate(ordered, axis=1).reshape(len(pairs), 2, len(compared))
    # With one candidate the pair is one search, from whichever side it was compared.
    best[:, :, 0] = best[:, :, 0].max(axis=1, initial=-np.inf, keepdims=True)
    return best


def searches_among(best: Array, *, seed: int = 0) -> ImpostorSearches:
    """Return the searches of n identities each of which was compared with all others: those of a gallery, say.

    Args:
        best: (n,) highest similarity of a photo of each identity to a photo of any other.
        seed: Of which identities are paired.
    """
    pairs = np.random.default_rng(seed).permutation(len(best))[: len(best) // 2 * 2].reshape(-1, 2)
    values = np.asarray(best, dtype=np.float64)
    rows = tuple(((float(values[a]), float(values[b])),) for a, b in pairs)
    return ImpostorSearches((max(len(best) - 1, 1),), rows, complete=True)


def impostor_similarity_matrix(held_out: HeldOut, rng: np.random.Generator) -> Array:
    """Return the highest similarity (g, g) of one photo of a group, at random, to another's; NaN where not compared."""
    is_impostor = (held_out.relation == -1) & np.isfinite(held_out.similarity)
    names, member = np.unique(held_out.groups, return_inverse=True)
    usable, draw = is_impostor.any(axis=1), rng.random(len(member))
    order = np.lexsort((draw, ~usable, member))  # of each group the drawn photo first, one compared with others if any
    photos = order[np.searchsorted(member[order], np.arange(len(names)))]
    columns = np.argsort(member, kind="stable")
    scores = np.where(is_impostor[photos], held_out.similarity[photos], -np.inf)[:, columns].astype(np.float64)
    best = np.maximum.reduceat(scores, np.searchsorted(member[columns], np.arange(len(names))), axis=1)
    return np.where(np.isfinite(best), best, np.nan)


def pair_impostors(neighbours: dict[int, set[int]], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return disjoint pairs of neighbours: who has fewest partners left chooses first, so that few stay alone.

    All but one at most where everybody neighbours everybody; a single pair in a star. Near the largest number there
    can be, and never above it.
    """
    order = {int(a): position for position, a in enumerate(rng.permutation(sorted(neighbours)))}
    partners = {a: set(others) for a, others in neighbours.items()}
    pairs = []
    while free := [a for a, others in partners.items() if others]:
        a = min(free, key=lambda a: (len(partners[a]), order[a]))
        b = min(partners[a], key=lambda b: (len(partners[b]), order[b]))
        pairs.append((a, b))
        for paired in (a, b):
            for other in partners.pop(paired):
                if other in partners:
                    partners[other].discard(paired)
    return pairs
