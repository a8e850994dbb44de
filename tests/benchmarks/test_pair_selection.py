import numpy as np
import pytest

from benchmarks.lib.pair_selection import SELECTIONS, farthest_first, select_support
from vicp.data.support.support import sample_support
from vicp.errors import DataError

IDENTITIES = [f"{number % 6}" for number in range(48)]


def unit_rows(seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(len(IDENTITIES), 5))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("how", SELECTIONS)
@pytest.mark.parametrize("num_pairs", [1, 2, 7, 16])
def test_pairs_are_distinct_and_labelled_right(how: str, num_pairs: int) -> None:
    found = select_support(IDENTITIES, num_pairs, unit_rows(), how=how, seed=3)
    assert len(found) == num_pairs
    assert len({frozenset(pair) for pair in zip(found.left.tolist(), found.right.tolist(), strict=True)}) == num_pairs
    names = np.array(IDENTITIES)
    np.testing.assert_array_equal(found.same, names[found.left] == names[found.right])
    if how != "random":
        assert found.same.sum() == num_pairs // 2
    again = select_support(IDENTITIES, num_pairs, unit_rows(), how=how, seed=3)
    np.testing.assert_array_equal(found.left, again.left)
    np.testing.assert_array_equal(found.right, again.right)


def test_balanced_is_what_is_drawn_without_features() -> None:
    found, drawn = (
        select_support(IDENTITIES, 8, unit_rows(), how="balanced", seed=1),
        sample_support(IDENTITIES, 8, seed=1),
    )
    np.testing.assert_array_equal(found.left, drawn.left)


def test_random_pairs_are_same_as_often_as_chance_has_it() -> None:
    share = select_support(IDENTITIES, 1000, unit_rows(), how="random", seed=0).same.mean()
    assert share == pytest.approx(6 * 28 / (48 * 47 / 2), abs=0.02)


def test_hard_pairs_are_the_hardest_of_all_where_all_are_candidates() -> None:
    rows = unit_rows()
    found = select_support(IDENTITIES, 21, rows, how="hard", seed=0)  # 16 x 21 candidates: all 168 same-pairs
    names, likeness = np.array(IDENTITIES), rows @ rows.T
    left, right = np.triu_indices(len(names), 1)
    same = names[left] == names[right]
    expected = np.sort(likeness[left, right][same])[:10]
    got = np.sort((rows[found.left] * rows[found.right]).sum(axis=1)[found.same])
    assert got == pytest.approx(expected)
    different = (rows[found.left] * rows[found.right]).sum(axis=1)[~found.same]
    assert different.min() > likeness[left, right][~same].mean(), "alike, although not the same"


def test_farthest_first_by_hand() -> None:
    points = np.array([[0.0], [1.0], [10.0], [6.0]])
    assert farthest_first(points, 3).tolist() == [0, 2, 3]
    assert farthest_first(points[:0], 0).tolist() == []


def test_diverse_pairs_differ_in_more_ways_than_balanced_ones() -> None:
    def spread(how: str) -> float:
        rows = unit_rows(1)
        found = select_support(IDENTITIES, 10, rows, how=how, seed=2)
        ways = np.abs(rows[found.left] - rows[found.right])[found.same]
        apart = np.linalg.norm(ways[:, None] - ways[None], axis=2)
        return float(np.where(np.eye(len(ways)) == 1, np.inf, apart).min(axis=1).mean())

    assert spread("diverse") > 1.2 * spread("balanced")


def test_too_few_photos() -> None:
    with pytest.raises(DataError, match="ask for at most 2 pairs"):
        select_support(["a", "a", "b"], 4, unit_rows()[:3], how="hard", seed=0)
