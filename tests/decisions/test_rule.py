"""Probabilities, and the verdicts on searches and pairs."""

from dataclasses import replace

import numpy as np
import pytest
from tests.decisions.individuals import embeddings_of, held_out_of

from vicp.decisions.calibration import Calibration, LabelledScores, cross_validated_loss, fit_calibration, shift_prior
from vicp.decisions.held_out import HeldOut
from vicp.decisions.outcome import ErrorTargets, InsufficientPairs
from vicp.decisions.rule import DecisionRule, PairDecision, SearchDecision, decision_rule, posterior
from vicp.decisions.sentences import identification_sentence, verification_sentence
from vicp.errors import DataError
from vicp.metrics.reliability import calibration_error, reliability

EASY = ErrorTargets(false_match_rate=0.1, confidence=0.9, false_new_rate=0.1)


@pytest.fixture(scope="module")
def rule() -> DecisionRule:
    return DecisionRule.fit(held_out_of(60, 2))


def logistic_scores(num: int, seed: int = 0) -> LabelledScores:
    """Pairs whose P(same) at even prior is 1 / (1 + exp(-12 (s - 0.5))): two normals, 1/2 apart, of variance 1/24."""
    rng = np.random.default_rng(seed)
    same = np.arange(num) % 2 == 0
    similarity = np.where(same, 0.75, 0.25) + np.sqrt(1 / 24) * rng.standard_normal(num)
    group = np.arange(num)
    return LabelledScores(similarity, same, group, np.where(same, group, group + num))


def test_a_logistic_world_is_recovered() -> None:
    found = fit_calibration(logistic_scores(1500))
    assert found.kind == "logistic"
    at = np.array([0.2, 0.4, 0.5, 0.6, 0.8])
    assert found(at) == pytest.approx(1 / (1 + np.exp(-12 * (at - 0.5))), abs=0.04)
    assert found.log_loss["logistic"] <= found.log_loss["isotonic"]


def test_where_similarity_steps_isotonic_is_chosen() -> None:
    rng = np.random.default_rng(0)
    similarity = rng.random(3000)
    p = np.select([similarity < 0.3, similarity < 0.7], [0.02, 0.6], 0.7)
    same = rng.random(3000) < p
    group = np.arange(3000)
    scores = LabelledScores(similarity, same, group, np.where(same, group, group + 3000))
    assert cross_validated_loss(scores, "isotonic") < cross_validated_loss(scores, "logistic")
    found = fit_calibration(scores)
    assert found.kind == "isotonic"
    assert (np.diff(found(np.linspace(0, 1, 200))) >= 0).all()


def test_p_is_calibrated_on_new_individuals() -> None:
    found = DecisionRule.fit(held_out_of(80, 3, seed=1))
    rows, names = embeddings_of(80, 3, seed=2), np.repeat(np.arange(80), 3)
    a, b = np.triu_indices(len(rows), 1)
    p = found.probability((rows[a] * rows[b]).sum(axis=1))
    assert calibration_error(p, names[a] == names[b]) < 0.05


def test_no_more_is_said_than_so_few_pairs_can_show() -> None:
    found = DecisionRule.fit(held_out_of(8, 2))  # 8 same-pairs, 112 different
    assert found.probability(np.array([-1.0, 1.0])) == pytest.approx([1 / 10, 1 - 1 / 114])


def test_the_prior_moves_the_odds() -> None:
    assert shift_prior(np.array([0.5, 0.9]), 0.1) == pytest.approx([0.1, 0.5])
    with pytest.raises(ValueError, match="between 0 and 1"):
        shift_prior(np.array([0.5]), 1.0)


def test_reliability_by_hand() -> None:
    p = np.array([0.05, 0.15, 0.15, 0.95])
    same = np.array([False, True, False, True])
    # Balanced, each pair weighs a quarter.
    assert [(round(b.probability, 3), b.frequency, b.weight) for b in reliability(p, same)] == [
        (0.05, 0.0, 0.25),
        (0.15, 0.5, 0.5),
        (0.95, 1.0, 0.25),
    ]
    assert calibration_error(p, same) == pytest.approx(0.25 * 0.05 + 0.5 * 0.35 + 0.25 * 0.05)
    with pytest.raises(ValueError, match="one kind"):
        reliability(p, np.ones(4, bool))


def test_posterior_by_hand() -> None:
    # Odds 9 and 1, half the prior on two candidates: 2.25, 0.25 and 0.5 for somebody new.
    p, new = posterior(np.array([0.9, 0.5]), 0.5)
    assert (p.tolist(), new) == (pytest.approx([0.75, 1 / 12]), pytest.approx(1 / 6))


def in_words(decision: SearchDecision) -> str:
    shortage = decision.limit if isinstance(decision.limit, InsufficientPairs) else None
    return identification_sentence(decision.verdict, first="Tom", probability=decision.probability, shortage=shortage)


def pair_in_words(decision: PairDecision) -> str:
    shortage = decision.limit if isinstance(decision.limit, InsufficientPairs) else None
    return verification_sentence(decision.verdict, probability=decision.probability, shortage=shortage)


def test_a_search_says_same_new_or_cannot_say(rule: DecisionRule) -> None:
    far = np.full(59, -0.2)
    clear = rule.decide_search(np.append(far, 0.999), EASY)
    assert (clear.verdict, clear.best) == ("same", 59)
    assert clear.probability == clear.probabilities[59] > 0.9
    assert in_words(clear) == f"the same as Tom, P = {clear.probability:.2f}"
    assert clear.probabilities.sum() + clear.probability_new == pytest.approx(1)
    new = rule.decide_search(np.append(far, 0.0), EASY)
    assert (new.verdict, new.probability) == ("new", new.probability_new)
    assert in_words(new) == f"new individual, P = {new.probability_new:.2f}"
    between = (rule.new_below(0.1) + rule.threshold(0.1, candidates=60).similarity) / 2
    doubt = rule.decide_search(np.append(far, between), EASY)
    assert doubt.verdict == "unsure"
    assert in_words(doubt).startswith("cannot say: known and unknown individuals both look like this")


def test_with_few_pairs_it_says_how_many_are_missing() -> None:
    found = DecisionRule.fit(held_out_of(20, 2))
    decision = found.decide_search(np.append(np.zeros(9), 0.99))
    assert decision.verdict == "unsure"
    assert isinstance(decision.limit, InsufficientPairs)
    # 45 searches of 10 candidates take 46 pairs of identities; there are 10.
    assert decision.limit.missing == 36
    assert in_words(decision).startswith(
        "cannot say with so few pairs (not enough pairs for that rate: 36 more different-pairs needed"
    )


def test_a_pair_is_the_same_different_or_cannot_be_told(rule: DecisionRule) -> None:
    same, different = rule.decide_pair(0.999, EASY), rule.decide_pair(-0.5, EASY)
    assert (same.verdict, different.verdict) == ("same", "different")
    assert pair_in_words(same) == f"same, P = {same.probability:.2f}"
    assert different.probability < 0.1
    strict = rule.decide_pair(0.999, replace(EASY, false_match_rate=0.001))
    assert pair_in_words(strict).startswith("cannot say with so few pairs")


def test_an_impossible_pair_is_not_called_the_same(rule: DecisionRule) -> None:
    """A probability of 0 is a probability."""
    impossible = Calibration("isotonic", (-1.0, 1.0), (0.0, 0.0), 0.0, 1.0, {})
    decision = replace(rule, calibration=impossible).decide_pair(0.9999, EASY)
    assert (decision.verdict, decision.probability) == ("unsure", 0.0)


def test_three_individuals_give_no_probability() -> None:
    found = DecisionRule.fit(held_out_of(3, 2))
    assert found.calibration is None
    with pytest.raises(DataError, match="too few held-out pairs"):
        found.probability(0.5)
    decision = found.decide_search(np.array([0.5, 0.2]))
    assert decision.probability is decision.probabilities is None
    assert "P unknown" in in_words(decision)


def test_without_held_out_similarities_there_is_no_rule() -> None:
    assert decision_rule(None) is None
    assert decision_rule(held_out_of(5)) == DecisionRule.fit(held_out_of(5))


def test_folds_that_did_not_look_are_left_out() -> None:
    held_out = held_out_of(12, 2)
    similarity = held_out.similarity.copy()
    similarity[:12, 12:] = similarity[12:, :12] = np.nan  # two folds of six individuals
    found = DecisionRule.fit(HeldOut(similarity, held_out.groups, held_out.relation))
    assert found.searches.candidates[-1] == 5
    assert not found.searches.complete
    assert np.isfinite(found.genuine).all()
    assert len(found.genuine) == 12


def test_targets_and_candidates_out_of_range(rule: DecisionRule) -> None:
    with pytest.raises(ValueError, match="confidence is 1"):
        ErrorTargets(confidence=1)
    with pytest.raises(ValueError, match="at least one candidate"):
        rule.decide_search(np.zeros(0))
