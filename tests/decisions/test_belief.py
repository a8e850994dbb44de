"""Beliefs: they add up to 1, agree for one pair, borrow where little is known, and are calibrated."""

import numpy as np
import pytest
from tests.decisions.individuals import embeddings_of, held_out_of

from vicp.decisions.belief import LAPSE, Belief
from vicp.decisions.borrowed import BorrowedCategory, borrowed_prior, prior_of
from vicp.decisions.held_out import HeldOut
from vicp.decisions.laplace import Gaussian, logistic_posterior
from vicp.decisions.trials import held_out_trials, impostor_scores, log_similarity
from vicp.metrics.reliability import calibration_error


def test_all_of_a_search_adds_up_to_one_and_ranges_hold_the_means() -> None:
    found = Belief.fit(held_out_of(6, 3)).search(np.array([0.9, 0.4, -0.2]), np.array([3, 1, 2]))
    assert found.probabilities.sum() + found.probability_new == pytest.approx(1)
    assert (found.ranges[:, 0] <= found.probabilities).all()
    assert (found.probabilities <= found.ranges[:, 1]).all()
    assert found.range_new[0] <= found.probability_new <= found.range_new[1]
    assert (np.diff(found.probabilities) < 0).all()


def test_one_opinion_on_one_pair() -> None:
    for belief in (Belief.fit(None), Belief.fit(held_out_of(3, 2)), Belief.fit(held_out_of(40, 3), "metric")):
        for similarity in (-0.3, 0.2, 0.97):
            single = belief.search(np.array([similarity]))
            assert single.probabilities[0] == pytest.approx(float(belief.pair_probability(similarity)), abs=1e-12)
            assert tuple(single.ranges[0]) == pytest.approx(belief.pair_range(similarity))


def test_many_pairs_are_as_one_pair_after_the_other() -> None:
    belief = Belief.fit(held_out_of(12, 3))
    similarity = np.linspace(-0.8, 0.999, 900).reshape(30, 30)
    alone = [float(belief.pair_probability(s)) for s in similarity.ravel()[::90]]
    assert belief.pair_probability(similarity).ravel()[::90] == pytest.approx(alone, abs=2e-3)
    assert (np.diff(belief.pair_probability(similarity).ravel()) >= 0).all()


def test_nothing_known_is_borrowed_and_the_more_is_known_the_less() -> None:
    assert Belief.fit(None).basis.individuals == 0
    assert Belief.fit(None).basis.own_share == 0
    shares = [Belief.fit(held_out_of(num, 3)).basis.own_share for num in (3, 12, 96)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.7 < shares[2] < 1


def test_ranges_shrink_with_individuals() -> None:
    def width(num: int) -> float:
        belief = Belief.fit(held_out_of(num, 3))
        similarity = np.linspace(-0.9, 0.999, 400)
        even = similarity[np.abs(belief.pair_probability(similarity) - 0.5).argmin()]
        low, high = belief.pair_range(float(even))
        return high - low

    assert width(3) > width(24) > width(96)


def test_the_prior_of_somebody_new_moves_the_odds() -> None:
    belief = Belief.fit(held_out_of(20, 2))
    even, rare = (belief.search(np.array([0.7, 0.1]), prior_new=prior) for prior in (0.5, 0.05))
    assert rare.probability_new < even.probability_new
    with pytest.raises(ValueError, match="between 0 and 1"):
        belief.search(np.array([0.7]), prior_new=1.0)
    with pytest.raises(ValueError, match="at least one candidate"):
        belief.search(np.zeros(0))


def test_nothing_is_certain() -> None:
    belief = Belief.fit(held_out_of(60, 3))
    assert LAPSE / 2 <= float(belief.pair_probability(-1.0)) < 0.02
    assert 0.98 < float(belief.pair_probability(1.0)) <= 1 - LAPSE / 2


@pytest.mark.parametrize(("num", "most"), [(6, 0.1), (12, 0.07), (60, 0.05)])
def test_a_search_is_calibrated_on_new_photos(num: int, most: float) -> None:
    """Known and new individuals, each half of the queries."""
    said, right = [], []
    for seed in range(30 if num < 60 else 6):
        rows = embeddings_of(2 * num, 4, noise=0.9, seed=seed)
        names = np.repeat(np.arange(2 * num), 4)
        known = (names < num) & (np.arange(len(names)) % 4 < 2)
        belief = Belief.fit(HeldOut.of_identities(rows[known] @ rows[known].T, names[known]))
        queries = np.flatnonzero(np.arange(len(names)) % 4 >= 2)
        best = (rows[queries] @ rows[known].T).reshape(len(queries), num, 2).max(axis=2)
        for query, similarity in zip(queries, best, strict=True):
            found = belief.search(similarity, np.full(num, 2))
            p = np.append(found.probabilities, found.probability_new)
            said.append(p.max())
            right.append(p.argmax() == min(names[query], num))
    assert calibration_error(np.array(said), np.array(right), balanced=False) < most
    assert np.mean(right) > 0.5


def test_the_shipped_prior_is_of_several_sets() -> None:
    for kind in ("plain", "metric"):
        prior = borrowed_prior(kind)
        assert prior.num_sources >= 8
        assert prior.curve.mean[1] > 0  # more similar, more likely the same


def test_every_set_weighs_the_same() -> None:
    rows = [
        BorrowedCategory("a", "a", "plain", 9, 0.0, 1.0, -1.0, 1.0, 0.0),
        BorrowedCategory("b", "b/1", "plain", 9, 1.0, 1.0, -3.0, 3.0, 0.0),
        BorrowedCategory("b", "b/2", "plain", 9, 1.0, 1.0, -3.0, 3.0, 0.0),
        BorrowedCategory("c", "c", "metric", 9, 9.0, 9.0, 9.0, 9.0, 9.0),
    ]
    prior = prior_of(rows, "plain")
    assert prior.curve.mean.tolist() == pytest.approx([-2, 2, 0])
    assert (prior.location, prior.num_sources, prior.num_categories) == (pytest.approx(0.5), 2, 3)
    with pytest.raises(ValueError, match="at least two"):
        prior_of(rows, "metric")


def test_trials_by_hand() -> None:
    # Individuals 0, 0, 1: the single photo of 1 meets one photo of 0, so that it has as many as 0 has of itself.
    similarity = np.array([[1.0, 0.8, 0.2], [0.8, 1.0, 0.4], [0.2, 0.4, 1.0]])
    trials = held_out_trials(HeldOut.of_identities(similarity, np.array([0, 0, 1])), centred=False)
    assert trials.same.tolist() == [True, False, True, False, False]
    assert trials.photos.tolist() == [1] * 5
    assert trials.score[:4] == pytest.approx(log_similarity(np.array([0.8, 0.2, 0.8, 0.4])), abs=1e-6)
    assert trials.weight.tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 2, 1 / 3, 1 / 3])
    assert (trials.num_individuals, trials.num_genuine, trials.num_impostor) == (2, 1, 1)


def test_centred_impostors_are_moved_to_where_new_ones_are() -> None:
    """Three individuals, equally far apart: after centring on them their cosines are -1/2, a new one's are 0."""
    held_out = HeldOut.of_identities(np.full((3, 3), -0.5) + 1.5 * np.eye(3), np.arange(3))
    centred = impostor_scores(held_out, centred=True)
    assert centred is not None
    assert (centred.mean, centred.variance, centred.pairs) == (pytest.approx(0, abs=1e-6), pytest.approx(0), 3)
    plain = impostor_scores(held_out, centred=False)
    assert plain is not None
    assert plain.mean == pytest.approx(-np.log(1.5))


def test_the_posterior_is_sklearns_ridge_at_its_mode() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    features = rng.standard_normal((80, 2))
    same = rng.random(80) < 1 / (1 + np.exp(-features @ np.array([1.0, -2.0])))
    found = logistic_posterior(features, same, np.ones(80), Gaussian(np.zeros(2), 4.0 * np.eye(2)))
    reference = LogisticRegression(C=4.0, fit_intercept=False, tol=1e-10).fit(features, same)
    assert found.mean == pytest.approx(reference.coef_[0], abs=1e-5)
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()
