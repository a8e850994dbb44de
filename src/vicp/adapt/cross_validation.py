"""Leave-identities-out on a support: which photos are held out together, and what held-out similarities are worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.encoded_support import EncodedSupport
from vicp.data.seeds import derive_seed
from vicp.decisions.held_out import MIN_PAIRS

MIN_GROUPS = 4  # with two photos or more: two folds of two
MAX_FOLDS = 4
ENOUGH = 8  # different photos to compare with
SURE = 2.5  # standard errors above chance

Array = NDArray[np.float64]


def group_k_fold(support: EncodedSupport) -> list[np.ndarray]:
    """Two to four folds of photos, ascending positions each; none where too little is known to compare.

    Photos of one identity share a fold. So do, as far as folds stay even, the photos of a different-pair: otherwise
    few such pairs would lie within one fold or within the others.
    """
    blocks = _blocks(support)
    _, sizes = np.unique(support.groups, return_counts=True)
    num_repeated = int((sizes > 1).sum())
    if num_repeated < MIN_GROUPS or not (support.relation == -1).any():
        return []
    num_folds = min(MAX_FOLDS, num_repeated // 2)
    rng = np.random.default_rng(derive_seed(support.seed or 0, "leave identities out"))
    order = rng.permutation(int(blocks.max()) + 1)
    photos = np.bincount(blocks)
    repeated = np.bincount(blocks, weights=sizes[support.groups] > 1)  # photos that have a partner, by block
    order = order[np.argsort(-repeated[order], kind="stable")]
    fold_of = np.empty(len(order), dtype=np.int64)
    load = np.zeros((num_folds, 2))  # photos with a partner, photos
    for block in order:  # to the fold that has the fewest of what the block has
        counts = load[:, 0] if repeated[block] else load[:, 1]
        fold_of[block] = fold = int(np.argmin(counts))
        load[fold] += repeated[block], photos[block]
    return [np.flatnonzero(fold_of[blocks] == fold) for fold in range(num_folds)]


def leave_one_group_out(support: EncodedSupport) -> list[np.ndarray]:
    """A fold per group, ascending positions each; none with fewer than two groups of two photos, which leave none."""
    names, sizes = np.unique(support.groups, return_counts=True)
    enough = int((sizes > 1).sum()) > 1
    return [np.flatnonzero(support.groups == name) for name in names] if enough else []


def can_be_calibrated(relation: np.ndarray) -> bool:
    """Whether relations (n, n) between photos are enough of each kind for probabilities."""
    known = relation[np.triu_indices(len(relation), 1)]
    return min(int((known == 1).sum()), int((known == -1).sum())) >= MIN_PAIRS


def _blocks(support: EncodedSupport) -> np.ndarray:
    """Groups, joined along different-pairs while a block stays below a sixteenth of the photos: (n,), from 0."""
    block = support.groups.copy()
    limit = max(4, len(support) // (4 * MAX_FOLDS))
    pairs = support.pairs
    for a, b in zip(pairs.left[~pairs.same], pairs.right[~pairs.same], strict=True):
        joined = (block == block[a]) | (block == block[b])
        if joined.sum() <= limit:
            block[joined] = block[a]
    return np.unique(block, return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class HeldOutComparisons:
    """Which of a support's relations are between held-out photos.

    Attributes:
        same: (n, n) bool, both photos held out together and known to show one identity.
        different: (n, n) bool, a held-out photo and one known to show another; both held out together, where there
            are enough of those.
        groups: (n,) of the photos.
        across: whether `different` has photos of two folds.
    """

    same: np.ndarray
    different: np.ndarray
    groups: np.ndarray
    across: bool

    @classmethod
    def of(cls, support: EncodedSupport, folds: list[np.ndarray]) -> "HeldOutComparisons":
        """The comparisons of photos held out in these folds."""
        together = np.zeros((len(support), len(support)), dtype=bool)
        for fold in folds:
            together[np.ix_(fold, fold)] = True
        same = (support.relation == 1) & ~np.eye(len(support), dtype=bool)
        different = (support.relation == -1) & together
        across = int(different.sum()) < 2 * ENOUGH  # each stands in it twice
        return cls(same, support.relation == -1 if across else different, support.groups, across)

    def shares(self, similarity: Array) -> Array:
        """The share of comparisons ranked right, of each photo that has another of its own identity (photos,).

        A comparison: a photo is closer to one of its own identity than to one of another. A photo with too few
        others of its own to compare with is compared with all different-pairs.

        Args:
            similarity: (n, n); row a comes from the fold that holds photo a out.
        """
        pool = np.sort(similarity[self.different])
        shares = []
        for anchor in np.flatnonzero(self.same.any(axis=1)):
            others = similarity[anchor, self.different[anchor]]
            below = np.sort(others) if len(others) >= ENOUGH else pool
            shares.append(fraction_below(below, similarity[anchor, self.same[anchor]]))
        return np.array(shares)

    def by_group(self, shares: Array) -> Array:
        """The mean of these shares in each group (groups,)."""
        groups = self.groups[self.same.any(axis=1)]
        return np.array([shares[groups == group].mean() for group in np.unique(groups)])

    def threshold(self, similarity: Array) -> tuple[float, float]:
        """The similarity that best tells same-pairs from different ones, and its balanced accuracy."""
        same, different = np.sort(similarity[self.same]), np.sort(similarity[self.different])
        values = np.unique(np.concatenate([same, different]))
        between = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
        kept = 1 - np.searchsorted(same, between) / len(same)
        refused = np.searchsorted(different, between) / len(different)
        best = int(np.argmax(kept + refused))
        return float(between[best]), float((kept + refused)[best] / 2)


def fraction_below(others: Array, own: Array) -> float:
    """The share of (own, other) with own above other, ties counting half; others (m,) ascending."""
    ahead = np.searchsorted(others, own, side="left") + np.searchsorted(others, own, side="right")
    return float(ahead.mean() / (2 * len(others)))


def beats_chance(by_group: Array) -> bool:
    """Whether comparisons are ranked better than by chance, which meaningless labels would not allow.

    Photos of one identity succeed and fail together, so groups are what is counted; the best of several candidates
    is asked about, hence the wide margin.

    Args:
        by_group: the share of comparisons ranked right, of each group (groups,).
    """
    return bool(by_group.mean() - 0.5 > SURE * by_group.std(ddof=1) / len(by_group) ** 0.5)
