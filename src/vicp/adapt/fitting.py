"""Fit recipes to a support; embeddings that several recipes need are computed once.

Metrics in closed form take NumPy alone; `methods.tokens`, which fits the others, takes PyTorch.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.linear_transform import Floats, LinearTransform, concatenate
from vicp.adapt.methods.whitening import WithinClassScatter, scatter_of_groups
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Blend, EmittedMetric, Features, Null, PromptSource, Recipe, TunedPrompt, Whitening
from vicp.adapt.teaching_model import TeachingModel
from vicp.errors import DataError

if TYPE_CHECKING:
    from vicp.adapt.methods.tokens import TokenFitter


def fit(embedder: TeachingModel, support: EncodedSupport, recipe: Recipe) -> Prompt:
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

    embedder: TeachingModel
    support: EncodedSupport

    @cached_property
    def static(self) -> Floats:
        """Embeddings (n, D) under the static prompt."""
        from vicp.adapt.methods.static import static_prompt
        from vicp.adapt.methods.tokens import as_embedder, embed_support

        return embed_support(self.embedder, self.support, static_prompt(as_embedder(self.embedder), self.support))


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
        self.embedder = features.embedder
        self.labelled = np.arange(len(whole)) if labelled is None else labelled
        self.support = whole if labelled is None else whole.select(labelled)
        self._prompts: dict[Recipe, Prompt] = {}
        self._prompted_embeddings: dict[PromptSource, Floats] = {}
        self._scatters: dict[tuple[Features, PromptSource | None], WithinClassScatter] = {}

    def fit(self, recipe: Recipe) -> Prompt:
        """Return the prompt that a recipe makes of the labelled photos.

        Raises:
            ConfigError: It needs a VICP model or a static prompt, and there is none.
            DataError: The same-pairs give no metric.
        """
        if recipe not in self._prompts:
            self._prompts[recipe] = self._fit(recipe)
        return self._prompts[recipe]

    def embed(self, recipe: Recipe, rows: np.ndarray) -> Floats:
        """Return embeddings (n, D') of all n photos under the recipe's prompt; of a tuned one NaN except at `rows`.

        Raises:
            As `fit`.
        """
        prompt = self.fit(recipe)
        if not isinstance(recipe, TunedPrompt):
            return prompt.project(self._embeddings(recipe.features, recipe.source))
        from vicp.adapt.methods.tokens import embed_support

        photos = self.features.support
        embeddings = np.full_like(photos.frozen, np.nan)
        embeddings[rows] = embed_support(self.embedder, photos.select(rows), prompt)
        return embeddings

    def _fit(self, recipe: Recipe) -> Prompt:
        match recipe:
            case Null():
                support = self.support
                facts = (support.category, len(support.pairs), support.seed, self.embedder.fingerprint)
                return Prompt(recipe, *facts)
            case Whitening():
                prompt = self._source_prompt(recipe.source)
                return replace(prompt, recipe=recipe, whitening=self._whitening(recipe))
            case Blend():
                prompt = self.fit(EmittedMetric())
                return replace(prompt, recipe=recipe, whitening=self._whitening(recipe.whitening))
            case _:
                return self._tokens.fit(recipe)

    @cached_property
    def _tokens(self) -> "TokenFitter":
        from vicp.adapt.methods.tokens import TokenFitter

        return TokenFitter(self.embedder, self.support, self.fit)

    def _source_prompt(self, source: PromptSource | None) -> Prompt:
        if source is None:
            return self.fit(Null())
        from vicp.adapt.methods.tokens import SOURCES

        return self.fit(SOURCES[source])

    def _embeddings(self, features: Features, source: PromptSource | None) -> list[Floats]:
        """Return embeddings (n, D) of all photos, as `Prompt.project` takes them."""
        frozen = self.features.support.frozen
        if source is None:
            return [frozen]
        prompted = self._prompted(source)
        return [prompted] if features == "prompted" else [frozen, prompted]

    def _prompted(self, source: PromptSource) -> Floats:
        """Return embeddings (n, D) of all photos under the prompt from a source."""
        if source == "static":
            return self.features.static
        if source not in self._prompted_embeddings:
            from vicp.adapt.methods.tokens import embed_support

            prompt = self._source_prompt(source)
            self._prompted_embeddings[source] = embed_support(self.embedder, self.features.support, prompt)
        return self._prompted_embeddings[source]

    def _whitening(self, recipe: Whitening) -> LinearTransform:
        key = (recipe.features, recipe.source)
        features = concatenate(self._embeddings(*key))  # (n, D')
        if key not in self._scatters:
            try:
                first = self.support.is_first_of_moment  # frames of one burst differ in noise alone
                labelled = features[self.labelled[first]]
                self._scatters[key] = scatter_of_groups(labelled, self.support.groups[first])
            except ValueError as error:
                raise DataError(f"the same-pairs of '{self.support.category}' give no metric: {error}") from error
        whitening = self._scatters[key].whitening(recipe.shrinkage)
        return whitening if len(self.labelled) == len(features) else replace(whitening, mean=features.mean(axis=0))
