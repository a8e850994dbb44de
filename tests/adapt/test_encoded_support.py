"""What labelled pairs imply, by hand."""

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import pairs_of, support_of
from vicp.adapt.encoded_support import connected_groups, relate_identities, relate_pairs, sample_same_size
from vicp.errors import DataError

NAMES = [f"{name}.jpg" for name in "abcdefg"]


def test_same_is_transitive_and_one_difference_tells_two_groups_apart() -> None:
    pairs = pairs_of((0, 1, True), (2, 1, True), (3, 4, True), (2, 3, False), (5, 6, False))
    groups, relation = relate_pairs(pairs, NAMES)
    assert groups.tolist() == [0, 0, 0, 1, 1, 2, 3]
    expected = np.array(
        [
            [1, 1, 1, -1, -1, 0, 0],
            [1, 1, 1, -1, -1, 0, 0],
            [1, 1, 1, -1, -1, 0, 0],
            [-1, -1, -1, 1, 1, 0, 0],
            [-1, -1, -1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 1, -1],
            [0, 0, 0, 0, 0, -1, 1],
        ]
    )
    assert np.array_equal(relation, expected)


def test_every_contradiction_is_named() -> None:
    pairs = pairs_of((0, 1, True), (1, 2, True), (0, 2, False), (3, 4, True), (4, 3, False), (5, 6, False))
    with pytest.raises(DataError, match=r"same individual: a\.jpg and c\.jpg; e\.jpg and d\.jpg\. Correct"):
        relate_pairs(pairs, NAMES)


def test_components_join_late_bridges() -> None:
    groups = connected_groups(6, np.array([0, 2, 4, 3]), np.array([1, 3, 5, 1]))
    assert groups.tolist() == [0, 0, 0, 0, 1, 1]


def test_known_identities_tell_everything() -> None:
    groups, relation = relate_identities(["x", "y", "x"])
    assert groups.tolist() == [0, 1, 0]
    assert relation.tolist() == [[1, -1, 1], [-1, 1, -1], [1, -1, 1]]


def test_selecting_photos_keeps_the_pairs_within() -> None:
    support = support_of(torch.eye(6), np.array([0, 0, 1, 1, 2, 2]), num_pairs=2)
    part = support.select(np.array([0, 1, 4]))
    assert np.array_equal(part.frozen, np.eye(6)[[0, 1, 4]])
    assert part.relation.tolist() == [[1, 1, -1], [1, 1, -1], [-1, -1, 1]]
    whole = {frozenset(p) for p in zip(support.pairs.left.tolist(), support.pairs.right.tolist(), strict=True)}
    kept = {
        frozenset((0, 1, 4)[i] for i in p)
        for p in zip(part.pairs.left.tolist(), part.pairs.right.tolist(), strict=True)
    }
    assert kept == {p for p in whole if p <= {0, 1, 4}}


def test_as_many_pairs_as_there_are() -> None:
    assert len(sample_same_size(["a", "a", "b", "b", "c"], 64, seed=0)) == 4
    with pytest.raises(DataError, match="same-pairs"):
        sample_same_size(["a", "b", "c"], 64, seed=0)
