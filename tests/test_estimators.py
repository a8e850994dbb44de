"""The scikit-learn estimators, inside scikit-learn's own tools."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import vicp
from vicp.data.procedural.world import world_photos
from vicp.estimators import CANNOT_SAY, NEW, IndividualClassifier, PromptedEmbedder

ESTIMATORS = (PromptedEmbedder, IndividualClassifier)
# The checks of scikit-learn that need no data. All others feed rows of numbers, where these estimators take photos, as
# their tag `two_d_array=False` says: scikit-learn itself leaves them out.
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_valid_tag_types",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_no_attributes_set_in_init",
    "check_mixin_order",
)


@pytest.fixture(scope="module")
def named_photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[str]]:
    """Forty-eight photos of 12 individuals and their names."""
    root = tmp_path_factory.mktemp("photos")
    table = world_photos(num_categories=1, num_identities=12, photos_per_identity=4, size=64, seed=0)
    files = []
    for number, image in enumerate(table["image"]):
        files.append(root / f"{number}.png")
        files[-1].write_bytes(image)
    return files, [str(name) for name in table["identity"]]


def test_embedder_in_a_pipeline_names_individuals_better_than_chance(named_photos) -> None:
    files, names = named_photos
    pipeline = make_pipeline(PromptedEmbedder(pairs=16, category="thing"), KNeighborsClassifier(1, metric="cosine"))
    scores = cross_val_score(pipeline, files, names, cv=2)
    assert scores.shape == (2,)
    assert scores.mean() > 0.5  # chance is 1 / 12


def test_embedder_gives_what_the_model_encodes(named_photos) -> None:
    files, names = named_photos
    embedder = PromptedEmbedder(pairs=16, category="thing").fit(files, names)
    rows = embedder.transform(files[:3])
    np.testing.assert_allclose(rows, vicp.load("mini").encode(files[:3], prompt=embedder.prompt_), atol=1e-5)
    assert rows.shape[1] == embedder.n_features_out_ == len(embedder.get_feature_names_out())


def test_classifier_names_known_and_new_individuals(named_photos) -> None:
    files, names = named_photos
    known = [i for i in range(len(files)) if i // 4 < 10 and i % 4 < 3]
    classifier = IndividualClassifier(pairs=16, category="thing", false_match_rate=0.3, confidence=0.6)
    classifier.fit([files[i] for i in known], [names[i] for i in known])
    queries = [i for i in range(len(files)) if i // 4 < 10 and i % 4 == 3]
    predicted = classifier.predict([files[i] for i in queries])
    assert set(predicted) <= {*names, NEW, CANNOT_SAY}
    assert np.mean(predicted == [names[i] for i in queries]) > 0.3
    classifier.set_params(promised_only=True, false_match_rate=0.01)
    assert set(classifier.predict([files[i] for i in queries])) <= {NEW, CANNOT_SAY}  # ten cannot promise a name
    classifier.set_params(promised_only=False)
    likeliest = clone(classifier).set_params(always_name=True).fit([files[i] for i in known], [names[i] for i in known])
    assert np.mean(likeliest.predict([files[i] for i in queries]) == [names[i] for i in queries]) > 0.5
    probability = classifier.predict_proba([files[i] for i in queries])
    assert probability.shape == (len(queries), len(classifier.classes_)) == (10, 11)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
    assert classifier.classes_[-1] == NEW
    unknown = classifier.predict_proba(files[40:])[:, -1]
    assert unknown.mean() > probability[:, -1].mean()  # photos of nobody known look newer


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_checks_of_scikit_learn_that_need_no_data_pass(estimator, check) -> None:
    getattr(estimator_checks, check)(estimator.__name__, estimator())


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_checks_that_scikit_learn_itself_runs_pass(estimator) -> None:
    with pytest.warns(UserWarning, match="Can't test estimator"):
        results = estimator_checks.check_estimator(estimator(), on_skip=None)
    assert {result["status"] for result in results} == {"passed"}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_estimator_that_was_not_fitted_says_so(estimator, named_photos) -> None:
    method = "transform" if estimator is PromptedEmbedder else "predict"
    with pytest.raises(NotFittedError):
        getattr(estimator(), method)(named_photos[0][:1])
