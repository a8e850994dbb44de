"""Recipes into prompts: one for good on the whole support, or many at once on a part of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods import generated, metric, static, tuned
from vicp.adapt.methods.whitening import WhiteningTransform
from vicp.adapt.prompt import Features, Prompt, Recipe, Start, concatenate
from vicp.adapt.recipe import EMITTED_METRIC
from vicp.errors import DataError


def fit(embedder: Embedder, support: EncodedSupport, recipe: Recipe) -> Prompt:
    """The prompt that a recipe makes of a support.

    Raises:
        ConfigError: it needs a VICP model or a static prompt, and there is none.
        DataError: the same-pairs give no metric.
    """
    start = begin(embedder, support, recipe.start)
    match recipe.method:
        case "metric":
            features = _features(embedder, support, start, recipe.features)
            shrinkages = [recipe.shrinkage or metric.SHRINKAGE]
            own = metric.whitening_prompt(start, support, features, kind=recipe.features, shrinkages=shrinkages)[0]
            if recipe.share is None:
                return own
            return generated.blend_with(generated.emitted_metric_prompt(embedder, start), own, recipe)
        case "generated" if recipe.features == "frozen":
            return generated.emitted_metric_prompt(embedder, start)
        case "tuned" if recipe.steps:
            return tuned.tuned_prompt(embedder, support, start, steps=recipe.steps, rate=recipe.rate or 0.0)
        case _:
            return start


def fit_many(
    embedder: Embedder,
    support: EncodedSupport,
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
            views["both"] = concatenate([support.frozen, views["prompted"]])
        if start.recipe in own:
            yield start.recipe, views[start.recipe.features]
        if EMITTED_METRIC in own or any(recipe.share is not None for recipe in own):
            yield from _emitted(embedder, inner, rows, start, own, support.frozen)
        for kind, features in views.items():
            plain = [r for r in own if (r.method, r.features, r.share) == ("metric", kind, None)]
            for prompt in _metrics(inner, rows, start, plain, features):
                yield prompt.recipe, prompt.finish([features])
        yield from _tuned(embedder, support, inner, start, own, seen)


def begin(embedder: Embedder, support: EncodedSupport, source: Start | None) -> Prompt:
    """What metric and tuned build on: nothing, or the photos under a prompt from this source."""
    match source:
        case None:
            return Prompt(Recipe(), support.category, len(support.pairs), support.seed, embedder.fingerprint)
        case "generated":
            return generated.generated_prompt(embedder, support)
        case "static":
            return static.static_prompt(embedder, support)
        case "random":
            return tuned.random_start(embedder, support)


def _features(embedder: Embedder, support: EncodedSupport, start: Prompt, kind: Features) -> Tensor:
    """The support's photos as the frozen backbone, the prompted one, or both see them (n, D')."""
    if kind == "frozen":
        return support.frozen
    prompted = embedder.embed_pixels(support.pixels, start, mirror=False)
    return prompted if kind == "prompted" else concatenate([support.frozen, prompted])


def _emitted(
    embedder: Embedder,
    inner: EncodedSupport,
    rows: np.ndarray,
    start: Prompt,
    recipes: Sequence[Recipe],
    frozen: Tensor,
) -> Iterator[tuple[Recipe, Tensor]]:
    """Frozen photos (n, D) under the emitted metric, alone and beside metrics fitted in closed form."""
    readout = generated.emitted_metric_prompt(embedder, start)
    if EMITTED_METRIC in recipes:
        yield EMITTED_METRIC, readout.finish([frozen])
    beside = [recipe for recipe in recipes if recipe.share is not None]
    others = list(dict.fromkeys(replace(recipe, share=None) for recipe in beside))
    for prompt in _metrics(inner, rows, start, others, frozen):
        for recipe in beside:
            if replace(recipe, share=None) == prompt.recipe:
                yield recipe, generated.blend_with(readout, prompt, recipe).finish([frozen])


def _metrics(
    inner: EncodedSupport, rows: np.ndarray, start: Prompt, recipes: Sequence[Recipe], features: Tensor
) -> list[Prompt]:
    """Metrics of features (n, D') fitted on `rows` and centred on all; none where these rows give none."""
    if not recipes:
        return []
    shrinkages = [recipe.shrinkage or metric.SHRINKAGE for recipe in recipes]
    try:
        fitted = metric.whitening_prompt(start, inner, features[rows], kind=recipes[0].features, shrinkages=shrinkages)
    except DataError:
        return []
    centre = features.mean(dim=0)
    return [
        replace(own, metric=WhiteningTransform(centre, own.metric.weight)) for own in fitted if own.metric is not None
    ]


def _tuned(
    embedder: Embedder,
    support: EncodedSupport,
    inner: EncodedSupport,
    start: Prompt,
    recipes: Sequence[Recipe],
    seen: np.ndarray,
) -> Iterator[tuple[Recipe, Tensor]]:
    own = [recipe for recipe in recipes if recipe.steps]
    for rate in dict.fromkeys(recipe.rate or 0.0 for recipe in own):
        steps = [recipe.steps or 0 for recipe in own if recipe.rate == rate]
        for prompt in tuned.snapshots_at(embedder, inner, start, steps=steps, rate=rate):
            embeddings = torch.full_like(support.frozen, torch.nan)
            embeddings[seen] = embedder.embed_pixels(support.pixels[seen], prompt, mirror=False)
            yield prompt.recipe, embeddings
