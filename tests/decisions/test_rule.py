"""What is believed and what is promised of searches and pairs."""

from dataclasses import replace

import numpy as np
import pytest
from tests.decisions.individuals import held_out_of

from vicp.decisions.held_out import HeldOut
from vicp.decisions.outcome import ErrorTargets, InsufficientPairs, Threshold
from vicp.decisions.rule import DEFAULT_TARGETS, DecisionRule, PairDecision, SearchDecision, decision_rule
from vicp.decisions.sentences import identification_sentence, promise_sentence
from vicp.metrics.reliability import calibration_error, reliability

EASY = ErrorTargets(false_match_rate=0.1, confidence=0.9, false_new_rate=0.1)


@pytest.fixture(scope="module")
def rule() -> DecisionRule:
    return DecisionRule.fit(held_out_of(60, 2))


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


def in_words(decision: SearchDecision) -> str:
    belief, best = decision.belief, decision.best
    candidates = [("Tom", float(belief.probabilities[best]), tuple(belief.ranges[best]))]
    new = (belief.probability_new, belief.range_new)
    return identification_sentence(candidates, new, category="cat", of_category=True)


def promise_of(decision: SearchDecision | PairDecision, targets: ErrorTargets) -> str:
    shortage = decision.limit if isinstance(decision.limit, InsufficientPairs) else None
    pair = isinstance(decision, PairDecision)
    new = not decision.same if isinstance(decision, PairDecision) else decision.is_new
    return promise_sentence(decision.promised, new=new, pair=pair, targets=targets, shortage=shortage)


def test_the_likeliest_answer_is_given_and_a_promise_where_it_holds(rule: DecisionRule) -> None:
    far = np.full(59, -0.2)
    clear = rule.decide_search(np.append(far, 0.999), EASY)
    assert (clear.is_new, clear.best, clear.promised) == (False, 59, True)
    assert clear.belief.probabilities[59] > 0.9
    assert in_words(clear).startswith("almost certainly Tom, over 99 % (99.")
    assert promise_of(clear, EASY) == "Promised: at most 10 % of photos of somebody new get a name (confidence 90 %)."
    assert clear.belief.probabilities.sum() + clear.belief.probability_new == pytest.approx(1)
    new = rule.decide_search(np.append(far, 0.0), EASY)
    assert (new.is_new, new.promised) == (True, True)
    assert " somebody new, " in in_words(new)
    assert promise_of(new, EASY).startswith("Promised: at most 10 % of photos of known individuals are called new")
    between = (rule.new_below(0.1) + rule.threshold(0.1, candidates=60).similarity) / 2
    doubt = rule.decide_search(np.append(far, between), EASY)
    assert not doubt.promised
    assert promise_of(doubt, EASY).startswith("No promise for this answer: it is too close for an error rate of 10 %")


def test_with_few_pairs_it_says_how_many_are_missing_and_still_who_is_likeliest() -> None:
    found = DecisionRule.fit(held_out_of(20, 2))
    decision = found.decide_search(np.append(np.full(9, -0.2), 0.99))
    assert (decision.is_new, decision.best, decision.promised) == (False, 9, False)
    assert isinstance(decision.limit, InsufficientPairs)
    # 45 searches of 10 candidates take 46 pairs of identities; there are 10.
    assert decision.limit.missing == 36
    assert promise_of(decision, DEFAULT_TARGETS).startswith(
        "No promise yet: 36 more different-pairs, each of two individuals not among those taught, are needed"
    )


def test_a_pair_is_the_same_or_different_and_may_be_promised(rule: DecisionRule) -> None:
    same, different = rule.decide_pair(0.999, EASY), rule.decide_pair(-0.5, EASY)
    assert (same.same, different.same, same.promised, different.promised) == (True, False, True, True)
    assert different.probability < 0.1
    assert promise_of(different, EASY).startswith("Promised: at most 10 % of pairs of one individual are called differ")
    strict = rule.decide_pair(0.999, replace(EASY, false_match_rate=0.001))
    assert (strict.same, strict.promised) == (True, False)
    assert promise_of(strict, EASY).startswith("No promise yet: ")


def test_no_promise_goes_against_what_is_believed(rule: DecisionRule) -> None:
    """Above the threshold, but believed to be different: nothing is promised."""
    belief = replace(rule.belief, samples=rule.belief.samples - np.array([1000.0, 0.0, 0.0]))
    decision = replace(rule, belief=belief).decide_pair(0.9999, EASY)
    assert isinstance(decision.limit, Threshold)
    assert decision.limit.similarity < 0.9999
    assert (decision.same, decision.promised) == (False, False)


def test_three_individuals_give_a_probability_and_no_promise() -> None:
    decision = DecisionRule.fit(held_out_of(3, 2)).decide_search(np.array([0.5, 0.2, -0.3]))
    assert decision.belief.probabilities.sum() + decision.belief.probability_new == pytest.approx(1)
    assert (decision.promised, decision.new_below) == (False, None)


def test_without_held_out_similarities_all_is_borrowed() -> None:
    found = decision_rule(None, "plain")
    assert found.belief.basis.individuals == 0
    decision = found.decide_pair(0.9)
    assert (decision.promised, decision.different_below) == (False, None)
    assert decision.limit.missing == 45


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
