"""Pairs of identities, the searches of held-out identities, and the thresholds and shortages they give: by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_searches import ImpostorSearches
from vicp.decisions.impostor_trials import pair_impostors, search_held_out, searches_among
from vicp.decisions.outcome import InsufficientPairs, Threshold
from vicp.decisions.sentences import shortage_sentence


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_everybody_but_one_finds_a_partner_where_all_are_neighbours() -> None:
    for num in (2, 7, 30):
        pairs = pair_impostors({a: set(range(num)) - {a} for a in range(num)}, rng())
        assert len(pairs) == num // 2
        assert len({a for pair in pairs for a in pair}) == 2 * (num // 2)


def test_a_star_has_one_pair() -> None:
    assert len(pair_impostors({0: {1, 2, 3, 4}, 1: {0}, 2: {0}, 3: {0}, 4: {0}}, rng())) == 1


@settings(max_examples=40, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]), max_size=20))
def test_pairs_are_disjoint_neighbours_and_nobody_free_is_left(edges: set[tuple[int, int]]) -> None:
    neighbours: dict[int, set[int]] = {a: set() for a in range(10)}
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    pairs = pair_impostors(neighbours, rng())
    used = [a for pair in pairs for a in pair]
    assert len(used) == len(set(used))
    assert all(b in neighbours[a] for a, b in pairs)
    assert all(a in used or b in used for a, b in edges)


def test_the_best_impostor_by_hand() -> None:
    # Individuals 0, 0, 1, 2, 3; nobody's own photos count.
    similarity = np.array(
        [
            [1.0, 0.9, 0.5, 0.1, 0.2],
            [0.9, 1.0, 0.5, 0.1, 0.2],
            [0.5, 0.5, 1.0, 0.3, 0.7],
            [0.1, 0.1, 0.3, 1.0, 0.4],
            [0.2, 0.2, 0.7, 0.4, 1.0],
        ]
    )
    found = search_held_out(HeldOut.of_identities(similarity, np.array([0, 0, 1, 2, 3])))
    assert (found.candidates, found.complete, len(found.best)) == ((1, 2, 3), True, 2)
    among_all = sorted(value for row in found.best for value in row[-1])
    assert among_all == pytest.approx([0.4, 0.5, 0.7, 0.7])
    for row in found.best:  # with one candidate a pair is one search, and more candidates are never further away
        assert row[0][0] == row[0][1]
        assert row[0][0] <= max(row[1]) <= max(row[2])


def test_pairs_alone_bound_pairs_alone() -> None:
    """Labelled different-pairs of individuals that stand in no other: one pair of identities each, one candidate."""
    num = 6
    similarity = np.arange(144, dtype=np.float64).reshape(12, 12) / 144
    relation = np.zeros((12, 12), np.int8)
    for k in range(num):
        relation[2 * k, 2 * k + 1] = relation[2 * k + 1, 2 * k] = -1
    found = search_held_out(HeldOut.of(similarity, np.arange(12), relation))
    assert (found.candidates, found.complete, len(found.best)) == ((1,), False, 6)
    assert found.threshold(0.4, confidence=0.9).similarity == pytest.approx(similarity[11, 10], abs=1e-6)
    over_three = found.threshold(0.4, confidence=0.9, candidates=3)  # 0.4 / 3 a pair takes 17 pairs
    assert (over_three.searches, over_three.missing) == (6, 11)


def searches_of(values: list[tuple[float, float]], candidates: int) -> ImpostorSearches:
    return ImpostorSearches((candidates,), tuple((pair,) for pair in values), complete=True)


def test_without_failures_the_threshold_is_the_best_impostor_of_all() -> None:
    values = [(i / 100, i / 100 + 0.005) for i in range(23)]
    found = searches_of(values, 45).threshold(0.1, confidence=0.9, candidates=45)
    assert found == Threshold(0.225, 0.1, 0.9, 45, 22, 0)  # 0.9^22 = 0.098


def test_each_failure_lets_two_identities_through() -> None:
    # Of 38 searches one may fail: P(Binomial(38, 0.1) <= 1) = 0.095.
    values = [(i / 100, i / 100 + 0.005) for i in range(39)]
    found = searches_of(values, 77).threshold(0.1, confidence=0.9, candidates=77)
    assert (found.failures, found.searches) == (1, 38)
    assert found.similarity == 0.375  # the third largest of 0.385, 0.38, 0.375


def test_a_pair_is_independent_outright() -> None:
    found = searches_of([(i / 100, i / 100) for i in range(22)], 1).threshold(0.1, confidence=0.9)
    assert (found.similarity, found.searches) == (0.21, 22)


def test_more_candidates_than_compared_bound_less() -> None:
    values = [(i / 100, i / 100) for i in range(46)]
    found = searches_of(values, 91)
    assert isinstance(found.threshold(0.05, confidence=0.9, candidates=91), Threshold)
    short = found.threshold(0.05, confidence=0.9, candidates=910)
    assert isinstance(short, InsufficientPairs)
    assert short.least_rate == pytest.approx(10 * (1 - 0.1 ** (1 / 45)))
    assert isinstance(found.threshold(0.51, confidence=0.9, candidates=910), Threshold)


def test_what_is_missing_is_exact() -> None:
    short = searches_of([(0.1, 0.2)] * 22, 1).threshold(0.05, confidence=0.95)
    assert isinstance(short, InsufficientPairs)
    assert (short.searches, short.missing) == (22, 37)  # 59 in all
    assert shortage_sentence(short).startswith("37 more different-pairs, each of two individuals not among those")
    assert isinstance(searches_of([(0.1, 0.2)] * 58, 1).threshold(0.05, confidence=0.95), InsufficientPairs)
    assert isinstance(searches_of([(0.1, 0.2)] * 59, 1).threshold(0.05, confidence=0.95), Threshold)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.floats(0.03, 0.4), st.integers(1, 200), st.sampled_from([None, 0.8, 0.95]))
def test_with_what_was_missing_there_is_a_threshold(
    num: int, rate: float, candidates: int, confidence: float | None
) -> None:
    def threshold(individuals: int) -> Threshold | InsufficientPairs:
        best = rng().random(individuals)
        return searches_among(best).threshold(rate, confidence=confidence, candidates=candidates)

    found = threshold(num)
    if isinstance(found, InsufficientPairs) and candidates > 1:
        assert found.missing >= 1
        pairs = num // 2 + found.missing
        assert isinstance(threshold(2 * pairs), Threshold)
        assert isinstance(threshold(2 * pairs - 2), InsufficientPairs)


def test_on_average_fewer_are_enough() -> None:
    found = searches_among(rng().random(40)).threshold(0.05, confidence=None, candidates=39)
    assert isinstance(found, Threshold)
    assert found.similarity == rng().random(40).max()  # 2 / 41


def test_nobody_to_compare_bounds_nothing() -> None:
    alone = search_held_out(HeldOut.of_identities(np.eye(2), np.array([0, 0])))
    found = alone.threshold(0.05, confidence=0.9)
    assert isinstance(found, InsufficientPairs)
    assert (found.searches, found.missing, found.least_rate) == (0, 45, None)
    with pytest.raises(ValueError, match="at least 1"):
        alone.threshold(0.05, candidates=0)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
def test_the_fewest_individuals_satisfy_the_bound_of_docs_decisions(confidence: float) -> None:
    for rate in (0.01, 0.05, 0.1, 0.25, 0.5):
        nobody = searches_among(np.zeros(0)).threshold(rate, confidence=confidence, candidates=2)
        assert isinstance(nobody, InsufficientPairs)
        num = 2 * nobody.missing
        no_match = np.prod(1 - np.arange(num) * rate / num)
        assert no_match <= 1 - confidence
