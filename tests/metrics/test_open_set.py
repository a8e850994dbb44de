"""Open-set identification by hand and against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from vicp.metrics import OpenSet, open_set, retrieval


def test_rates_by_hand():
    matches = OpenSet(
        known=np.array([0.9, 0.8, 0.7, 0.6]),
        right=np.array([True, False, True, True]),
        unknown=np.array([0.75, 0.5, 0.4, 0.3]),
    )
    assert matches.fnir_at(0.0) == 0.75  # above 0.75 only the first is right
    assert matches.fnir_at(0.25) == 0.25  # above 0.5 three are right
    assert matches.fnir_at(1.0) == 0.25
    assert matches.auroc == pytest.approx(14 / 16)


def test_best_matches_of_real_queries():
    generator = np.random.default_rng(0)
    gallery, query = torch.from_numpy(generator.normal(size=(80, 6))), torch.from_numpy(generator.normal(size=(50, 6)))
    identities, names = generator.integers(10, size=80), generator.integers(14, size=50)  # four are not in the gallery
    matches = open_set(retrieval(query, gallery, names, identities))
    similarity = (torch.nn.functional.normalize(query, dim=1) @ torch.nn.functional.normalize(gallery, dim=1).T).numpy()
    known = np.isin(names, identities)
    np.testing.assert_allclose(matches.known, similarity[known].max(axis=1), atol=1e-6)
    np.testing.assert_array_equal(matches.right, identities[similarity[known].argmax(axis=1)] == names[known])
    np.testing.assert_allclose(matches.unknown, similarity[~known].max(axis=1), atol=1e-6)
    assert matches.auroc == pytest.approx(roc_auc_score(known, similarity.max(axis=1)), abs=1e-9)


def test_both_kinds_of_queries_are_needed():
    gallery = torch.eye(3)
    with pytest.raises(ValueError, match="3 of 3 queries are known"):
        open_set(retrieval(gallery, gallery, np.arange(3), np.arange(3)))
