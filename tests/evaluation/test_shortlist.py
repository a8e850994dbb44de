"""The first stage against a full sort; what is left out; block sizes, threads and ties change nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vicp.evaluation.reranking.shortlist import find_shortlist
from vicp.evaluation.task import RetrievalTask


def lookup(query: torch.Tensor, gallery: torch.Tensor, **labels: np.ndarray) -> RetrievalTask:
    """Queries and gallery; without identities every row shows its own."""
    numbers = {"query_identities": np.arange(len(query)), "gallery_identities": np.arange(len(gallery))}
    return RetrievalTask(query, gallery, **(numbers | labels))


def draw(seed: int, num: int, dim: int = 8) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(num, dim))).float()


def draw_grid(seed: int, num: int) -> torch.Tensor:
    """Ones and zeros: cosines that float32 rounds, and ties everywhere."""
    embeddings = np.random.default_rng(seed).integers(2, size=(num, 4))
    embeddings[:, 0] = 1
    return torch.from_numpy(embeddings).float()


def naive(query, gallery, size, left_out):
    """A full sort in float64, similarities rounded to 1e-7, equal ones by row."""
    query, gallery = (torch.nn.functional.normalize(x.double(), dim=1) for x in (query, gallery))
    similarity = np.where(left_out, -np.inf, (query @ gallery.T).numpy().round(7))
    rows = np.argsort(-similarity, axis=1, kind="stable")[:, :size]
    values = np.take_along_axis(similarity, rows, axis=1)
    return np.where(np.isinf(values), -1, rows), values


def test_find_shortlist_gives_the_closest_rows_of_a_hand_made_gallery():
    degrees = torch.deg2rad(torch.tensor([40.0, 10.0, 90.0, -10.0]))
    gallery = torch.stack([degrees.cos(), degrees.sin()], dim=1) * torch.tensor([[1.0], [5.0], [2.0], [3.0]])
    found = find_shortlist(lookup(torch.tensor([[2.0, 0.0]]), gallery), size=3)
    assert found.rows.tolist() == [[1, 3, 0]]
    np.testing.assert_allclose(found.similarity, np.cos(np.deg2rad([[10, 10, 40]])), atol=1e-7)


@pytest.mark.parametrize("source", [draw, draw_grid])
def test_a_full_sort_agrees(source):
    query, gallery = source(0, 600), source(1, 700)
    own = np.random.default_rng(2).integers(-1, 700, size=600)
    names, shots = (np.random.default_rng(s).integers(-1, 3, size=1300) for s in (3, 4))
    left_out = (names[:600, None] == names[600:]) & (shots[:600, None] == shots[600:]) & (shots[:600, None] >= 0)
    left_out[np.flatnonzero(own >= 0), own[own >= 0]] = True
    groups = {
        "query_identities": names[:600],
        "gallery_identities": names[600:],
        "query_groups": shots[:600],
        "gallery_groups": shots[600:],
    }
    found = find_shortlist(lookup(query, gallery, own_rows=own, **groups), size=20, block_size=64)
    rows, similarity = naive(query, gallery, 20, left_out)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.similarity, similarity, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    block_size=st.integers(1, 60),
    size=st.integers(1, 60),
    source=st.sampled_from([draw, draw_grid]),
)
def test_block_size_changes_nothing(seed, block_size, size, source):
    query, gallery = source(seed, 9), source(seed + 1, 50)
    found = find_shortlist(lookup(query, gallery), size=size)
    other = find_shortlist(lookup(query, gallery), size=size, block_size=block_size)
    np.testing.assert_array_equal(other.rows, found.rows)
    np.testing.assert_array_equal(other.similarity, found.similarity)


def test_a_copy_ties_with_its_original_exactly_and_stands_behind_it():
    query, gallery = draw(0, 5, dim=384), draw(1, 30, dim=384)
    found = find_shortlist(lookup(query, torch.cat([gallery, gallery])), size=60, block_size=7)
    np.testing.assert_array_equal(found.rows[:, 1::2], found.rows[:, ::2] + 30)
    np.testing.assert_array_equal(found.similarity[:, 1::2], found.similarity[:, ::2])


def test_places_stay_empty_where_there_are_fewer():
    photos = draw(0, 3)
    found = find_shortlist(lookup(photos, photos, own_rows=np.arange(3)), size=4)
    assert [sorted(row) for row in found.rows[:, :2].tolist()] == [[1, 2], [0, 2], [0, 1]]
    assert (found.rows[:, 2:] == -1).all()
    assert np.isneginf(found.similarity[:, 2:]).all()
    assert found.filled.tolist() == [[True, True, False, False]] * 3


def test_a_photo_without_a_group_is_never_left_out():
    photos, names = draw(0, 4), np.array(["a", "a", "a", "b"])
    groups = np.array([-1, -1, 2, 2])
    found = find_shortlist(RetrievalTask(photos, photos, names, names, None, groups, groups), size=4)
    assert [set(row) - {-1} for row in found.rows.tolist()] == [{0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1, 3}, {0, 1, 2}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "at least 1"),
        ({"block_size": 0}, "at least 1"),
        ({"own_rows": np.zeros(2, dtype=np.int64)}, "own_rows"),
        ({"own_rows": np.full(3, 3)}, "own_rows"),
        ({"query_groups": np.zeros(3, dtype=np.int64)}, "belong together"),
        ({"gallery": torch.full((3, 8), torch.nan)}, "not finite"),
        ({"gallery": torch.ones(3, 7)}, "expected"),
    ],
)
def test_find_shortlist_refuses_what_does_not_fit(change, message):
    options = {"size": 2} | {name: value for name, value in change.items() if name in ("size", "block_size")}
    labels = {name: value for name, value in change.items() if name not in options}
    task = lookup(**({"query": draw(0, 3), "gallery": draw(1, 3)} | labels))
    with pytest.raises(ValueError, match=message):
        find_shortlist(task, **options)
