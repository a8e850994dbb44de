"""The study of what is believed, on made-up sets whose individuals are easy or hard to tell apart."""

from dataclasses import asdict

import numpy as np
import pytest
from tests.decisions.individuals import embeddings_of

from benchmarks.decisions import believed, borrow, other_categories
from benchmarks.decisions.photo_sets import rows_of, with_partners
from benchmarks.decisions.support_draws import draw_searches
from benchmarks.lib.embedded_sets import EmbeddedSet
from vicp.decisions.borrowed import BorrowedCategory


def made_up(name: str, *, noise: float, seed: int, num: int = 20, centre: float = 0.0) -> EmbeddedSet:
    rows = embeddings_of(num, 5, noise=noise, dim=16, seed=seed) + centre * np.eye(16)[seed % 16]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    identities = np.repeat([f"{name}/{i}" for i in range(num)], 5)
    paths = np.array([f"{name}/{i}.jpg" for i in range(len(rows))])
    return EmbeddedSet(name, rows, identities, np.full(len(rows), name), paths)


@pytest.fixture(scope="module")
def sets() -> dict[str, EmbeddedSet]:
    return {name: made_up(name, noise=noise, seed=seed) for seed, (name, noise) in enumerate([("a", 0.3), ("b", 1.0)])}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(believed, "DRAWS", dict.fromkeys(believed.SIZES, 4))
    monkeypatch.setattr(borrow, "DRAWS", 2)
    monkeypatch.setattr(other_categories, "DRAWS", 2)


def test_a_draw_searches_photos_that_nothing_was_fitted_on(sets: dict[str, EmbeddedSet]) -> None:
    draw = draw_searches(sets["a"], 6, "null", 3, 0)
    assert draw is not None
    assert draw.photos.tolist() == [3] * 6
    assert draw.held_out.similarity.shape == (18, 18)
    known = draw.truth >= 0
    assert (known.sum(), (~known).sum()) == (6 * 2, 60)
    assert (draw.similarity[known].argmax(axis=1) == draw.truth[known]).mean() > 0.9


def test_an_easier_category_has_a_steeper_curve(sets: dict[str, EmbeddedSet]) -> None:
    rows = borrow.borrowed_categories(sets, "mini", 0)
    slope = {(row.category, row.kind): row.slope for row in rows}
    assert set(slope) == {(name, kind) for name in "ab" for kind in ("plain", "metric")}
    assert slope["a", "plain"] > slope["b", "plain"] > 0


def test_beliefs_are_scored_by_what_other_sets_lend(sets: dict[str, EmbeddedSet]) -> None:
    others = {name: made_up(name, noise=0.6, seed=seed) for seed, name in ((5, "c"), (6, "d"))}
    rows = borrow.borrowed_categories(sets | others, "mini", 0)
    for size in (6, 12):
        scored = believed.measure_believed(sets["a"], rows, "null", size, 0, "mini")
        assert scored is not None
        found = believed.summarise({"a": scored["hierarchical"]})
        assert found["ece"] < 0.15
        assert found["top1"] > 0.8
        assert found["share_answered"] > 0.9
    assert believed.measure_believed(sets["a"], rows, "null", 24, 0, "mini") is None
    moved = [BorrowedCategory(**(asdict(row) | ({"slope": 99.0} if row.source == "a" else {}))) for row in rows]
    again = believed.measure_believed(sets["a"], moved, "null", 6, 0, "mini")
    first = believed.measure_believed(sets["a"], rows, "null", 6, 0, "mini")
    assert again["hierarchical"].loss.tolist() == first["hierarchical"].loss.tolist(), "a set lends itself nothing"


def test_photos_of_another_category_are_told_apart() -> None:
    apart = {name: made_up(name, noise=0.5, seed=seed, centre=3.0) for seed, name in ((1, "a"), (2, "b"))}
    found = other_categories.measure_other_categories(apart, 0)
    assert set(found) == {"6", "12"}, "24 individuals are not there"
    assert found["12"]["auroc"] > 0.95
    assert found["12"]["false_flags"] < 0.05 < found["12"]["flagged"]


def test_individuals_with_one_photo_are_left_out(sets: dict[str, EmbeddedSet]) -> None:
    one = rows_of(sets["a"], np.array([0, 1, 5]))
    assert with_partners(one).paths.tolist() == ["a/0.jpg", "a/1.jpg"]
