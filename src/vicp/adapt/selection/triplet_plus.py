"""Triplet+: a backbone is fine-tuned on a support, for as many steps as serve identities held out of it best.

There is one recipe: the support decides the number of steps, and nothing that is tested does. Without a step it is the
backbone that it starts from, such as one trained with the triplet loss.
"""

from dataclasses import replace

import numpy as np

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods.finetuned import FinetuneSettings, finetuned, finetuned_snapshots
from vicp.adapt.selection.cross_validation import HeldOutComparisons, group_k_fold
from vicp.data.seeds import derive_seed

STEPS = (10, 30, 60)


def fit_finetuned(
    embedder: Embedder,
    support: EncodedSupport,
    settings: FinetuneSettings | None = None,
    *,
    steps: tuple[int, ...] = STEPS,
) -> Embedder:
    """Return the embedder after the number of steps that is best on held-out identities; as it was where that is none.

    A support too small to hold identities out gets the steps of `settings`.

    Args:
        embedder: Whose backbone is copied, and stays as it is.
        support: Photos of a category and what is known of them.
        settings: Rate and loss; None takes the defaults.
        steps: Numbers of steps to try, ascending, and none at all in addition.
    """
    settings, seed = settings or FinetuneSettings(), support.seed or 0
    scores = score_steps(embedder, support, settings, steps)
    chosen = max(scores, key=lambda number: scores[number]) if scores else settings.steps
    if chosen == 0:
        return replace(embedder, model=None, static=None)
    return finetuned(embedder, support.tensor, support.relation, replace(settings, steps=chosen), seed=seed)


def score_steps(
    embedder: Embedder, support: EncodedSupport, settings: FinetuneSettings, steps: tuple[int, ...]
) -> dict[int, float]:
    """Return the share of held-out comparisons ranked right, by number of steps from 0; empty for too small a support.

    Args: see `fit_finetuned`.
    """
    folds = group_k_fold(support)
    if not folds:
        return {}
    comparisons, everything = HeldOutComparisons.of(support, folds), np.arange(len(support))
    similarity = {number: np.full((len(support), len(support)), np.nan) for number in (0, *steps)}
    for number, fold in enumerate(folds):
        rest = np.setdiff1d(everything, fold)
        learned = support.select(rest)
        seed = derive_seed(support.seed or 0, "held-out steps", number)
        snapshots = finetuned_snapshots(embedder, learned.tensor, learned.relation, settings, steps=steps, seed=seed)
        compared = everything if comparisons.across else fold
        similarity[0][np.ix_(fold, compared)] = support.frozen[fold] @ support.frozen[compared].T
        for count, changed in zip(steps, snapshots, strict=True):
            embeddings = np.zeros((len(support), support.frozen.shape[1]))
            embeddings[compared] = changed.embed_pixels(support.tensor[compared]).double().numpy()
            similarity[count][np.ix_(fold, compared)] = embeddings[fold] @ embeddings[compared].T
    return {count: float(comparisons.by_group(found).mean()) for count, found in similarity.items()}
