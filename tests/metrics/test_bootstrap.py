"""Intervals over identities and support draws."""

import numpy as np
import pytest

from vicp.metrics import bootstrap_interval, bootstrap_means


def test_interval_is_that_of_the_mean_over_identities():
    """Ten photos of an identity that all say the same are one observation, not ten."""
    values = np.random.default_rng(0).normal(0.5, 0.1, size=200)
    low, high = bootstrap_interval(values.repeat(10), np.arange(200).repeat(10), seed=1, num_draws=4000)
    error = values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_interval_weighs_identities_by_their_queries():
    # Draws of two from {a: one query of 1, b: three of 0}: mean 1, 1/4 or 0; 95 % reaches both ends.
    values, groups = np.array([1.0, 0.0, 0.0, 0.0]), np.array(["a", "b", "b", "b"])
    assert bootstrap_interval(values, groups, seed=0) == (0.0, 1.0)
    draws = [bootstrap_interval(values, groups, seed=seed, num_draws=1)[0] for seed in range(40)]
    assert set(draws) == {0.0, 0.25, 1.0}


def test_interval_is_seeded_and_leaves_nan_out():
    values, groups = np.random.default_rng(2).random(50), np.arange(50) % 20
    first = bootstrap_interval(values, groups, seed=3)
    assert bootstrap_interval(values, groups, seed=3) == first
    assert bootstrap_interval(values, groups, seed=4) != first
    padded = bootstrap_interval(np.append(values, np.nan), np.append(groups, 99), seed=3)
    assert padded == first


def test_interval_refuses_wrong_arguments():
    values, groups = np.array([0.1, 0.2]), np.array([1, 2])
    with pytest.raises(ValueError, match=r"values are \(2,\), groups \(1,\)"):
        bootstrap_interval(values, groups[:1], seed=0)
    with pytest.raises(ValueError, match="num_draws is 0"):
        bootstrap_interval(values, groups, seed=0, num_draws=0)
    with pytest.raises(ValueError, match="1 identities have a value"):
        bootstrap_interval(np.array([0.1, np.nan]), groups, seed=0)


def test_support_draws_widen_the_interval():
    """Five supports that differ by 0.2 from each other: identities alone would hide it."""
    rng = np.random.default_rng(0)
    one = rng.normal(0.5, 0.01, size=300)
    supports = one + np.array([-0.2, -0.1, 0.0, 0.1, 0.2])[:, None]  # (5, 300)
    low, high = bootstrap_interval(supports, np.arange(300), seed=0, num_draws=4000)
    error = np.std([-0.2, -0.1, 0.0, 0.1, 0.2]) / np.sqrt(5)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    alone = bootstrap_interval(supports.mean(axis=0), np.arange(300), seed=0)
    assert alone[1] - alone[0] < 0.01


def test_equal_seeds_pair_the_differences():
    rng = np.random.default_rng(1)
    groups, a = np.arange(90) % 30, rng.random((3, 90))
    b = a + 0.1
    difference = bootstrap_means(b, groups, seed=5) - bootstrap_means(a, groups, seed=5)
    np.testing.assert_allclose(difference, 0.1, atol=1e-12)
    np.testing.assert_allclose(bootstrap_means(b - a, groups, seed=5), difference, atol=1e-12)


def test_one_support_is_paired_with_several():
    """Identities are drawn alike however many supports there are, through all of the resamples."""
    groups, a = np.arange(90) % 30, np.random.default_rng(1).random(90)
    several = bootstrap_means(np.stack([a, a, a]), groups, seed=5)
    np.testing.assert_allclose(several, bootstrap_means(a, groups, seed=5), atol=1e-12)
