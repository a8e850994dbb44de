"""Leave-identities-out cross-validation on a support: folds, and what candidate recipes score on held-out photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import Fitter, SupportFeatures
from vicp.adapt.recipe import Recipe
from vicp.data.seeds import derive_seed
from vicp.decisions.held_out import MIN_PAIRS
from vicp.errors import DataError
from vicp.progress import Progress

MIN_GROUPS = 4  # with two photos or more: two folds of two
MAX_FOLDS = 4
MIN_COMPARED = 8  # different photos to compare one photo with
NUM_STANDARD_ERRORS = 2.5  # above chance

Array = NDArray[np.float64]


def group_k_fold(support: EncodedSupport) -> list[np.ndarray]:
    """Return two to four folds of photos, ascending positions each; none where too little is known to compare.

    Photos of one identity share a fold. So do, as far as folds stay even, the photos of a different-pair: otherwise
    few such pairs would lie within one fold or within the others.
    """
    blocks = _blocks(support)
    is_repeated = support.is_repeated
    num_repeated = len(np.unique(support.groups[is_repeated]))
    if num_repeated < MIN_GROUPS or not (support.relation == -1).any():
        return []
    num_folds = min(MAX_FOLDS, num_repeated // 2)
    rng = np.random.default_rng(derive_seed(support.seed or 0, "leave identities out"))
    order = rng.permutation(int(blocks.max()) + 1)
    photos = np.bincount(blocks)
    repeated = np.bincount(blocks, weights=is_repeated)  # photos that have a partner, by block
    order = order[np.argsort(-repeated[order], kind="stable")]
    fold_of = np.empty(len(order), dtype=np.int64)
    load = np.zeros((num_folds, 2))  # photos with a partner, photos
    for block in order:  # to the fold that has the fewest of what the block has
        counts = load[:, 0] if repeated[block] else load[:, 1]
        fold_of[block] = fold = int(np.argmin(counts))
        load[fold] += repeated[block], photos[block]
    return [np.flatnonzero(fold_of[blocks] == fold) for fold in range(num_folds)]


def leave_one_group_out(support: EncodedSupport) -> list[np.ndarray]:
    """Return a fold per group, ascending positions each; none with fewer than two groups of two moments."""
    enough = len(np.unique(support.groups[support.is_repeated])) > 1
    return [np.flatnonzero(support.groups == name) for name in np.unique(support.groups)] if enough else []


def can_be_calibrated(relation: np.ndarray) -> bool:
    """Return whether relations (n, n) between photos are enough of each kind for probabilities."""
    pairs = relation[np.triu_indices(len(relation), 1)]
    return min(int((pairs == 1).sum()), int((pairs == -1).sum())) >= MIN_PAIRS


@dataclass(frozen=True, eq=False)
class HeldOutComparisons:
    """Which of a support's relations are between held-out photos.

    Attributes:
        same: (n, n) bool, both photos held out together and known to show one identity.
        different: (n, n) bool, a held-out photo and one known to show another; both held out together, where there
            are enough of those.
        groups: (n,) of the photos.
        across: Whether `different` has photos of two folds.
    """

    same: np.ndarray
    different: np.ndarray
    groups: np.ndarray
    across: bool

    @classmethod
    def of(cls, support: EncodedSupport, folds: Sequence[np.ndarray]) -> "HeldOutComparisons":
        """Return the comparisons of photos held out in these folds."""
        together = np.zeros((len(support), len(support)), dtype=bool)
        for fold in folds:
            together[np.ix_(fold, fold)] = True
        same = (support.relation == 1) & ~np.eye(len(support), dtype=bool)
        different = (support.relation == -1) & together
        across = int(different.sum()) < 2 * MIN_COMPARED  # each stands in it twice
        return cls(same, support.relation == -1 if across else different, support.groups, across)

    def by_photo(self, similarity: Array) -> Array:
        """Return the share of comparisons ranked right, of each photo that has another of its identity (photos,).

        A comparison: a photo is closer to one of its own identity than to one of another. A photo with too few
        others to compare with is compared with all different-pairs.

        Args:
            similarity: (n, n); row a comes from the fold that holds photo a out.
        """
        pool = np.sort(similarity[self.different])
        shares = []
        for anchor in np.flatnonzero(self.same.any(axis=1)):
            others = similarity[anchor, self.different[anchor]]
            below = np.sort(others) if len(others) >= MIN_COMPARED else pool
            shares.append(fraction_below(below, similarity[anchor, self.same[anchor]]))
        return np.array(shares)

    def by_group(self, similarity: Array) -> Array:
        """Return the mean of `by_photo` in each group that has two photos (groups,)."""
        shares, groups = self.by_photo(similarity), self.groups[self.same.any(axis=1)]
        return np.array([shares[groups == group].mean() for group in np.unique(groups)])

    def threshold(self, similarity: Array) -> tuple[float, float]:
        """Return the similarity that best tells same-pairs from different ones, and its balanced accuracy."""
        same, different = np.sort(similarity[self.same]), np.sort(similarity[self.different])
        values = np.unique(np.concatenate([same, different]))
        between = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
        accepted = 1 - np.searchsorted(same, between) / len(same)
        rejected = np.searchsorted(different, between) / len(different)
        best = int(np.argmax(accepted + rejected))
        return float(between[best]), float((accepted + rejected)[best] / 2)


@dataclass(frozen=True, eq=False)
class CandidateScores:
    """Scores of candidate recipes on identities held out of a support.

    Attributes:
        similarity: (n, n) by candidate; row a comes from the fold that holds photo a out.
        comparisons: Which of its entries count.
    """

    similarity: dict[Recipe, Array]
    comparisons: HeldOutComparisons

    @cached_property
    def _by_group(self) -> dict[Recipe, Array]:
        return {recipe: self.comparisons.by_group(similarity) for recipe, similarity in self.similarity.items()}

    def by_group(self, recipe: Recipe) -> Array:
        """Return the share of comparisons ranked right, by group (groups,)."""
        return self._by_group[recipe]

    def score(self, recipe: Recipe) -> float:
        """Return the mean over groups: identities with many photos count no more than others."""
        return float(self.by_group(recipe).mean())

    def best(self, recipes: Sequence[Recipe]) -> Recipe:
        """Return the candidate with the highest score, of several the first."""
        return max(recipes, key=self.score)

    def lead(self, recipe: Recipe, over: Recipe) -> float:
        """Return by how much one score is above another, less the standard error of that over groups."""
        return lead(self.by_group(recipe), self.by_group(over))

    def with_scores_of(self, other: "CandidateScores") -> "CandidateScores":
        """Return the scores of these candidates and of others, on the same comparisons."""
        return replace(self, similarity=self.similarity | other.similarity)


def cross_validate(
    features: SupportFeatures,
    recipes: Sequence[Recipe],
    folds: Sequence[np.ndarray],
    *,
    progress: Progress | None = None,
) -> CandidateScores:
    """Return the scores of the recipes that can be fitted with any fold held out.

    Args:
        features: Of the support, n photos.
        recipes: The candidates.
        folds: Ascending positions of the photos held out together; none give no scores.
        progress: Called with folds done and folds in all.
    """
    support = features.support
    comparisons, everything = HeldOutComparisons.of(support, folds), np.arange(len(support))
    similarity = {recipe: np.full((len(support), len(support)), np.nan) for recipe in recipes if folds}
    for number, fold in enumerate(folds, 1):
        fitter = Fitter(features, np.setdiff1d(everything, fold))
        compared = everything if comparisons.across else fold
        for recipe in [*similarity]:
            try:
                embeddings = fitter.embed(recipe, compared)
            except DataError:  # the same-pairs of the other folds give no metric
                del similarity[recipe]
            else:
                similarity[recipe][fold] = embeddings[fold] @ embeddings.T
        if progress is not None:
            progress(number, len(folds))
    return CandidateScores(similarity, comparisons)


def lead(by_group: Array, over: Array) -> float:
    """Return by how much scores by group (groups,) are above others in the mean, less the standard error of that."""
    ahead = by_group - over
    return float(ahead.mean() - ahead.std(ddof=1) / len(ahead) ** 0.5)


def fraction_below(different: Array, same: Array) -> float:
    """Return the share of (same, different) with same above different, ties counting half.

    Args:
        different: Similarities of different-pairs (m,), ascending.
        same: Similarities of same-pairs (k,).
    """
    ahead = np.searchsorted(different, same, side="left") + np.searchsorted(different, same, side="right")
    return float(ahead.mean() / (2 * len(different)))


def beats_chance(by_group: Array) -> bool:
    """Return whether comparisons are ranked better than by chance, which meaningless labels would not allow.

    Photos of one identity succeed and fail together, so groups are what is counted. The margin is wide because the
    candidate is the best of several.

    Args:
        by_group: The share of comparisons ranked right, of each group (groups,).
    """
    standard_error = by_group.std(ddof=1) / len(by_group) ** 0.5
    return bool(by_group.mean() - 0.5 > NUM_STANDARD_ERRORS * standard_error)


def _blocks(support: EncodedSupport) -> np.ndarray:
    """Return blocks (n,), from 0: groups joined along different-pairs, each below a sixteenth of the photos."""
    block = support.groups.copy()
    limit = max(4, len(support) // (4 * MAX_FOLDS))
    pairs = support.pairs
    for a, b in zip(pairs.left[~pairs.same], pairs.right[~pairs.same], strict=True):
        joined = (block == block[a]) | (block == block[b])
        if joined.sum() <= limit:
            block[joined] = block[a]
    return np.unique(block, return_inverse=True)[1]
