"""The candidate recipes of each method, by what the embedder can do."""

from dataclasses import replace

import pytest
import torch

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import make_embedder
from vicp.adapt.recipe import (
    EmittedMetric,
    GeneratedPrompt,
    Null,
    PromptTokens,
    RandomTokens,
    StaticTokens,
    TunedPrompt,
    Whitening,
)
from vicp.adapt.selection.candidates import (
    BLENDS,
    STRONG_WHITENING,
    closed_form_candidates,
    default_recipe,
    tuned_candidates,
)
from vicp.model.build import PRESETS, build_model

FROZEN = [Whitening(shrinkage) for shrinkage in (3.0, 1.0, 10.0, 0.3, 0.1)]


@pytest.fixture(scope="module")
def embedders() -> dict[str, Embedder]:
    full = make_embedder(build_model(PRESETS["tiny"]).eval(), static=torch.zeros(4, 32))
    emitting = make_embedder(build_model(replace(PRESETS["tiny"], metric_rank=8)).eval())
    return {"bare": replace(full, model=None, static=None), "full": full, "emitting": emitting}


def test_auto_tries_what_there_is(embedders) -> None:
    assert closed_form_candidates(embedders["bare"], "auto") == [Null(), *FROZEN, RandomTokens()]
    emitting = closed_form_candidates(embedders["emitting"], "auto")
    assert emitting == [Null(), *FROZEN, EmittedMetric(), *BLENDS, GeneratedPrompt()]
    full = closed_form_candidates(embedders["full"], "auto")
    assert full[:9] == [Null(), *FROZEN, RandomTokens(), StaticTokens(), GeneratedPrompt()]
    prompted = [(recipe.features, recipe.source) for recipe in full[9:]]
    assert prompted == [
        (features, source) for features in ("both", "prompted") for source in ("static", "generated") for _ in FROZEN
    ]


def test_a_method_is_tried_against_the_null_prompt(embedders) -> None:
    full = embedders["full"]
    assert closed_form_candidates(full, "null") == [Null()]
    assert closed_form_candidates(full, "static") == [Null(), StaticTokens()]
    assert closed_form_candidates(full, "generated") == [Null(), GeneratedPrompt()]
    assert closed_form_candidates(full, "prompt") == [Null(), PromptTokens()]
    assert closed_form_candidates(full, "tuned") == [Null(), RandomTokens(), StaticTokens(), GeneratedPrompt()]
    assert closed_form_candidates(embedders["bare"], "metric") == [Null(), *FROZEN]


def test_numbers_of_steps_are_tried_at_each_rate() -> None:
    everything = [TunedPrompt("static", steps, rate) for rate in (2e-2, 5e-3) for steps in (5, 10, 20, 30)]
    assert tuned_candidates("static") == everything


def test_defaults_for_too_few_pairs(embedders) -> None:
    assert default_recipe(embedders["emitting"], "auto") == BLENDS[0]
    assert default_recipe(embedders["full"], "auto") == STRONG_WHITENING == Whitening(10.0)
    assert default_recipe(embedders["full"], "metric") == Whitening(3.0)
    assert default_recipe(embedders["full"], "tuned") == TunedPrompt("generated", 5, 2e-2)
    assert default_recipe(embedders["bare"], "tuned") == TunedPrompt("random", 5, 2e-2)
    assert default_recipe(embedders["full"], "static") == StaticTokens()
    assert default_recipe(embedders["full"], "generated") == GeneratedPrompt()
    assert default_recipe(embedders["full"], "prompt") == PromptTokens()
    assert default_recipe(embedders["full"], "null") == Null()
