"""Supports of few individuals drawn from a category, and the searches of photos that nothing was fitted on."""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.decisions.real_sets import RECIPES, bare, support_of
from benchmarks.lib.embedded_sets import EmbeddedSet
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import SupportFeatures, fit
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Null, Recipe
from vicp.adapt.selection.cross_validation import cross_validate, group_k_fold, leave_one_group_out
from vicp.data.seeds import derive_seed
from vicp.decisions.borrowed import SimilarityKind
from vicp.decisions.held_out import HeldOut
from vicp.decisions.typicality import CategoryReference

KIND_OF: dict[str, SimilarityKind] = {"null": "plain", "metric": "metric"}
MOST_QUERIES = 60  # of known individuals, and of new ones


@dataclass(frozen=True, eq=False)
class SearchDraw:
    """A support and the searches of other photos in it.

    Attributes:
        held_out: What the belief is fitted on.
        similarity: (Q, G) of each query to the closest photo of each individual.
        photos: (G,) how many photos each individual has.
        truth: (Q,) whom the query shows, a position; -1 for somebody new.
        typicality: (Q,) of each query, as `CategoryReference` gives it.
    """

    held_out: HeldOut
    similarity: np.ndarray
    photos: np.ndarray
    truth: np.ndarray
    typicality: np.ndarray


def draw_searches(
    photos: EmbeddedSet, num: int, method: str, num_photos: int, seed: int, *, model: str = "mini"
) -> SearchDraw | None:
    """A draw of so many individuals with at most so many photos; None where there is nobody known, or nobody new.

    A photo of each known individual stays a query, unless it has only two.
    """
    names, identities = np.unique(photos.identities, return_inverse=True)
    rng = np.random.default_rng(derive_seed(seed, "searches", photos.name, str(num), method))
    order = rng.permutation(len(names))
    known, new = order[:num], order[num:]
    rows = np.concatenate([_some_photos(np.flatnonzero(identities == i), num_photos, rng) for i in known])
    prompt = held_out_prompt(support_of(photos, identities, rows, seed), RECIPES[method], model)
    queries = [
        rng.permutation(np.setdiff1d(np.flatnonzero(np.isin(identities, some)), rows))[:MOST_QUERIES]
        for some in (known, new)
    ]
    if prompt is None or prompt.held_out is None or not all(map(len, queries)):
        return None
    embeddings = prompt.project([photos.embeddings])
    asked = np.concatenate(queries)
    similarity = embeddings[asked] @ embeddings[rows].T
    best = np.stack([similarity[:, identities[rows] == i].max(axis=1) for i in known], axis=1)
    count = np.array([(identities[rows] == i).sum() for i in known])
    position = {int(name): place for place, name in enumerate(known)}
    truth = np.array([position.get(int(identities[row]), -1) for row in asked])
    typicality = CategoryReference(photos.embeddings[rows], identities[rows]).typicality(photos.embeddings[asked])
    assert typicality is not None
    return SearchDraw(prompt.held_out, best.astype(np.float64), count, truth, typicality)


def held_out_prompt(support: EncodedSupport, recipe: Recipe, model: str = "mini") -> Prompt | None:
    """The prompt of one recipe as `vicp teach` makes it of few individuals too; None where it cannot be fitted."""
    if recipe == Null():
        similarity = support.frozen @ support.frozen.T
    else:
        folds = group_k_fold(support) or leave_one_group_out(support)
        scores = cross_validate(SupportFeatures(bare(model), support), [recipe], folds)
        if recipe not in scores.similarity:
            return None
        similarity = scores.similarity[recipe]
    held_out = HeldOut.of(similarity, support.groups, support.relation)
    return replace(fit(bare(model), support, recipe), held_out=held_out)


def _some_photos(own: np.ndarray, num_photos: int, rng: np.random.Generator) -> np.ndarray:
    most = num_photos if len(own) == 2 else min(num_photos, len(own) - 1)
    return rng.permutation(own)[:most]
