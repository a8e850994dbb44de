"""Of what use a prompt is: how often it finds held-out individuals, and whether more pairs would help.

Each identity of the support is held out in turn, and its photos are looked up among all photos of the support. Where
the prompt is fitted, so it is on half of the other identities: the learning curve says whether more of them help.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.fitting import Fitter, SupportFeatures
from vicp.adapt.prompt import Usefulness
from vicp.adapt.recipe import Null, Recipe, TunedPrompt
from vicp.adapt.selection.cross_validation import group_k_fold
from vicp.data.seeds import derive_seed
from vicp.errors import DataError

WORTH = 0.02  # of rank-1: what twice the pairs must add to be worth labelling

Floats = NDArray[np.float64]


def measure_usefulness(features: SupportFeatures, recipe: Recipe) -> Usefulness | None:
    """Return the use of a recipe; None where too few identities can be held out, or fitting takes gradient steps."""
    support = features.support
    if recipe == Null():
        folds = [np.arange(len(support))] if support.is_repeated.any() and (support.relation == -1).any() else []
    else:
        folds = [] if isinstance(recipe, TunedPrompt) else group_k_fold(support)
    if not folds:
        return None
    try:
        found = _look_up(features, recipe, folds, share=1.0)
        half = None if recipe == Null() else _look_up(features, recipe, folds, share=0.5)
    except DataError:  # the same-pairs of a part of the support give no metric
        return None
    first, precision = found
    if not len(first):  # no held-out photo has another of its individual to find
        return None
    gain = None if half is None else first - half[0]
    helps = None if gain is None else bool(gain.mean() >= max(WORTH, gain.std(ddof=1) / len(gain) ** 0.5))
    return Usefulness(
        rank1=round(float(first.mean()), 4),
        map=round(float(precision.mean()), 4),
        photos=len(first),
        individuals=len(np.unique(support.groups)),
        rank1_of_half=None if half is None else round(float(half[0].mean()), 4),
        more_pairs_help=helps,
    )


def _look_up(
    features: SupportFeatures, recipe: Recipe, folds: Sequence[np.ndarray], *, share: float
) -> tuple[Floats, Floats]:
    """Return whether each photo's individual comes first, and its average precision (photos,), in a fixed order.

    Args:
        features: Of the support, n photos.
        recipe: What is fitted.
        folds: Photos that are held out together.
        share: Of the other identities, those that are taught.
    """
    support, everything = features.support, np.arange(len(features.support))
    first, precision = [], []
    for number, fold in enumerate(folds):
        taught = None
        if recipe != Null():
            names = np.unique(np.delete(support.groups, fold))
            order = np.random.default_rng(derive_seed(support.seed or 0, "learning curve", number)).permutation(names)
            chosen = order[: max(2, round(share * len(order)))]
            taught = everything[np.isin(support.groups, chosen)]
        embeddings = Fitter(features, taught).embed(recipe, everything)
        similarity: Floats = (embeddings[fold] @ embeddings.T).astype(np.float64)
        for row, scores in zip(fold, similarity, strict=True):
            same, different = support.relation[row] == 1, support.relation[row] == -1
            same[row] = False
            if same.any() and different.any():
                ranks = (scores[different] >= scores[same][:, None]).sum(axis=1)  # (P,) negatives above each positive
                hits = np.arange(1, len(ranks) + 1)
                first.append(float(ranks.min() == 0))
                precision.append(float((hits / (np.sort(ranks) + hits)).mean()))
    return np.array(first), np.array(precision)
