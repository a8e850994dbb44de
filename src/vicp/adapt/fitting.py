"""Fit recipes to a support; embeddings that several recipes need are computed once."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.linear_transform import Floats, LinearTransform, concatenate
from vicp.adapt.methods.generated import emitted_metric, generated_prompt, prompt_tokens
from vicp.adapt.methods.static import static_prompt
from vicp.adapt.methods.tuned import Tuning, random_prompt
from vicp.adapt.methods.whitening import WithinClassScatter, scatter_of_groups
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import (
    Blend,
    EmittedMetric,
    Features,
    GeneratedPrompt,
    Null,
    PromptSource,
    PromptTokens,
    RandomTokens,
    Recipe,
    StaticTokens,
    TunedPrompt,
    Whitening,
)
from vicp.errors import DataError


def fit(embedder: Embedder, support: EncodedSupport, recipe: Recipe) -> Prompt:
    """Return the prompt that a recipe makes of a support.

    Raises:
        ConfigError: It needs a VICP model or a static prompt, and there is none.
        DataError: The same-pairs give no metric.
    """
    return Fitter(SupportFeatures(embedder, support)).fit(recipe)


@dataclass(frozen=True, eq=False)
class SupportFeatures:
    """Embeddings of a support's photos that no label has a part in, so that every fold shares them.

    Attributes:
        embedder: What embeds the photos.
        support: n photos and their labels.
    """

    embedder: Embedder
    support: EncodedSupport

    @cached_property
    def static(self) -> Tensor:
        """Embeddings (n, D) under the static prompt."""
        prompt = static_prompt(self.embedder, self.support)
        return self.embedder.without_progress().embed_pixels(self.support.pixels, prompt)


class Fitter:
    """Fits recipes to the labels of some photos of a support; what recipes share is computed once.

    A metric is centred on all photos: labels play no part in that, and the few identities of a part of the support
    lie far off centre.

    Args:
        features: Of the whole support, n photos.
        labelled: Ascending positions of the photos whose labels may be used; None: all of them.
    """

    def __init__(self, features: SupportFeatures, labelled: np.ndarray | None = None) -> None:
        whole = features.support
        self.features = features
        self.embedder = features.embedder.without_progress()
        self.labelled = np.arange(len(whole)) if labelled is None else labelled
        self.support = whole if labelled is None else whole.select(labelled)
        self._prompts: dict[Recipe, Prompt] = {}
        self._prompted_embeddings: dict[PromptSource, Tensor] = {}
        self._scatters: dict[tuple[Features, PromptSource | None], WithinClassScatter] = {}
        self._tunings: dict[tuple[PromptSource, float], Tuning] = {}

    def fit(self, recipe: Recipe) -> Prompt:
        """Return the prompt that a recipe makes of the labelled photos.

        Raises:
            ConfigError: It needs a VICP model or a static prompt, and there is none.
            DataError: The same-pairs give no metric.
        """
        if recipe not in self._prompts:
            self._prompts[recipe] = self._fit(recipe)
        return self._prompts[recipe]

    def embed(self, recipe: Recipe, rows: np.ndarray) -> Tensor:
        """Return embeddings (n, D') of all n photos under the recipe's prompt; of a tuned one NaN except at `rows`.

        Raises:
            As `fit`.
        """
        prompt = self.fit(recipe)
        if not isinstance(recipe, TunedPrompt):
            return torch.from_numpy(prompt.project(self._embeddings(recipe.features, recipe.source)))
        photos = self.features.support
        embeddings = torch.full_like(photos.frozen, torch.nan)
        embeddings[rows] = self.embedder.embed_pixels(photos.pixels[rows], prompt)
        return embeddings

    def _fit(self, recipe: Recipe) -> Prompt:
        match recipe:
            case Null():
                support = self.support
                facts = (support.category, len(support.pairs), support.seed, self.embedder.fingerprint)
                return Prompt(recipe, *facts)
            case StaticTokens():
                return static_prompt(self.embedder, self.support)
            case PromptTokens():
                return prompt_tokens(self.fit(GeneratedPrompt()))
            case GeneratedPrompt():
                return generated_prompt(self.embedder, self.support)
            case RandomTokens():
                return random_prompt(self.embedder, self.support)
            case EmittedMetric():
                prompt = self.fit(GeneratedPrompt())
                return replace(prompt, recipe=recipe, emitted_metric=emitted_metric(self.embedder, prompt))
            case Whitening():
                prompt = self._source_prompt(recipe.source)
                return replace(prompt, recipe=recipe, whitening=self._whitening(recipe))
            case Blend():
                prompt = self.fit(EmittedMetric())
                return replace(prompt, recipe=recipe, whitening=self._whitening(recipe.whitening))
            case TunedPrompt():
                prompt = self._source_prompt(recipe.start)
                return replace(prompt, recipe=recipe, visual=self._tuning(prompt, recipe).after(recipe.steps))

    def _source_prompt(self, source: PromptSource | None) -> Prompt:
        match source:
            case None:
                return self.fit(Null())
            case "generated":
                return self.fit(GeneratedPrompt())
            case "tokens":
                return self.fit(PromptTokens())
            case "static":
                return self.fit(StaticTokens())
            case "random":
                return self.fit(RandomTokens())

    def _embeddings(self, features: Features, source: PromptSource | None) -> list[Floats]:
        """Return embeddings (n, D) of all photos, as `Prompt.project` takes them."""
        frozen: Floats = self.features.support.frozen.numpy()
        if source is None:
            return [frozen]
        prompted: Floats = self._prompted(source).numpy()
        return [prompted] if features == "prompted" else [frozen, prompted]

    def _prompted(self, source: PromptSource) -> Tensor:
        """Return embeddings (n, D) of all photos under the prompt from a source."""
        if source == "static":
            return self.features.static
        if source not in self._prompted_embeddings:
            pixels, prompt = self.features.support.pixels, self._source_prompt(source)
            self._prompted_embeddings[source] = self.embedder.embed_pixels(pixels, prompt)
        return self._prompted_embeddings[source]

    def _whitening(self, recipe: Whitening) -> LinearTransform:
        key = (recipe.features, recipe.source)
        features = concatenate(self._embeddings(*key))  # (n, D')
        if key not in self._scatters:
            try:
                first = self.support.is_first_of_moment  # frames of one burst differ in noise alone
                labelled = torch.from_numpy(features[self.labelled[first]])
                self._scatters[key] = scatter_of_groups(labelled, self.support.groups[first])
            except ValueError as error:
                raise DataError(f"the same-pairs of '{self.support.category}' give no metric: {error}") from error
        whitening = self._scatters[key].whitening(recipe.shrinkage)
        return whitening if len(self.labelled) == len(features) else replace(whitening, mean=features.mean(axis=0))

    def _tuning(self, start: Prompt, recipe: TunedPrompt) -> Tuning:
        key = (recipe.start, recipe.rate)
        if key not in self._tunings:
            assert start.visual is not None, "tuning starts from a prompt"
            self._tunings[key] = Tuning(self.embedder, self.support, start.visual, rate=recipe.rate)
        return self._tunings[key]
