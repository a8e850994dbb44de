"""Proposals: what is asked first, and what never is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapt.synthetic import pairs_of
from tests.decisions.individuals import embeddings_of

from vicp.adapt.encoded_support import relate_pairs
from vicp.data.support.support import Support
from vicp.gallery.labelling.active_learning import STRATEGIES, Strategy, propose_pairs


def unit(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(np.array(degrees, dtype=np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def known(num: int, *rows: tuple[int, int, bool]) -> tuple[np.ndarray, np.ndarray]:
    nothing = Support(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))
    return relate_pairs(pairs_of(*rows) if rows else nothing, [str(i) for i in range(num)])


def asked(rows: np.ndarray, count: int, *labelled: tuple[int, int, bool], **settings: object) -> list[tuple[int, int]]:
    found = propose_pairs(rows, *known(len(rows), *labelled), count, **settings)  # type: ignore[arg-type]
    return [(p.left, p.right) for p in found]


def test_likely_asks_the_closest_first_each_photo_once_and_copies_last() -> None:
    rows = unit(0, 10, 50, 56, 120, 120.5)  # 4 and 5 are one shot
    assert asked(rows, 3, strategy="likely") == [(2, 3), (0, 1), (4, 5)]


def test_uncertain_asks_what_is_nearest_the_boundary() -> None:
    rows = unit(0, 10, 90, 130)
    assert asked(rows, 1, strategy="uncertain", boundary=float(np.cos(np.deg2rad(40)))) == [(2, 3)]


def test_balanced_takes_turns() -> None:
    found = propose_pairs(embeddings_of(12, 3).astype(np.float32), *known(36), 8)
    assert [p.why for p in found] == ["likely same", "uncertain"] * 4
    assert len({photo for p in found for photo in (p.left, p.right)}) == 16


def test_a_label_that_is_known_or_follows_is_not_asked_for() -> None:
    rows = unit(0, 2, 4, 90)
    # 0, 1 and 2 are one individual; 3 is not 0, hence none of them.
    assert asked(rows, 9, (0, 1, True), (1, 2, True), (0, 3, False), strategy="likely") == []
    assert asked(rows, 9, (0, 1, True), (1, 2, True), strategy="likely") == [(2, 3)]


def test_likely_pairs_of_many_individuals_are_mostly_the_same() -> None:
    names = np.repeat(np.arange(20), 3)
    found = asked(embeddings_of(20, 3), 16, strategy="likely")
    drawn = asked(embeddings_of(20, 3), 16, strategy="random", seed=1)
    assert sum(names[a] == names[b] for a, b in found) >= 14
    assert sum(names[a] == names[b] for a, b in drawn) <= 3


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(1, 40), st.sampled_from(STRATEGIES), st.integers(0, 5))
def test_proposals_are_distinct_unknown_pairs(num: int, count: int, strategy: Strategy, seed: int) -> None:
    rows = embeddings_of(num, 2, seed=seed)
    labelled = ((0, 1, True), (1, 2, False)) if num > 2 else ((0, 1, True),)
    _, relation = known(2 * num, *labelled)
    found = asked(rows, count, *labelled, strategy=strategy, seed=seed)
    assert len(set(found)) == len(found) <= count
    assert all(a < b and relation[a, b] == 0 for a, b in found)
    assert found == asked(rows, count, *labelled, strategy=strategy, seed=seed)
    unknown = int(np.triu(relation == 0, 1).sum())
    assert bool(found) == bool(unknown)


def test_a_count_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        asked(unit(0, 1), 0)
