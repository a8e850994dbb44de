"""Which pairs make the support where the identities of many photos are known."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from vicp.data.seeds import derive_seed
from vicp.data.support.pair_sampling import count_kinds, count_pairs, pair_of, photos_of
from vicp.data.support.support import Support, sample_support

Selection = Literal["balanced", "random", "diverse", "hard"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
CANDIDATES = 16  # balanced pairs drawn for every pair that is wanted


def select_support(
    identities: Sequence[str], num_pairs: int, features: np.ndarray, *, how: Selection, seed: int
) -> Support:
    """Return K distinct pairs of one category.

    Args:
        identities: of each of n photos.
        num_pairs: K.
        features: L2-normalised, of the same photos (n, D).
        how: `balanced` as `sample_support`, half of them same; `random`, any two photos; or, of balanced candidates,
            half of each kind: `hard`, same-pairs that look least alike and different-pairs that look most alike, or
            `diverse`, each pair differing in other ways than those before it.
        seed: equal arguments give equal supports.

    Raises:
        DataError: there are fewer distinct pairs.
        ValueError: `num_pairs` below 1.
    """
    if how == "balanced":
        return sample_support(identities, num_pairs, seed=seed)
    rng = np.random.default_rng(derive_seed(seed, "selection", how))
    if how == "random":
        return _random_pairs(np.array(identities), num_pairs, rng)
    most = max(2 * min(count_kinds(photos_of(identities))), num_pairs)
    found = sample_support(identities, min(CANDIDATES * num_pairs, most), seed=seed)
    a, b = features[found.left], features[found.right]  # (C, D)
    rows = np.concatenate(
        [
            np.flatnonzero(found.same == same)[_best(a[found.same == same], b[found.same == same], number, same, how)]
            for same, number in ((True, num_pairs // 2), (False, num_pairs - num_pairs // 2))
        ]
    )
    rows = rng.permutation(rows)
    return Support(found.left[rows], found.right[rows], found.same[rows])


def _random_pairs(identities: np.ndarray, num_pairs: int, rng: np.random.Generator) -> Support:
    codes = rng.choice(count_pairs(len(identities)), num_pairs, replace=False)
    left, right = np.array([pair_of(int(code)) for code in codes], dtype=np.int64).T
    return Support(left.copy(), right.copy(), identities[left] == identities[right])


def _best(a: np.ndarray, b: np.ndarray, number: int, same: bool, how: Selection) -> np.ndarray:
    """Positions of `number` of the pairs (C, D), (C, D) of one kind."""
    if how == "diverse":
        return farthest_first(np.abs(a - b), number)
    similarity = (a * b).sum(axis=1)
    return np.argsort(similarity if same else -similarity, kind="stable")[:number]


def farthest_first(points: np.ndarray, number: int) -> np.ndarray:
    """Positions of `number` points (C, D): the first, then each time the one farthest from all before it."""
    if number == 0:
        return np.zeros(0, dtype=np.int64)
    taken = [0]
    distance = np.linalg.norm(points - points[0], axis=1)  # (C,) to the nearest taken
    while len(taken) < number:
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[taken[-1]], axis=1))
    return np.array(taken, dtype=np.int64)
