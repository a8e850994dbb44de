"""Grouping by pair probabilities: no chains, no pair called different, and how many pairs are genuine."""

import numpy as np
import pytest
from tests.decisions.individuals import embeddings_of, held_out_of

from vicp.decisions.grouping import MOST_PARTNERS, dense_groups, link_photos, mean_within, same_pair_share
from vicp.decisions.rule import DecisionRule


def chain(num_photos: int, *, near: float = 0.9, far: float = 0.1) -> np.ndarray:
    """Photos on a line: each is close to the next one alone."""
    gap = np.abs(np.arange(num_photos)[:, None] - np.arange(num_photos))
    return np.where(gap <= 1, near, far)


def blocks(sizes: tuple[int, ...], *, same: float = 0.9, different: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Scores of individuals with so many photos each, and the individuals."""
    identities = np.repeat(np.arange(len(sizes)), sizes)
    return np.where(identities[:, None] == identities, same, different), identities


@pytest.mark.parametrize("group", [link_photos, dense_groups])
def test_clear_individuals_are_found(group) -> None:
    scores, identities = blocks((2, 3, 4))
    np.testing.assert_array_equal(group(scores, 0.5), identities)


@pytest.mark.parametrize("group", [link_photos, dense_groups])
def test_a_chain_is_not_one_group(group) -> None:
    assert len(np.unique(link_photos(chain(8), 0.5, by="single"))) == 1, "what chaining would do"
    labels = group(chain(8), 0.5)
    assert np.bincount(labels).max() <= 2


def test_linkages_differ_by_hand() -> None:
    """Photo 2 is at 0.9 and 0.3 from the two of a pair at 0.95: on average 0.6, at least 0.3."""
    scores = np.array([[1, 0.95, 0.9], [0.95, 1, 0.3], [0.9, 0.3, 1]])
    assert link_photos(scores, 0.5, by="average").tolist() == [0, 0, 0]
    assert link_photos(scores, 0.61, by="average").tolist() == [0, 0, 1]
    assert link_photos(scores, 0.5, by="complete").tolist() == [0, 0, 1]


@pytest.mark.parametrize("group", [link_photos, dense_groups])
def test_no_group_holds_a_pair_that_is_called_different(group) -> None:
    scores, identities = blocks((6, 4), same=0.95, different=0.05)
    different = np.zeros(scores.shape, dtype=bool)
    different[0, 5] = True  # one direction suffices
    labels = group(scores, 0.5, different=different)
    assert labels[0] != labels[5]
    assert labels[identities == 1].tolist() == [labels[-1]] * 4


def test_few_photos() -> None:
    for group in (link_photos, dense_groups):
        assert group(np.zeros((0, 0)), 0.5).tolist() == []
        assert group(np.ones((1, 1)), 0.5).tolist() == [0]
        assert len(group(np.array([[1, 0.2], [0.2, 1]]), 0.5)) == 2
    assert mean_within(np.ones((1, 1))) is None
    assert mean_within(np.array([[1, 0.8], [0.6, 1]])) == pytest.approx(0.7)


def test_the_share_of_genuine_pairs_is_found() -> None:
    scores, identities = blocks((4,) * 30, same=0.999, different=0.001)
    true = (identities[:, None] == identities)[np.triu_indices(120, 1)].mean()
    assert same_pair_share(scores) == pytest.approx(true, rel=0.05)


def test_the_share_is_bounded_where_similarity_says_little() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.3, 0.9, (200, 200))
    assert same_pair_share((noise + noise.T) / 2) == pytest.approx(MOST_PARTNERS / 199)
    assert same_pair_share(np.full((200, 200), 0.02)) == pytest.approx(2 / (200 * 199))
    assert same_pair_share(np.ones((1, 1))) == 0.5


@pytest.mark.parametrize("group", [link_photos, dense_groups])
def test_three_thousand_photos(group) -> None:
    """The size at which cluster_selection_epsilon of scikit-learn's HDBSCAN fails on precomputed distances."""
    rule = DecisionRule.fit(held_out_of(60, 4, noise=0.15, dim=24))
    rows = embeddings_of(600, 5, noise=0.15, dim=24, seed=1)
    p = rule.probability(rows @ rows.T)
    p = rule.probability(rows @ rows.T, prior=same_pair_share(p))
    labels = group(p, 0.5)
    identities = np.repeat(np.arange(600), 5)
    groups = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    pure = [len(np.unique(identities[rows])) == 1 for rows in groups if len(rows) > 1]
    assert np.mean(pure) > 0.98
    assert len(pure) > 500
