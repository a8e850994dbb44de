"""Fit the recipes that need PyTorch: prompt tokens and what the LLM emits."""

from collections.abc import Callable
from dataclasses import replace

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.linear_transform import Floats
from vicp.adapt.methods.generated import emitted_metric, generated_prompt, prompt_tokens
from vicp.adapt.methods.static import static_prompt
from vicp.adapt.methods.tuned import Tuning, random_prompt
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import (
    EmittedMetric,
    GeneratedPrompt,
    PromptSource,
    PromptTokens,
    RandomTokens,
    StaticTokens,
    TunedPrompt,
)
from vicp.adapt.teaching_model import TeachingModel

SOURCES: dict[PromptSource, StaticTokens | PromptTokens | GeneratedPrompt | RandomTokens] = {
    "generated": GeneratedPrompt(),
    "tokens": PromptTokens(),
    "static": StaticTokens(),
    "random": RandomTokens(),
}
TokenRecipe = StaticTokens | PromptTokens | GeneratedPrompt | RandomTokens | EmittedMetric | TunedPrompt


class TokenFitter:
    """Fits the recipes of prompt tokens to a support; steps of tuning are shared by the recipes that go on from them.

    Args:
        model: An `Embedder`.
        support: The photos and labels that may be used.
        fit: Returns the prompt of another recipe of the same support.

    Raises:
        TypeError: The model is not in PyTorch.
    """

    def __init__(self, model: TeachingModel, support: EncodedSupport, fit: Callable[[TokenRecipe], Prompt]) -> None:
        self.embedder = as_embedder(model)
        self.support = support
        self.fit_other = fit
        self._tunings: dict[tuple[PromptSource, float], Tuning] = {}

    def fit(self, recipe: TokenRecipe) -> Prompt:
        """Return the prompt of a recipe.

        Raises:
            ConfigError: It needs a VICP model or a static prompt, and there is none.
        """
        match recipe:
            case StaticTokens():
                return static_prompt(self.embedder, self.support)
            case PromptTokens():
                return prompt_tokens(self.fit_other(GeneratedPrompt()))
            case GeneratedPrompt():
                return generated_prompt(self.embedder, self.support)
            case RandomTokens():
                return random_prompt(self.embedder, self.support)
            case EmittedMetric():
                prompt = self.fit_other(GeneratedPrompt())
                return replace(prompt, recipe=recipe, emitted_metric=emitted_metric(self.embedder, prompt))
            case TunedPrompt():
                prompt = self.fit_other(SOURCES[recipe.start])
                return replace(prompt, recipe=recipe, visual=self._tuning(prompt, recipe).after(recipe.steps))

    def _tuning(self, start: Prompt, recipe: TunedPrompt) -> Tuning:
        key = (recipe.start, recipe.rate)
        if key not in self._tunings:
            assert start.visual is not None, "tuning starts from a prompt"
            self._tunings[key] = Tuning(self.embedder, self.support, start.visual, rate=recipe.rate)
        return self._tunings[key]


def embed_support(model: TeachingModel, support: EncodedSupport, prompt: Prompt) -> Floats:
    """Return embeddings (n, D') of a support's photos under a prompt."""
    embeddings: Floats = as_embedder(model).without_progress().embed_pixels(support.tensor, prompt).numpy()
    return embeddings


def as_embedder(model: TeachingModel) -> Embedder:
    """Return the model in PyTorch that a model is.

    Raises:
        TypeError: It is a frozen backbone alone.
    """
    if not isinstance(model, Embedder):
        raise TypeError(f"{type(model).__name__} takes no prompt tokens")
    return model
