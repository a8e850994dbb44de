"""Active learning: which pair to label next. Likely same-pairs and uncertain ones take turns.

A metric learns from same-pairs, and of pairs sampled at random hardly any is one. So half of the proposals are the
most similar photos that are not known to show one individual. The other half lie where same and different are hardest
to tell apart (uncertainty sampling), since their labels move the boundary. In one round no photo is proposed twice,
and, while others last, no group of photos known to show one individual. Near-copies, whose label tells nothing new,
come last.
"""

from dataclasses import dataclass
from itertools import cycle
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Strategy = Literal["balanced", "likely", "uncertain", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
NUM_NEIGHBOURS = 8  # of a photo, that it may be paired with
COPY_SIMILARITY = 0.995  # cosine from which two photos are taken for copies of one

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PairProposal:
    """A pair worth a label.

    Attributes:
        left: Position of one photo.
        right: Of the other.
        similarity: Theirs.
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
    """Return up to `count` pairs whose label is not known and does not follow from others, the most useful first.

    Args:
        embeddings: (n, D), L2-normalised, of unlabelled and labelled photos alike.
        groups: (n,) photos of one group are known to show one identity.
        relation: (n, n) 1 same identity, -1 different ones, 0 unknown.
        count: How many.
        strategy: "balanced" takes "likely" and "uncertain" in turn.
        boundary: The similarity where same and different are as likely; None takes the median of each photo's nearest.
        seed: Of "random", and of ties.

    Raises:
        ValueError: A count below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1")
    rng = np.random.default_rng(seed)
    if strategy == "random":
        return _sample_pairs(embeddings, relation, count, rng)
    left, right, similarity = nearest_unknown(embeddings, relation)
    if not len(left):
        return []
    if boundary is None:
        boundary = float(np.median(similarity))
    copies = similarity >= COPY_SIMILARITY
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
    embeddings: Array, relation: NDArray[np.int8], *, num_neighbours: int = NUM_NEIGHBOURS
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return left < right (m,) of pairs of unknown relation, each photo with those closest to it, and similarities."""
    similarity = embeddings @ embeddings.T
    similarity[(relation != 0) | np.eye(len(embeddings), dtype=bool)] = -np.inf
    first = max(len(embeddings) - num_neighbours, 0)
    near = np.argpartition(similarity, first, axis=1)[:, first:] if first else np.argsort(similarity, axis=1)
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
    """Return (pair, order) of the pairs that the orders take in turn: first those of new groups, then of new photos."""
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


def _sample_pairs(
    embeddings: Array, relation: NDArray[np.int8], count: int, rng: np.random.Generator
) -> list[PairProposal]:
    left, right = np.nonzero(np.triu(relation == 0, 1))
    sampled = rng.permutation(len(left))[:count]
    return [
        PairProposal(int(left[k]), int(right[k]), float(embeddings[left[k]] @ embeddings[right[k]]), "random")
        for k in sampled
    ]
