"""Recipes into adaptations: one for good on the whole support, or many at once on a part of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vicp.adapt import generated, metric, static, tuned
from vicp.adapt.adaptation import Adaptation, Features, Recipe, Start, join
from vicp.adapt.candidates import READOUT, is_beside
from vicp.adapt.embedding import Embedder
from vicp.adapt.support_photos import SupportPhotos
from vicp.errors import DataError


def fit(embedder: Embedder, support: SupportPhotos, recipe: Recipe) -> Adaptation:
    """The adaptation that a recipe makes of a support.

    Raises:
        ConfigError: it needs a VICP model or a static prompt, and there is none.
        DataError: the same-pairs give no metric.
    """
    start = begin(embedder, support, recipe.start)
    if is_beside(recipe):
        start = generated.leave_room(generated.adapt_readout(embedder, start))
    match recipe.method:
        case "metric":
            features = _features(embedder, support, start, recipe.features)
            shrinkages = [recipe.shrinkage or metric.SHRINKAGE]
            return metric.adapt(start, support, features, kind=recipe.features, shrinkages=shrinkages)[0]
        case "generated" if recipe.features == "frozen":
            return generated.adapt_readout(embedder, start)
        case "tuned" if recipe.steps:
            return tuned.adapt(embedder, support, start, steps=recipe.steps, rate=recipe.rate or 0.0)
        case _:
            return start


def fit_many(
    embedder: Embedder,
    support: SupportPhotos,
    rows: np.ndarray,
    recipes: Sequence[Recipe],
    *,
    seen: np.ndarray,
    kept: dict[Start, Tensor] | None = None,
) -> Iterator[tuple[Recipe, Tensor]]:
    """Recipes fitted on the photos at `rows` alone, each with embeddings (n, D') of all n photos.

    What recipes share is computed once: prompts, prompted embeddings, decompositions, the steps of a tuning. A
    metric is centred on all photos, as it would be with all of them: labels play no part in that, and the few
    identities of a part of a support lie far off centre. A metric that these photos do not give is left out. Of
    tuned recipes, photos not `seen` have NaN for an embedding. The static prompt is the same whatever the photos at
    `rows`: what they look like under it is `kept` for the next call.
    """
    kept = {} if kept is None else kept
    inner = support.select(rows)
    for source in dict.fromkeys(recipe.start for recipe in recipes):
        own = [recipe for recipe in recipes if recipe.start == source]
        start = begin(embedder, inner, source)
        views = {"frozen": support.frozen}
        if any(not recipe.steps and recipe.features != "frozen" for recipe in own):
            prompted = kept.get("static") if source == "static" else None
            if prompted is None:
                prompted = embedder.embed_pixels(support.pixels, start, mirror=False)
            if source == "static":
                kept["static"] = prompted
            views["prompted"] = prompted
            views["both"] = join([support.frozen, views["prompted"]])
        if start.recipe in own:
            yield start.recipe, views[start.recipe.features]
        beside = None
        if READOUT in own or any(map(is_beside, own)):
            readout = generated.adapt_readout(embedder, start)
            beside = generated.leave_room(readout)
            if READOUT in own:
                yield READOUT, readout.finish([support.frozen])
        for kind, features in views.items():
            yield from _metrics(inner, rows, beside if kind == "frozen" and beside else start, own, kind, features)
        yield from _tuned(embedder, support, inner, start, own, seen)


def begin(embedder: Embedder, support: SupportPhotos, source: Start | None) -> Adaptation:
    """What metric and tuned build on: nothing, or the photos under a prompt from this source."""
    match source:
        case None:
            return Adaptation(Recipe(), support.category, len(support.pairs), support.seed, embedder.fingerprint)
        case "generated":
            return generated.adapt(embedder, support)
        case "static":
            return static.adapt(embedder, support)
        case "random":
            return tuned.random_start(embedder, support)


def _features(embedder: Embedder, support: SupportPhotos, start: Adaptation, kind: Features) -> Tensor:
    """The support's photos as the frozen backbone, the prompted one, or both see them (n, D')."""
    if kind == "frozen":
        return support.frozen
    prompted = embedder.embed_pixels(support.pixels, start, mirror=False)
    return prompted if kind == "prompted" else join([support.frozen, prompted])


def _metrics(
    inner: SupportPhotos, rows: np.ndarray, start: Adaptation, recipes: Sequence[Recipe], kind: str, features: Tensor
) -> Iterator[tuple[Recipe, Tensor]]:
    own = [recipe for recipe in recipes if recipe.method == "metric" and recipe.features == kind]
    if not own:
        return
    shrinkages = [recipe.shrinkage or metric.SHRINKAGE for recipe in own]
    try:
        adaptations = metric.adapt(start, inner, features[rows], kind=own[0].features, shrinkages=shrinkages)
    except DataError:
        return
    for adaptation in adaptations:
        assert adaptation.metric is not None
        centred = replace(adaptation.metric, mean=features.mean(dim=0))
        yield adaptation.recipe, replace(adaptation, metric=centred).finish([features])


def _tuned(
    embedder: Embedder,
    support: SupportPhotos,
    inner: SupportPhotos,
    start: Adaptation,
    recipes: Sequence[Recipe],
    seen: np.ndarray,
) -> Iterator[tuple[Recipe, Tensor]]:
    own = [recipe for recipe in recipes if recipe.steps]
    for rate in dict.fromkeys(recipe.rate or 0.0 for recipe in own):
        steps = [recipe.steps or 0 for recipe in own if recipe.rate == rate]
        for adaptation in tuned.path(embedder, inner, start, steps=steps, rate=rate):
            embeddings = torch.full_like(support.frozen, torch.nan)
            embeddings[seen] = embedder.embed_pixels(support.pixels[seen], adaptation, mirror=False)
            yield adaptation.recipe, embeddings
