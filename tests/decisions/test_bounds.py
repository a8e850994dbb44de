"""Exact binomial limits and conformal ranks, by hand and against scipy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vicp.decisions.bounds import allowed_failures, conformal_rank, trials_needed, upper_limit


def test_no_failure_leaves_the_rule_of_three() -> None:
    assert upper_limit(0, 59, confidence=0.95) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert upper_limit(0, 1, confidence=0.9) == pytest.approx(0.9)
    assert upper_limit(3, 3, confidence=0.9) == 1
    assert upper_limit(0, 0, confidence=0.9) == 1


@pytest.mark.parametrize(("failures", "trials"), [(1, 10), (3, 57), (20, 21)])
def test_the_limit_is_scipys(failures: int, trials: int) -> None:
    exact = stats.binomtest(failures, trials, alternative="less").proportion_ci(0.9, method="exact").high
    assert upper_limit(failures, trials, confidence=0.9) == pytest.approx(exact, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.floats(0.005, 0.6), st.floats(0.5, 0.99))
def test_allowed_failures_is_the_largest_that_keeps_the_rate(trials: int, rate: float, confidence: float) -> None:
    k = allowed_failures(trials, rate, confidence=confidence)
    if k >= 0:
        assert upper_limit(k, trials, confidence=confidence) <= rate + 1e-9
    if k + 1 <= trials:
        assert upper_limit(k + 1, trials, confidence=confidence) > rate - 1e-9


@pytest.mark.parametrize(
    ("rate", "confidence", "needed"),
    [(0.05, 0.95, 59), (0.01, 0.95, 299), (0.1, 0.9, 22), (0.05, 0.9, 45), (0.5, 0.5, 1)],
)
def test_trials_needed(rate: float, confidence: float, needed: int) -> None:
    assert trials_needed(rate, confidence=confidence) == needed
    assert (1 - rate) ** needed <= 1 - confidence + 1e-12
    assert allowed_failures(needed, rate, confidence=confidence) == 0
    assert allowed_failures(needed - 1, rate, confidence=confidence) == -1


def test_conformal_rank_gives_one_score_away() -> None:
    # (k + 1) / (n + 1) <= rate: of 39, 2 / 40 = 0.05.
    assert [conformal_rank(n, 0.05) for n in (38, 39, 58, 59)] == [0, 1, 1, 2]


def test_numbers_out_of_range() -> None:
    for call in (
        lambda: upper_limit(0, 5, confidence=1.0),
        lambda: upper_limit(6, 5, confidence=0.9),
        lambda: allowed_failures(5, 0.0, confidence=0.9),
        lambda: trials_needed(0.1, confidence=0.0),
        lambda: conformal_rank(5, 1.0),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()
