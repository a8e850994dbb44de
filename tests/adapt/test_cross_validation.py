"""Folds, and what held-out similarities are worth, by hand."""

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import nuisance_embeddings, pairs_of, support_of
from vicp.adapt.encoded_support import EncodedSupport, relate_pairs
from vicp.adapt.selection.cross_validation import HeldOutComparisons, beats_chance, fraction_below, group_k_fold
from vicp.data.support.support import Support


def support_from(pairs: Support, num_photos: int) -> EncodedSupport:
    groups, relation = relate_pairs(pairs, [str(i) for i in range(num_photos)])
    nothing = torch.zeros(num_photos, 1)
    return EncodedSupport("thing", nothing, pairs, groups, relation, nothing.numpy(), None, 0)


def test_folds_share_no_identity_and_lose_no_photo() -> None:
    identities = np.repeat(np.arange(9), 3)
    folds = group_k_fold(support_of(nuisance_embeddings(0, 9, 3), identities))
    assert len(folds) == 4
    assert sorted(np.concatenate(folds).tolist()) == list(range(27))
    owners = [set(identities[fold]) for fold in folds]
    assert sum(len(names) for names in owners) == 9
    assert sorted(len(names) for names in owners) == [2, 2, 2, 3]


def test_photos_of_a_different_pair_share_a_fold_where_only_pairs_are_known() -> None:
    same = [(2 * k, 2 * k + 1, True) for k in range(8)]
    different = [(16 + 2 * k, 17 + 2 * k, False) for k in range(8)]
    folds = group_k_fold(support_from(pairs_of(*same, *different), 32))
    fold_of = {photo: number for number, fold in enumerate(folds) for photo in fold.tolist()}
    assert all(fold_of[a] == fold_of[b] for a, b, _ in (*same, *different))
    assert [sum(fold_of[2 * k] == fold for k in range(8)) for fold in range(4)] == [2, 2, 2, 2]


@pytest.mark.parametrize(
    "pairs",
    [
        pairs_of((0, 1, True), (2, 3, True), (4, 5, True), (0, 2, False)),  # three individuals
        pairs_of((0, 1, True), (2, 3, True), (4, 5, True), (6, 7, True)),  # nothing different is known
    ],
)
def test_too_little_to_compare(pairs: Support) -> None:
    assert group_k_fold(support_from(pairs, 8)) == []


def test_shares_by_hand() -> None:
    support = support_of(torch.eye(4), np.array([0, 0, 1, 1]), num_pairs=2)
    comparisons = HeldOutComparisons.of(support, [np.arange(4)])
    similarity = np.array([[1, 0.5, 0.6, 0.4], [0.5, 1, 0.3, 0.2], [0.6, 0.3, 1, 0.1], [0.4, 0.2, 0.1, 1.0]])
    # Four different-pairs, fewer than are enough for a photo's own: 0.2, 0.3, 0.4, 0.6.
    assert comparisons.by_photo(similarity).tolist() == [0.75, 0.75, 0, 0]
    assert comparisons.by_group(similarity).tolist() == [0.75, 0]
    threshold, accuracy = comparisons.threshold(similarity)
    assert (threshold, accuracy) == (pytest.approx(0.45), pytest.approx((0.5 + 0.75) / 2))


def test_photos_held_out_apart_are_compared_only_if_there_are_too_few_others() -> None:
    many = support_of(nuisance_embeddings(0, 8, 3), np.repeat(np.arange(8), 3))
    folds = [np.arange(12), np.arange(12, 24)]
    comparisons = HeldOutComparisons.of(many, folds)
    assert not comparisons.across
    assert not comparisons.different[:12, 12:].any()
    assert comparisons.different[:12, :12].sum() == 12 * 9
    few = HeldOutComparisons.of(many.select(np.array([0, 1, 3, 4, 12, 13, 15, 16])), [np.arange(0, 4), np.arange(4, 8)])
    assert not few.across
    assert HeldOutComparisons.of(many.select(np.array([0, 1, 3, 12, 13])), [np.arange(0, 3), np.arange(3, 5)]).across


def test_ties_count_half() -> None:
    assert fraction_below(np.array([0.1, 0.2, 0.2, 0.9]), np.array([0.2])) == 0.5


def test_above_chance_takes_more_than_luck() -> None:
    assert beats_chance(np.array([0.7, 0.8, 0.75, 0.72]))
    assert not beats_chance(np.array([0.2, 1.0, 0.9, 0.4]))
