"""Recipes fitted on a support: alone, many on shared features, and with photos held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import DIM, draw, nuisance_support, with_latents
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import Fitter, SupportFeatures, fit
from vicp.adapt.load import make_embedder
from vicp.adapt.methods.whitening import scatter_of_groups
from vicp.adapt.recipe import (
    EmittedMetric,
    GeneratedPrompt,
    Null,
    PromptTokens,
    RandomTokens,
    Recipe,
    StaticTokens,
    TunedPrompt,
    Whitening,
)
from vicp.adapt.selection.candidates import BLENDS
from vicp.adapt.selection.cross_validation import group_k_fold
from vicp.data.images import normalise
from vicp.errors import DataError
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def full() -> Embedder:
    return make_embedder(build_model(PRESETS["tiny"]).eval())


@pytest.fixture(scope="module")
def emitting() -> Embedder:
    return make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())


def test_recipes_on_shared_features_are_what_each_is_alone(full) -> None:
    support = with_latents(full, nuisance_support(2, 6))
    full = replace(full, static=draw(3, 2, 4, DIM))
    recipes: list[Recipe] = [Null(), RandomTokens(), GeneratedPrompt(), StaticTokens(), Whitening(0.3)]
    recipes += [Whitening(s, kind, "generated") for kind in ("prompted", "both") for s in (0.1, 1.0)]
    recipes += [TunedPrompt("static", steps, rate) for steps in (3, 1) for rate in (2e-2, 5e-3)]
    everything = np.arange(len(support))
    fitter = Fitter(SupportFeatures(full, support))
    for recipe in recipes:
        alone = fit(full, support, recipe)
        assert alone.recipe == recipe
        features = [
            support.frozen if visual is None else _prompted(full, support, visual).numpy()
            for visual in alone.feature_sources
        ]
        np.testing.assert_allclose(fitter.embed(recipe, everything), alone.project(features), atol=1e-4)


def test_prompt_tokens_are_the_generated_prompt_without_its_metric(emitting) -> None:
    support = with_latents(emitting, nuisance_support(2, 6))
    fitter = Fitter(SupportFeatures(emitting, support))
    tokens, generated = fitter.fit(PromptTokens()), fitter.fit(GeneratedPrompt())
    assert tokens.recipe == PromptTokens()
    np.testing.assert_array_equal(tokens.visual.tokens, generated.visual.tokens)
    assert (tokens.visual.category_metric, generated.visual.category_metric is None) == (None, False)
    everything = np.arange(len(support))
    expected = _prompted(emitting, support, tokens.visual).numpy()
    np.testing.assert_allclose(fitter.embed(PromptTokens(), everything), expected, atol=1e-4, rtol=0)
    assert np.abs(fitter.embed(GeneratedPrompt(), everything) - expected).max() > 0.01


def _prompted(full: Embedder, support: EncodedSupport, visual) -> torch.Tensor:
    with torch.inference_mode():
        states = full.backbone.prompt_states(torch.tensor(visual.tokens))
        return full.backbone.embed(normalise(support.pixels, full.transform), states)


def test_held_out_labels_do_not_reach_what_is_fitted(full) -> None:
    support = with_latents(full, nuisance_support(4, 8))
    fold = group_k_fold(support)[0]
    rest = np.setdiff1d(np.arange(len(support)), fold)
    flipped = support.pairs.same ^ (np.isin(support.pairs.left, fold) | np.isin(support.pairs.right, fold))
    assert flipped.sum() != support.pairs.same.sum()
    groups = support.groups.copy()
    groups[fold] = 0
    other = replace(support, pairs=replace(support.pairs, same=flipped), groups=groups)
    fitters = [Fitter(SupportFeatures(full, labelled), rest) for labelled in (support, other)]
    for recipe in (GeneratedPrompt(), Whitening(0.3), TunedPrompt("generated", 2, 2e-2)):
        one, two = (fitter.embed(recipe, fold)[fold] for fitter in fitters)
        assert np.array_equal(one, two), recipe
        assert not np.isnan(one).any(), recipe


def test_photos_that_are_not_compared_are_not_embedded_under_a_tuned_prompt(full) -> None:
    support = with_latents(full, nuisance_support(4, 8))
    embeddings = Fitter(SupportFeatures(full, support)).embed(TunedPrompt("random", 1, 2e-2), np.array([2, 5]))
    assert np.flatnonzero(~np.isnan(embeddings).any(axis=1)).tolist() == [2, 5]


def test_a_held_out_metric_is_centred_on_all_photos(full) -> None:
    support = nuisance_support(4, 8)
    fold = group_k_fold(support)[0]
    rest = np.setdiff1d(np.arange(len(support)), fold)
    embeddings = Fitter(SupportFeatures(full, support), rest).embed(Whitening(0.3), fold)
    fitted = scatter_of_groups(support.frozen[rest], support.groups[rest]).whitening(0.3)
    frozen = support.frozen
    np.testing.assert_allclose(embeddings, replace(fitted, mean=frozen.mean(axis=0)).apply(frozen), atol=1e-6)
    whole = fit(full, support, Whitening(0.3)).whitening
    np.testing.assert_allclose(whole.mean, frozen.mean(axis=0), atol=1e-6)


def test_a_blend_is_as_similar_as_both_metrics_say(emitting) -> None:
    support = with_latents(emitting, nuisance_support(3))
    emitted, whitened = (
        fit(emitting, support, recipe).project([support.frozen]) for recipe in (EmittedMetric(), BLENDS[0].whitening)
    )
    for recipe, weight in zip(BLENDS, (0.8, 0.5), strict=True):
        both = fit(emitting, support, recipe).project([support.frozen])
        expected = weight * emitted @ emitted.T + (1 - weight) * whitened @ whitened.T
        np.testing.assert_allclose(both @ both.T, expected, atol=1e-5)
    assert not np.allclose(emitted @ emitted.T, whitened @ whitened.T, atol=0.01)


def test_what_recipes_share_is_computed_once(full, monkeypatch) -> None:
    """The prompts of a fold, photos under them, and, for all folds together, photos under the static prompt."""
    prompted = replace(full, static=draw(5, 4, DIM))
    features = SupportFeatures(prompted, with_latents(prompted, nuisance_support(4)))
    calls, embed = [], Embedder.embed_pixels

    def counted(self, pixels, prompt=None, **options):
        calls.append(str(prompt.recipe))
        return embed(self, pixels, prompt, **options)

    monkeypatch.setattr(Embedder, "embed_pixels", counted)
    everything = np.arange(len(features.support))
    first, second = Fitter(features, everything[:20]), Fitter(features, everything[20:])
    for fitter in (first, second):
        for source in ("static", "generated"):
            fitter.embed(StaticTokens() if source == "static" else GeneratedPrompt(), everything)
            fitter.embed(Whitening(1.0, "both", source), everything)
            fitter.embed(Whitening(0.1, "prompted", source), everything)
    assert calls == ["static", "generated", "generated"]
    one, other = (fitter.embed(StaticTokens(), everything) for fitter in (first, second))
    assert one is other
    assert first.fit(GeneratedPrompt()) is first.fit(GeneratedPrompt())


def test_same_pairs_that_do_not_differ_give_no_metric(full) -> None:
    support = nuisance_support(9, 6)
    twins = replace(support, frozen=support.frozen[::3].repeat(3, axis=0))
    with pytest.raises(DataError, match="'thing' give no metric: the average variance"):
        fit(full, twins, Whitening())
