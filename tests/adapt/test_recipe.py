"""Recipes: in words, as keys, and as JSON."""

import json
from typing import get_args

import pytest

from vicp.adapt.recipe import (
    Blend,
    EmittedMetric,
    GeneratedPrompt,
    Null,
    PromptTokens,
    RandomTokens,
    Recipe,
    StaticTokens,
    TunedPrompt,
    Whitening,
    recipe_from_dict,
    recipe_to_dict,
)

IN_WORDS = {
    Null(): "null",
    StaticTokens(): "static",
    PromptTokens(): "prompt tokens",
    GeneratedPrompt(): "generated",
    EmittedMetric(): "generated metric on frozen photos",
    Whitening(): "metric on frozen photos, shrinkage 3",
    Whitening(0.3, "prompted", "static"): "metric on static photos, shrinkage 0.3",
    Whitening(0.3, "both", "generated"): "metric on frozen and generated photos, shrinkage 0.3",
    Blend(Whitening(), 0.8): "generated metric, of weight 0.8, with a metric on frozen photos, shrinkage 3",
    RandomTokens(): "tokens of the support's photos as a prompt",
    TunedPrompt("generated", 30, 2e-2): "tuned from generated, 30 steps at 0.02",
}


def test_every_recipe_is_among_the_examples() -> None:
    assert {type(recipe) for recipe in IN_WORDS} == set(get_args(Recipe))


@pytest.mark.parametrize("recipe", IN_WORDS, ids=str)
def test_in_words_and_as_json(recipe: Recipe) -> None:
    assert str(recipe) == IN_WORDS[recipe]
    assert recipe_from_dict(json.loads(json.dumps(recipe_to_dict(recipe)))) == recipe


def test_fields_stand_by_name_in_json() -> None:
    assert recipe_to_dict(Blend(Whitening(10.0), 0.8)) == {
        "type": "Blend",
        "whitening": {"type": "Whitening", "shrinkage": 10.0, "features": "frozen", "source": None},
        "weight": 0.8,
    }


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="both features under prompt None"):
        Whitening(1.0, "both")
    with pytest.raises(ValueError, match="frozen features under prompt static"):
        Whitening(1.0, "frozen", "static")
    with pytest.raises(ValueError, match="a blend takes"):
        Blend(Whitening(), 1.0)
    with pytest.raises(ValueError, match="a blend takes"):
        Blend(Whitening(1.0, "both", "static"), 0.5)
