"""Choose the support: K labelled pairs of photos of one category."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vicp.data.moments import one_per_moment
from vicp.data.seeds import derive_seed
from vicp.data.support.pair_sampling import count_kinds, different_pairs, photos_of, same_pairs
from vicp.errors import DataError


@dataclass(frozen=True, eq=False)
class Support:
    """K labelled pairs of one category; a photo is its index in one photo table, never paired with itself.

    Attributes:
        left: (K,) int64.
        right: (K,) int64.
        same: (K,) bool, whether both photos show the same identity.
    """

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.left.shape, self.right.shape, self.same.shape}
        if len(shapes) != 1 or self.left.ndim != 1 or self.same.dtype != np.bool_:
            raise ValueError(f"got shapes {shapes} and {self.same.dtype}, expected three (K,), the last one bool")
        if (self.left == self.right).any():
            raise ValueError("a photo is paired with itself")

    def __len__(self) -> int:
        return len(self.left)

    def shuffled(self, seed: int) -> "Support":
        """Return the same pairs with labels permuted so that they tell nothing about the true ones.

        With p same-pairs and q different-pairs, p*q/K of each kind swap labels: the balance is kept, and the
        correlation with the true labels is zero up to rounding. Swapping all would hand over the true labels
        upside down, swapping none would be no control. At least one of each kind swaps, so the labels differ
        from the true ones unless those are all alike (and two pairs can only be inverted).
        """
        rng = np.random.default_rng(derive_seed(seed, "shuffled support"))
        positives, negatives = np.flatnonzero(self.same), np.flatnonzero(~self.same)
        num_swaps = len(positives) * len(negatives) / max(len(self), 1)
        count = min(max(round(num_swaps), 1), len(positives), len(negatives))
        same = self.same.copy()
        same[rng.permutation(positives)[:count]] = False
        same[rng.permutation(negatives)[:count]] = True
        return replace(self, same=same)


def sample_support(
    identities: Sequence[str], num_pairs: int, *, moments: np.ndarray | None = None, seed: int
) -> Support:
    """Return K distinct pairs in random order: K // 2 of the same identity, the others of different ones.

    Identities take turns: for each kind of pair, none is used a second time before all that can be were used
    once. Within an identity, or a pair of identities, all pairs of photos are equally likely. Of photos of one moment,
    one at random takes part, unless too few pairs would be left.

    Args:
        identities: The identity of each photo of one category.
        num_pairs: K.
        moments: (n,) the moment of each photo; None where each has its own.
        seed: Equal arguments give equal supports.

    Raises:
        DataError: There are fewer distinct pairs; the message says how many.
        ValueError: `num_pairs` below 1.
    """
    if num_pairs < 1:
        raise ValueError(f"num_pairs {num_pairs} must be at least 1")
    if moments is not None and len(np.unique(moments)) < len(moments):
        rows = one_per_moment(moments, np.random.default_rng(derive_seed(seed, "moments")))
        try:
            chosen = _sample_pairs([identities[row] for row in rows], num_pairs, seed)
        except DataError:
            return _sample_pairs(identities, num_pairs, seed)
        return Support(rows[chosen.left], rows[chosen.right], chosen.same)
    return _sample_pairs(identities, num_pairs, seed)


def _sample_pairs(identities: Sequence[str], num_pairs: int, seed: int) -> Support:
    rng = np.random.default_rng(derive_seed(seed, "support"))
    photos = photos_of(identities)
    num_same, num_different = num_pairs // 2, num_pairs - num_pairs // 2
    _check_available(photos, num_same, num_different)
    pairs = [*same_pairs(photos, num_same, rng), *different_pairs(photos, num_different, rng)]
    swap = rng.random(num_pairs) < 0.5
    ordered = [(b, a) if flip else (a, b) for (a, b), flip in zip(pairs, swap, strict=True)]
    order = rng.permutation(num_pairs)
    left, right = np.array(ordered, dtype=np.int64)[order].T  # (K,), (K,)
    return Support(left.copy(), right.copy(), (np.arange(num_pairs) < num_same)[order])


def split_identities(identities: Sequence[str], *, share_support: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the support's identities and the rows of all other identities, both ascending.

    At least two identities with two photos go to the support; the rest keeps one such and another identity.

    Args:
        identities: The identity of each photo of one category.
        share_support: Share of the identities for the support, in (0, 1); as near to it as the above allows.
        seed: Equal arguments give equal splits.

    Raises:
        DataError: Too few identities for that.
        ValueError: `share_support` outside (0, 1).
    """
    if not 0 < share_support < 1:
        raise ValueError(f"share_support {share_support} must lie between 0 and 1")
    rng = np.random.default_rng(derive_seed(seed, "split identities"))
    photos = photos_of(identities)
    order = [int(position) for position in rng.permutation(len(photos))]
    repeated = [position for position in order if len(photos[position]) >= 2]
    if len(order) < 4 or len(repeated) < 3:
        raise DataError(
            f"{len(order)} identities, {len(repeated)} of them with two photos or more: setting a support "
            "apart takes at least 4 and 3. Add identities, or draw the support from another category"
        )
    others = [position for position in order if position not in repeated[:3]]
    size = min(max(round(share_support * len(order)), 2), len(order) - 2)
    chosen = [*repeated[:2], *others[: size - 2]]  # repeated[2] and one of the others stay
    of_support = np.zeros(len(identities), dtype=bool)
    of_support[np.concatenate([photos[position] for position in chosen])] = True
    return np.flatnonzero(of_support), np.flatnonzero(~of_support)


def _check_available(photos: list[np.ndarray], num_same: int, num_different: int) -> None:
    total = sum(len(rows) for rows in photos)
    same, different = count_kinds(photos)
    if num_same > same or num_different > different:
        raise DataError(
            f"{num_same} same-pairs and {num_different} different-pairs asked for, but {total} photos of "
            f"{len(photos)} identities give {same} and {different}: ask for at most "
            f"{2 * min(same, different)} pairs, or add photos"
        )
