"""ROC and its summaries against scikit-learn, by hand, and over all pairs of a gallery."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from vicp.metrics import verification, verify_all
from vicp.metrics.grid import to_grid


def draw_pairs(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    same = generator.random(count) < 0.3
    same[:2] = [True, False]
    return generator.normal(size=count).round(1) + same, same  # rounded, so that scores tie


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_auc_accuracy_and_curve_are_those_of_sklearn(seed):
    scores, same = draw_pairs(seed)
    found = verification(scores, same)
    assert found.auc == pytest.approx(roc_auc_score(same, scores), abs=1e-12)
    best = max(accuracy_score(same, scores >= t) for t in [*np.unique(scores), np.inf])
    assert found.accuracy == pytest.approx(best, abs=1e-12)
    assert accuracy_score(same, scores >= found.best_threshold) == pytest.approx(best, abs=1e-12)
    false, true, _ = roc_curve(same, scores, drop_intermediate=False)
    for mine, theirs in zip(found.curve(), (false, true), strict=True):
        np.testing.assert_allclose(mine, theirs)
    for fpr in (0.0, 0.1, 0.5, 1.0):
        assert found.tpr_at(fpr) == pytest.approx(true[false <= fpr + 1e-12].max(), abs=1e-12)


def test_by_hand():
    found = verification(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
    assert found.auc == pytest.approx(2.5 / 4)
    assert (found.accuracy, found.best_threshold) == (0.75, 3.0)
    assert [found.tpr_at(f) for f in (0.0, 0.49, 0.5, 1.0)] == [0.5, 0.5, 0.5, 1.0]
    assert found.fnmr_at(0.5) == 0.5


def test_weights_are_repetitions():
    scores, same = draw_pairs(4)
    weights = np.random.default_rng(0).integers(0, 4, size=len(scores))
    repeated = verification(scores.repeat(weights), same.repeat(weights))
    weighted = verification(scores, same, weights=weights.astype(float))
    assert weighted.auc == pytest.approx(repeated.auc, abs=1e-12)
    assert weighted.accuracy == pytest.approx(repeated.accuracy, abs=1e-12)
    assert weighted.tpr_at(0.1) == pytest.approx(repeated.tpr_at(0.1), abs=1e-12)


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_all_pairs_are_those_of_the_full_matrix(leave_one_out):
    generator = np.random.default_rng(1)
    gallery = torch.from_numpy(generator.integers(-1, 2, size=(700, 4)).astype(np.float32))  # ties everywhere
    gallery[:, 0] += 2
    identities = generator.integers(40, size=700)
    query, names = (gallery, identities) if leave_one_out else (gallery[:600] * 3 + 0.5, identities[::-1][:600])
    found = verify_all(query, gallery, names, identities, leave_one_out=leave_one_out)
    similarity = to_grid(query).astype(np.float64) @ to_grid(gallery).astype(np.float64).T
    keep = ~np.eye(700, dtype=bool) if leave_one_out else np.ones((600, 700), dtype=bool)
    expected = verification(similarity[keep], (names[:, None] == identities)[keep])
    assert found.auc == pytest.approx(expected.auc, abs=1e-12)
    assert found.accuracy == expected.accuracy
    for fpr in (0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0):
        assert found.tpr_at(fpr) == expected.tpr_at(fpr)
        assert found.fnmr_at(fpr) == 1 - expected.tpr_at(fpr)


def test_wrong_arguments_are_refused():
    scores, same = np.array([0.1, 0.2]), np.array([True, False])
    with pytest.raises(ValueError, match=r"same is \(2,\) int"):
        verification(scores, same.astype(int))
    with pytest.raises(ValueError, match=r"scores are \(1,\)"):
        verification(scores[:1], same)
    with pytest.raises(ValueError, match="not finite"):
        verification(scores * np.nan, same)
    with pytest.raises(ValueError, match="0 same-pairs and 1 different-pairs"):
        verification(scores[1:], same[1:])
    with pytest.raises(ValueError, match="expected at least one each"):
        verify_all(torch.eye(2), torch.eye(2), np.array([1, 2]), np.array([3, 4]), leave_one_out=False)
