import numpy as np
import pytest

from benchmarks.lib.bayes_reader import SLIP, rule_posterior
from vicp.data.procedural.world import all_rules


def names(weight: np.ndarray) -> str:
    return all_rules()[int(weight.argmax())].name


def test_no_pairs_leave_every_rule_as_likely_as_any_other() -> None:
    weight = rule_posterior(np.zeros((6, 0)), np.zeros(0, dtype=bool))
    assert weight == pytest.approx(np.full(41, 1 / 41))


def test_labels_that_follow_a_rule_single_it_out() -> None:
    rng = np.random.default_rng(0)
    agree = rng.integers(0, 2, (6, 64)).astype(float)
    same = agree[[0, 4]].all(axis=0)
    assert names(rule_posterior(agree, same)) == "body+emblem"
    assert rule_posterior(agree, same).max() > 0.99


def test_one_label_counts_for_the_rules_that_foresee_it() -> None:
    agree = np.array([1.0, 0, 0, 0, 0, 0])[:, None]
    weight = rule_posterior(agree, np.array([True]))
    assert names(weight) == "body"
    assert weight.max() == pytest.approx((1 - SLIP) / (1 - SLIP + 40 * SLIP))
