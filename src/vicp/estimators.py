"""scikit-learn estimators: photos to embeddings under a taught prompt, and photos to names of individuals.

`X` is a sequence of photos: paths, PIL images or uint8 arrays, also one array (n, H, W, 3); `y` holds a name each.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from vicp.adapt.recipe import MethodOrAuto
from vicp.api import Model, load
from vicp.data.inputs import Photo, as_photo_table
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import ErrorTargets, Identification

NEW, CANNOT_SAY = "new", "cannot say"


class _TaughtByPhotos(BaseEstimator):  # type: ignore[misc]
    """An estimator that teaches a prompt from named photos; its rows are photos, not rows of numbers."""

    def __init__(
        self,
        model: str | Model = "mini",
        *,
        category: str = "photos",
        pairs: int | None = None,
        adapt: MethodOrAuto = "auto",
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.category = category
        self.pairs = pairs
        self.adapt = adapt
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        tags.target_tags.required = True
        return tags

    def _teach(self, X: Sequence[Photo], y: Sequence[str]) -> PhotoTable:
        """Open the model and teach it the photos `X` of the individuals `y`, which are returned as a table."""
        named = as_photo_table(list(X), category=self.category, identities=_names(y), need_identity=True)
        self.model_ = load(self.model) if isinstance(self.model, str) else self.model
        self.prompt_ = self.model_.teach(
            named, category=self.category, pairs=self.pairs, adapt=self.adapt, seed=self.random_state
        )
        return named


class PromptedEmbedder(TransformerMixin, _TaughtByPhotos):  # type: ignore[misc]
    """Photos to embeddings: `fit` teaches a prompt from named photos, `transform` encodes under it.

    Args:
        model: What `vicp.load` takes, or a loaded model.
        category: What the photos show.
        pairs: How many labelled pairs to draw from the names; None is 64 or as many as there are.
        adapt: The adaptation method; "auto" chooses on individuals held out of the pairs.
        random_state: Seed of the pairs.

    Attributes:
        prompt_: The taught prompt.
        n_features_out_: Width of an embedding.
    """

    def fit(self, X: Sequence[Photo], y: Sequence[str]) -> Self:
        """Teach a prompt from photos `X` of the individuals `y`.

        Raises:
            DataError: Photos that cannot be used, or names from which no pairs can be drawn.
        """
        named = self._teach(X, y)
        self.n_features_out_ = self.model_.encode(named.select([0]), prompt=self.prompt_).shape[1]
        return self

    def transform(self, X: Sequence[Photo]) -> NDArray[np.float32]:
        """Return embeddings (n, D) of photos, L2-normalised before the prompt's metric.

        Raises:
            DataError: Photos that cannot be used.
        """
        check_is_fitted(self)
        return np.asarray(self.model_.encode(list(X), prompt=self.prompt_))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return a name per column of an embedding."""
        check_is_fitted(self)
        return np.array([f"embedding{i}" for i in range(self.n_features_out_)], dtype=object)


class IndividualClassifier(ClassifierMixin, _TaughtByPhotos):  # type: ignore[misc]
    """Photos to names of individuals, "new" or "cannot say": the gallery is what it was fitted on.

    Args:
        model: What `vicp.load` takes, or a loaded model.
        category: What the photos show.
        pairs: How many labelled pairs to draw from the names; None is 64 or as many as there are.
        adapt: The adaptation method; "auto" chooses on individuals held out of the pairs.
        prior_new: P(somebody new) before a photo is seen.
        always_name: Give the likeliest individual instead of "new" and "cannot say".
        promised_only: Give "cannot say" where an answer is only believed, and no error rate is promised.
        false_match_rate: The rate of false matches that a promised name keeps.
        confidence: With which it keeps it.
        random_state: Seed of the pairs.

    Attributes:
        classes_: Names of the individuals, sorted, then "new".
        prompt_: The taught prompt.
    """

    def __init__(
        self,
        model: str | Model = "mini",
        *,
        category: str = "photos",
        pairs: int | None = None,
        adapt: MethodOrAuto = "auto",
        prior_new: float = 0.5,
        always_name: bool = False,
        promised_only: bool = False,
        false_match_rate: float = 0.05,
        confidence: float = 0.9,
        random_state: int = 0,
    ) -> None:
        super().__init__(model, category=category, pairs=pairs, adapt=adapt, random_state=random_state)
        self.prior_new = prior_new
        self.always_name = always_name
        self.promised_only = promised_only
        self.false_match_rate = false_match_rate
        self.confidence = confidence

    def fit(self, X: Sequence[Photo], y: Sequence[str]) -> Self:
        """Teach a prompt from photos `X` of the individuals `y`, and keep them as the gallery.

        Raises:
            DataError: Photos that cannot be used, or names from which no pairs can be drawn.
        """
        named = self._teach(X, y)
        self.search_ = self.model_.search_in(named, prompt=self.prompt_)
        self.classes_ = np.array([*sorted(set(_names(y))), NEW], dtype=object)
        return self

    def predict(self, X: Sequence[Photo]) -> NDArray[np.object_]:
        """Return a name per photo (n,): an individual's, "new" or "cannot say".

        Raises:
            DataError: Photos that cannot be used.
        """
        return np.array([self._name(found) for found in self._identify(X)], dtype=object)

    def predict_proba(self, X: Sequence[Photo]) -> NDArray[np.float64]:
        """Return believed probabilities (n, individuals + 1), the last column that of "new"; rows sum to 1.

        Raises:
            DataError: Photos that cannot be used.
        """
        column = {name: i for i, name in enumerate(self.classes_)}
        probability = np.zeros((len(X), len(self.classes_)))
        for row, found in enumerate(self._identify(X)):
            for candidate in found.candidates:
                probability[row, column[candidate.identity]] = candidate.probability
            probability[row, -1] = found.probability_new or 0.0
        return probability

    def _identify(self, X: Sequence[Photo]) -> Sequence[Identification]:
        check_is_fitted(self)
        targets = ErrorTargets(false_match_rate=self.false_match_rate, confidence=self.confidence)
        photos = as_photo_table(list(X))
        return self.model_.identify_all(
            photos,
            gallery=self.search_,
            prompt=self.prompt_,
            targets=targets,
            prior_new=self.prior_new,
            top=len(self.classes_),
        ).identifications

    def _name(self, found: Identification) -> str:
        withheld = self.promised_only and not found.promised
        match "same" if self.always_name else "unsure" if withheld else found.verdict:
            case "same":
                return found.candidates[0].identity
            case "new":
                return NEW
            case _:
                return CANNOT_SAY


def _names(y: Sequence[str]) -> list[str]:
    return [str(name) for name in y]
