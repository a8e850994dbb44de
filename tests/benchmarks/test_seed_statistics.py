import numpy as np
import pytest

from benchmarks.lib.seed_statistics import complete, difference, mean, mean_over_seeds, ratio


def test_the_interval_of_a_known_array() -> None:
    """Two tasks, 0 and 1: a mean of two draws is 0, 0.5 or 1, the ends a quarter of the time each."""
    found = mean(np.array([[0.0, 1.0]]))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
    many = mean(np.array([np.tile([0.0, 1.0], 200)]))
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)


def test_seeds_widen_the_interval() -> None:
    alike, apart = np.full((3, 10), 50.0), np.array([[40.0], [50.0], [60.0]]) + np.zeros(10)
    assert mean(alike).high - mean(alike).low == 0
    assert mean(apart).value == 50
    assert mean(apart).low < 45
    assert mean(apart).high > 55


def test_differences_are_paired_and_one_row_stands_for_every_seed() -> None:
    tasks = np.linspace(10, 90, 20)
    own = np.stack([tasks + 5, tasks + 7])
    found = difference(own, tasks[None])
    assert found.value == pytest.approx(6)
    assert 4.9 < found.low < found.high < 7.1
    assert found.is_above_zero
    assert not difference(own, own).is_above_zero


def test_ratios_are_of_means() -> None:
    left, right = np.array([[30.0, 60.0]]), np.array([[40.0, 80.0]])
    found = ratio(left, right)
    assert (found.value, found.low, found.high) == pytest.approx((0.75, 0.75, 0.75))


def test_tasks_of_one_group_are_drawn_together() -> None:
    """Two rules of ten tasks each, 0 and 1: as good as two tasks."""
    values, rules = np.array([np.repeat([0.0, 1.0], 10)]), np.repeat(["body", "emblem"], 10)
    alone, together = mean(values), mean(values, rules)
    assert (together.value, together.low, together.high) == (0.5, 0.0, 1.0)
    assert alone.high - alone.low < 0.5
    assert difference(values, np.zeros((1, 20)), rules) == together
    assert ratio(values + 1, np.ones((1, 20)), rules) == ratio(np.array([[1.0, 2.0]]), np.ones((1, 2)))
    partly = np.where(np.arange(20) < 9, values, np.nan)
    assert mean(partly, rules) is None, "one rule alone"
    assert mean(partly) is not None


def test_only_what_every_seed_has_counts() -> None:
    assert mean(np.array([[1.0, np.nan, 3.0]])).value == 2
    assert mean(np.array([[1.0, 9.0, 3.0], [1.0, np.nan, 3.0]])).value == 2
    assert mean(np.array([[1.0, 3.0], [np.nan, np.nan]])).value == 2, "a seed that has not begun"
    assert difference(np.array([[1.0, np.nan, 3.0]]), np.array([[0.0, 5.0, 0.0]])).value == 2
    assert ratio(np.array([[1.0, np.nan, 3.0]]), np.array([[2.0, 5.0, 2.0]])).value == 1
    assert complete(np.full((2, 3), np.nan)).shape[1] == 0
    for nothing in (mean(np.array([[1.0, np.nan]])), ratio(np.array([[1.0, np.nan]]), np.array([[1.0, 2.0]]))):
        assert nothing is None


def test_seeds_are_drawn_anew_in_every_resample() -> None:
    value, resampled = mean_over_seeds([np.zeros(1000), np.ones(1000)], [0.0, 1.0])
    assert value == 0.5
    assert sorted(set(resampled.tolist())) == [0, 0.5, 1]
    again = mean_over_seeds([np.zeros(1000), np.full(1000, 2.0)], [0.0, 2.0])[1]
    assert np.array_equal(again, 2 * resampled), "paired"
