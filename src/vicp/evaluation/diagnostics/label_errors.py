"""Photos whose label looks wrong: their nearest neighbours are of one other identity, and none of their own."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.evaluation.results import SuspectLabel
from vicp.metrics.grid import to_grid

_MAX_LISTED = 50


def suspect_labels(
    embeddings: Tensor,
    identities: Sequence[str],
    names: Sequence[str],
    *,
    neighbours: int = 5,
    block_size: int = 1024,
) -> tuple[SuspectLabel, ...]:
    """Return the photos that are probably labelled wrongly, the most suspicious first, 50 at most.

    A photo is suspect if its identity has other photos, none of them is among its closest photos, and at least three
    in five of these are of ONE other identity. The order is by how much closer that identity is than its own. Photos
    of equal similarity go by name. Exact: the same for any block size, number of threads and order of photos, as long
    as their names are unique.

    Args:
        embeddings: (n, D) floating point, normalised here.
        identities: n of them.
        names: n of them.
        neighbours: How many closest photos are looked at.
        block_size: Photos compared with all the others at a time.

    Raises:
        ValueError: Lengths that do not fit, or `neighbours` or `block_size` below 1.
    """
    if not len(embeddings) == len(identities) == len(names):
        raise ValueError(f"{len(embeddings)} embeddings, {len(identities)} identities and {len(names)} names differ")
    if neighbours < 1 or block_size < 1:
        raise ValueError(f"neighbours {neighbours} and block_size {block_size} must be at least 1")
    if len(names) < 3:  # a photo, another of its identity, and one of another identity
        return ()
    order = np.argsort(np.array(names), kind="stable")
    rows = to_grid(embeddings)[order].astype(np.float64)  # on the grid, float64 adds their products exactly
    named = [(identities[row], names[row]) for row in order]
    found = list(_suspects(rows, named, min(neighbours, len(rows) - 1), block_size))
    return tuple(sorted(found, key=lambda each: each.own_similarity - each.other_similarity)[:_MAX_LISTED])


def _suspects(
    rows: NDArray[np.float64], named: Sequence[tuple[str, str]], neighbours: int, block_size: int
) -> Iterator[SuspectLabel]:
    """Yield the suspects among rows (n, D) with their identities and names, in order."""
    identities = np.array([identity for identity, _ in named])
    size_of = Counter(identities.tolist())
    for start in range(0, len(rows), block_size):
        similarity = rows[start : start + block_size] @ rows.T  # (b, n)
        here = np.arange(len(similarity))
        similarity[here, here + start] = -np.inf
        closest = _closest(similarity, neighbours)  # (b, k)
        for scores, columns, (own, name) in zip(similarity, closest, named[start:], strict=False):
            around = identities[columns].tolist()
            other, count = Counter(around).most_common(1)[0]
            if own not in around and size_of[own] > 1 and 5 * count >= 3 * neighbours:
                to_own, to_other = scores[identities == own].max(), scores[identities == other].max()
                yield SuspectLabel(name, own, other, float(to_own), float(to_other), count, neighbours)


def _closest(similarity: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the columns of the highest `count` values of each row, falling; of equal values the first."""
    here = np.arange(len(similarity))
    columns, values = np.empty((len(here), count), dtype=np.int64), np.empty((len(here), count))
    for place in range(count):  # argmax gives the first of equal values, which no partial sort promises
        columns[:, place] = similarity.argmax(axis=1)
        values[:, place] = similarity[here, columns[:, place]]
        similarity[here, columns[:, place]] = -np.inf
    np.put_along_axis(similarity, columns, values, axis=1)  # taken out only for the search
    return columns
