"""Which pair to label next: likely same-pairs and uncertain ones in turn, of individuals not asked about yet.

What labels buy. A metric learns from same-pairs, and of pairs drawn at random hardly any is one, so half of the
proposals are the most similar photos not known to belong together. The other half lie where same and different are
hardest to tell apart, since what they turn out to be moves the boundary. No photo, and while others last no group of
photos known to be one individual, is asked about twice in a round; near-copies, whose label is no news, come last.
"""

from dataclasses import dataclass
from itertools import cycle
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Strategy = Literal["balanced", "likely", "uncertain", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
NEIGHBOURS = 8  # of a photo, that a pair may be made of
COPIES = 0.995  # cosine from which two photos are taken for one shot

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PairProposal:
    """A pair worth a label.

    Attributes:
        left: position of one photo.
        right: of the other.
        similarity: theirs.
        why: "likely same", "uncertain" or "random".
    """

    left: int
    right: int
    similarity: float
    why: str


def propose_pairs(
    embeddings: Array,
    groups: NDArray[np.int64],
    relation: NDArray[np.int8],
    count: int,
    *,
    strategy: Strategy = "balanced",
    boundary: float | None = None,
    seed: int = 0,
) -> list[PairProposal]:
    """Up to `count` pairs whose label is not known and does not follow from others, the most useful first.

    Args:
        embeddings: (n, D), L2-normalised, of unlabelled and labelled photos alike.
        groups: (n,) photos of one group are known to show one identity.
        relation: (n, n) 1 same identity, -1 different ones, 0 unknown.
        count: how many.
        strategy: "balanced" takes "likely" and "uncertain" in turn.
        boundary: the similarity where same and different are as likely; None takes the median of each photo's nearest.
        seed: of "random", and of ties.

    Raises:
        ValueError: a count below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1")
    rng = np.random.default_rng(seed)
    if strategy == "random":
        return _random(embeddings, relation, count, rng)
    left, right, similarity = nearest_unknown(embeddings, relation)
    if not len(left):
        return []
    if boundary is None:
        boundary = float(np.median(similarity))
    copies = similarity >= COPIES
    orders = {
        "likely same": np.lexsort((-similarity, copies)),
        "uncertain": np.lexsort((np.abs(similarity - boundary), copies)),
    }
    turns = {"balanced": ("likely same", "uncertain"), "likely": ("likely same",), "uncertain": ("uncertain",)}[
        strategy
    ]
    chosen = _take_turns([orders[turn] for turn in turns], left, right, groups, count)
    return [PairProposal(int(left[k]), int(right[k]), float(similarity[k]), turns[turn]) for k, turn in chosen]


def nearest_unknown(
    embeddings: Array, relation: NDArray[np.int8], *, neighbours: int = NEIGHBOURS
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs (m,) (left < right) of each photo and the photos closest to it whose relation is unknown; similarities."""
    similarity = embeddings @ embeddings.T
    similarity[(relation != 0) | np.eye(len(embeddings), dtype=bool)] = -np.inf
    near = np.argsort(-similarity, axis=1, kind="stable")[:, :neighbours]
    a = np.repeat(np.arange(len(embeddings)), near.shape[1])
    pairs = np.unique(np.sort(np.stack([a, near.ravel()]), axis=0), axis=1)  # (2, m)
    values = similarity[pairs[0], pairs[1]].astype(np.float64)
    kept = np.isfinite(values)
    return pairs[0, kept], pairs[1, kept], values[kept]


def _take_turns(
    orders: list[NDArray[np.int64]],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    groups: NDArray[np.int64],
    count: int,
) -> list[tuple[int, int]]:
    """(pair, whose turn it was): the first pair of each order in turn whose groups are fresh, then whose photos are."""
    chosen: dict[int, int] = {}
    for units in (groups, np.arange(len(groups))):
        used = {int(units[side[k]]) for k in chosen for side in (left, right)}
        queues = [order[::-1].tolist() for order in orders]  # the best last, to be popped
        for turn in cycle(range(len(queues))):
            if len(chosen) >= count or not any(queues):
                break
            queue = queues[turn]
            while queue and (queue[-1] in chosen or {int(units[side[queue[-1]]]) for side in (left, right)} & used):
                queue.pop()
            if queue:
                k = queue.pop()
                chosen[k] = turn
                used |= {int(units[side[k]]) for side in (left, right)}
    return list(chosen.items())


def _random(embeddings: Array, relation: NDArray[np.int8], count: int, rng: np.random.Generator) -> list[PairProposal]:
    a, b = np.nonzero(np.triu(relation == 0, 1))
    picked = rng.permutation(len(a))[:count]
    return [PairProposal(int(a[k]), int(b[k]), float(embeddings[a[k]] @ embeddings[b[k]]), "random") for k in picked]
