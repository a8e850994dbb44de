"""Thresholds found on supports of real sets, and how often individuals that are not in the support exceed them."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.decisions.draw_statistics import mean, share
from benchmarks.lib.embedded_sets import EmbeddedSet
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, relate_identities
from vicp.adapt.fitting import SupportFeatures, fit
from vicp.adapt.load import load_model
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Null, Recipe, Whitening
from vicp.adapt.selection.cross_validation import cross_validate, group_k_fold
from vicp.data.seeds import derive_seed
from vicp.data.support.support import Support
from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_searches import ImpostorSearches
from vicp.decisions.impostor_trials import search_held_out
from vicp.decisions.outcome import InsufficientPairs, Threshold

SHARE, PHOTOS = 0.65, 3  # of the identities for the support, of an identity's photos
RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9)
RECIPES: dict[str, Recipe] = {"null": Null(), "metric": Whitening()}
METHODS = tuple(RECIPES)


@cache
def bare(model: str = "mini") -> Embedder:
    """A model's backbone alone: what a metric on frozen features needs."""
    return replace(load_model(model), model=None, static=None)


def gather(methods: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A set's row from those of its adaptations."""
    first = next(iter(methods.values()))
    shared = ("individuals", "candidates", "impostors", "rate_promised", "missing_for", "share_promised")
    return {
        **{key: first[key] for key in shared},
        "rate_achieved": {m: one["rate_achieved"] for m, one in methods.items()},
        **share(sum(one["num_held"] for one in methods.values()), sum(one["num_draws"] for one in methods.values())),
        "methods": methods,
    }


def measure(photos: EmbeddedSet, method: Any, confidence: float, draws: int, seed: int) -> dict[str, Any]:
    """An adaptation's row; its rate is the least round one that a support can promise for searches over all of it."""
    identities = np.unique(photos.identities, return_inverse=True)[1]
    rng = np.random.default_rng(derive_seed(seed, "decisions", photos.name))
    num = round(SHARE * (identities.max() + 1))
    achieved, named, first = [], [], []
    rate, missing = 0.0, {}
    for draw in range(draws):
        order = rng.permutation(identities.max() + 1)
        known, impostors = order[:num], order[num:]
        rows = np.concatenate([rng.permutation(np.flatnonzero(identities == i))[:PHOTOS] for i in known])
        adaptation = adapted(support_of(photos, identities, rows, draw), RECIPES[method])
        assert adaptation.held_out is not None
        searches = search_held_out(adaptation.held_out, seed=draw)
        if not draw:
            rate, missing = _promise(searches, confidence, num)
        found = searches.threshold(rate, confidence=confidence, candidates=num)
        assert isinstance(found, Threshold), found
        embeddings = adaptation.project([photos.embeddings])
        similarity = embeddings @ embeddings[rows].T  # (n, support)
        matched = similarity.max(axis=1) > found.similarity
        achieved.append(np.mean([matched[identities == i].mean() for i in impostors]))
        queries = np.setdiff1d(np.flatnonzero(np.isin(identities, known)), rows)
        right = identities[rows][similarity[queries].argmax(axis=1)] == identities[queries]
        named.append((matched[queries] & right).mean() if len(queries) else np.nan)
        first.append(right.mean() if len(queries) else np.nan)
    values = np.array(achieved)
    return {
        "individuals": num,
        "candidates": num,
        "impostors": int(identities.max() + 1 - num),
        "rate_promised": rate,
        "rate_achieved": mean(values),
        "missing_for": missing,
        "share_promised": confidence,
        "known_named": mean(np.array(named)),
        "known_first": mean(np.array(first)),
        **share(int((values <= rate + 1e-12).sum()), draws),
    }


def _promise(searches: ImpostorSearches, confidence: float, num: int) -> tuple[float, dict[str, int]]:
    """The least round rate that these searches can promise, and how many more a lower one needs."""
    least = searches.least_rate(confidence=confidence, candidates=num) or 1.0
    needs = {str(r): _missing(searches.threshold(r, confidence=confidence, candidates=num)) for r in (0.01, 0.05)}
    return next(r for r in RATES if r >= least), needs


def adapted(support: EncodedSupport, recipe: Recipe) -> Prompt:
    """The prompt of one recipe, with the similarities of identities held out."""
    scores = cross_validate(SupportFeatures(bare(), support), [recipe], group_k_fold(support))
    held_out = HeldOut.of(scores.similarity[recipe], support.groups, support.relation)
    return replace(fit(bare(), support, recipe), held_out=held_out)


def support_of(photos: EmbeddedSet, identities: np.ndarray, rows: np.ndarray, seed: int) -> EncodedSupport:
    """A support of these photos whose identities are known; nobody looks at pixels again."""
    groups, relation = relate_identities([str(i) for i in identities[rows]])
    none = np.zeros(0, dtype=np.int64)
    pairs = Support(none, none, np.zeros(0, dtype=bool))
    return EncodedSupport(photos.name, None, pairs, groups, relation, photos.embeddings[rows], None, seed)


def _missing(found: Threshold | InsufficientPairs) -> int:
    return found.missing if isinstance(found, InsufficientPairs) else 0
