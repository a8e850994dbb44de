"""Sparse k-reciprocal encoding against the equations written out with dense matrices and sets."""

import numpy as np
import pytest
import torch
from tests.evaluation.test_shortlist import draw, lookup

from vicp.evaluation.reranking.k_reciprocal import k_reciprocal_scores, neighbourhood
from vicp.evaluation.reranking.shortlist import find_shortlist


def clusters(seed: int, num: int, num_clusters: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(num_clusters, 8))
    return torch.from_numpy(centres[rng.integers(num_clusters, size=num)] + 0.5 * rng.normal(size=(num, 8))).float()


def dense(photos: torch.Tensor, k1: int, k2: int, weight: float) -> np.ndarray:
    """d* between all photos, (n, n): equations 2 to 12 of arXiv 1701.08398, a photo its own nearest."""
    unit = torch.nn.functional.normalize(photos.double(), dim=1).numpy()
    num = len(unit)
    distance = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
    order = np.argsort(distance, axis=1, kind="stable")

    def nearest(p: int, k: int) -> set[int]:
        return {p, *[int(g) for g in order[p] if g != p][:k]}

    def reciprocal(p: int, k: int) -> set[int]:
        return {g for g in nearest(p, k) if p in nearest(g, k)}

    encoding = np.zeros((num, num))
    for p in range(num):
        own = reciprocal(p, k1)
        relatives = set(own)
        for q in own:
            theirs = reciprocal(q, k1 // 2)
            if len(own & theirs) >= 2 / 3 * len(theirs):
                relatives |= theirs
        for g in relatives:
            encoding[p, g] = np.exp(-distance[p, g])
    expanded = np.stack([encoding[sorted(nearest(p, k2 - 1))].mean(axis=0) for p in range(num)])
    smaller = np.minimum(expanded[:, None], expanded[None]).sum(axis=2)
    larger = np.maximum(expanded[:, None], expanded[None]).sum(axis=2)
    return (1 - weight) * (1 - smaller / larger) + weight * distance


@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (6, 3, 0.3), (6, 1, 0.0), (200, 6, 0.5)])
def test_the_equations_agree_where_each_photo_is_looked_up_among_the_others(k1, k2, weight):
    photos = clusters(0, 60, 6)
    own = np.arange(60)
    task = lookup(photos, photos, own_rows=own)
    shortlist = find_shortlist(task, size=15)
    scores = k_reciprocal_scores(task, shortlist, k1=k1, k2=k2, weight=weight, block_size=17)
    expected = np.take_along_axis(dense(photos, k1, k2, weight), shortlist.rows, axis=1)
    np.testing.assert_allclose(scores, -expected, atol=1e-6)


def test_the_equations_agree_on_the_union_of_queries_and_gallery():
    query, gallery = clusters(1, 25, 6), clusters(2, 50, 6)
    query[4] = gallery[9]  # a query that is a photo of the gallery, and counts once
    own = np.full(25, -1)
    own[4] = 9
    task = lookup(query, gallery, own_rows=own)
    shortlist = find_shortlist(task, size=50)
    scores = k_reciprocal_scores(task, shortlist, k1=10, k2=4)
    others = [i for i in range(25) if i != 4]
    expected = dense(torch.cat([query[others], gallery]), 10, 4, 0.3)
    for row, photo in [*zip(others, range(24), strict=True), (4, 24 + 9)]:
        filled = shortlist.rows[row] >= 0
        np.testing.assert_allclose(scores[row, filled], -expected[photo, 24 + shortlist.rows[row, filled]], atol=1e-6)
    assert np.isneginf(scores[4, 49])
    assert np.isfinite(scores).sum() == 25 * 50 - 1


def test_photos_with_the_same_neighbours_come_forward():
    """Two photos tie in similarity to the query; only one is among the photos around it."""
    angles = np.deg2rad([0, 4, 8, 12, 16, -16, -50, -52, -54])
    photos = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], axis=1)).float()
    task = lookup(photos[:1], photos, own_rows=np.array([0]))
    shortlist = find_shortlist(task, size=8)
    scores = k_reciprocal_scores(task, shortlist, k1=4, k2=1)[0]
    by_row = dict(zip(shortlist.rows[0].tolist(), scores.tolist(), strict=True))
    assert by_row[4] > by_row[5] + 0.1


def test_block_size_changes_nothing_and_progress_ends_at_all_pairs():
    photos = draw(3, 40)
    task = lookup(photos, photos, own_rows=np.arange(40))
    shortlist = find_shortlist(task, size=7)
    done: list[tuple[int, int]] = []
    scores = k_reciprocal_scores(task, shortlist, progress=lambda *counts: done.append(counts))
    other = k_reciprocal_scores(task, shortlist, block_size=3)
    np.testing.assert_array_equal(other, scores)
    assert done == [(280, 280)]


@pytest.mark.parametrize("change", [{"k1": 0}, {"k2": 0}, {"k1": 4, "k2": 6}, {"weight": 1.5}])
def test_k_reciprocal_scores_refuses_settings_out_of_range(change):
    photos = draw(0, 5)
    task = lookup(photos, photos)
    shortlist = find_shortlist(task, size=2)
    with pytest.raises(ValueError, match="expected 1 <= k2"):
        k_reciprocal_scores(task, shortlist, **change)


@pytest.mark.parametrize(
    ("photos", "leave_one_out", "expected"),
    [
        ([4, 4, 4], True, (3, 1)),
        ([4, 4, 4], False, (4, 1)),
        ([12, 12, 2], True, (11, 3)),
        ([60, 60], False, (20, 6)),  # the paper's
        ([1, 1, 1], True, (1, 1)),
    ],
)
def test_as_many_neighbours_as_the_median_individual_has_photos(photos, leave_one_out, expected):
    names = np.repeat([f"i{n}" for n in range(len(photos))], photos)
    assert neighbourhood(names, leave_one_out=leave_one_out) == expected
