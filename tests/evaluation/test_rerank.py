"""The second stage by hand, against a full sort, and equal to the first where both say the same."""

import doctest

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.test_shortlist import draw, draw_grid, lookup

from vicp.evaluation.reranking import rerank as rerank_module
from vicp.evaluation.reranking.rerank import rerank, reranked_retrieval
from vicp.evaluation.reranking.shortlist import Shortlist, find_shortlist
from vicp.evaluation.task import RetrievalTask
from vicp.metrics import Retrieval, retrieval

QUERY = torch.tensor([[1.0, 0.0]])
A = np.array(["a"])


def gallery_of(*similarities: float) -> torch.Tensor:
    """Rows at these similarities to QUERY."""
    cosine = torch.tensor(similarities)
    return torch.stack([cosine, (1 - cosine**2).sqrt()], dim=1)


def found(gallery: torch.Tensor, names: str, scores: list[float]) -> Retrieval:
    task = RetrievalTask(QUERY, gallery, A, np.array(list(names)))
    return reranked_retrieval(task, find_shortlist(task, size=len(scores)), np.array([scores]))


def test_rows_go_by_score_and_ties_by_the_first_stage():
    first = Shortlist(np.array([[4, 7, 2, 9], [3, 1, -1, -1]]), np.array([[0.9, 0.8, 0.7, 0.6], [0.5, 0.4, -9, -9]]))
    second = rerank(first, np.array([[0.1, 0.5, 0.5, 0.2], [-np.inf, 0.0, np.nan, 8.0]]))
    assert second.rows.tolist() == [[7, 2, 9, 4], [1, 3, -1, -1]]
    assert second.similarity.tolist() == [[0.8, 0.7, 0.6, 0.9], [0.4, 0.5, -9, -9]]


def test_ranks_inside_and_outside_by_hand():
    # First stage: b a b a | b a. The second turns the shortlist into a a b b, of which nothing outside is aware.
    result = found(gallery_of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4), "bababa", [1.0, 4.0, 2.0, 3.0])
    assert result.average_precision.tolist() == [pytest.approx((1 / 1 + 2 / 2 + 3 / 6) / 3)]
    assert result.first_hit.tolist() == [1]
    assert result.inverse_penalty.tolist() == [3 / 6]
    assert result.mistake.tolist() == [2]
    np.testing.assert_allclose([result.best_positive, result.mistake_score], [[0.8], [0.7]], atol=1e-6)


def test_a_wrong_photo_of_equal_second_score_stands_before():
    result = found(gallery_of(0.9, 0.8, 0.7), "abb", [5.0, 5.0, 1.0])
    assert result.first_hit.tolist() == [2]
    assert result.mistake.tolist() == [1]


def test_a_shortlist_without_the_answer_changes_no_rank():
    gallery = gallery_of(0.9, 0.8, 0.7, 0.6)
    result = found(gallery, "bbab", [1.0, 2.0])
    assert result.first_hit.tolist() == [3]
    assert result.average_precision.tolist() == [pytest.approx(1 / 3)]
    assert (result.mistake.tolist(), result.best_positive[0]) == ([1], pytest.approx(0.7, abs=1e-6))


def test_equals_cut_off_at_the_end_stand_before_a_right_photo_inside():
    # The cut keeps row 0 and drops row 1, which is as similar: luck that the score must not reward.
    result = found(gallery_of(0.5, 0.5), "ab", [9.0])
    assert result.first_hit.tolist() == [2]


def naive(query, gallery, query_names, gallery_names, left_out, size, second):
    """A full sort of two keys: second score inside the shortlist, first outside; negatives before equal positives."""
    similarity = (
        torch.nn.functional.normalize(query.double(), dim=1)
        @ torch.nn.functional.normalize(gallery.double(), dim=1).t()
    )
    averages = []
    for row, name in enumerate(query_names):
        keep = np.flatnonzero(~left_out[row])
        order = keep[np.argsort(-similarity[row].numpy()[keep], kind="stable")]
        listed, rest = order[:size], order[size:]
        right = gallery_names == name
        listed = listed[np.lexsort((right[listed], -second[row, listed]))]
        ranks = np.flatnonzero(right[np.concatenate([listed, rest])]) + 1
        averages.append((np.arange(1, len(ranks) + 1) / ranks).mean() if len(ranks) else np.nan)
    return np.array(averages)


@pytest.mark.parametrize("size", [1, 20, 100, 300])
def test_a_full_sort_agrees(size):
    rng = np.random.default_rng(5)
    photos, names, groups = draw(0, 260), rng.integers(40, size=260), rng.integers(-1, 3, size=260)
    query, own = photos[::2], np.arange(0, 260, 2)
    left_out = (names[own, None] == names) & (groups[own, None] == groups) & (groups[own, None] >= 0)
    left_out[np.arange(130), own] = True
    task = RetrievalTask(query, photos, names[own], names, own, groups[own], groups)
    shortlist = find_shortlist(task, size=size, block_size=50)
    second = rng.integers(6, size=(130, 260)).astype(np.float32)  # ties everywhere
    scores = np.take_along_axis(second, shortlist.rows.clip(0), axis=1)
    result = reranked_retrieval(task, shortlist, scores, block_size=50)
    expected = naive(query, photos, names[own], names, left_out, size, second)
    np.testing.assert_allclose(result.average_precision, expected, rtol=1e-12)
    assert (result.first_hit == 0).tolist() == np.isnan(expected).tolist()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    size=st.integers(1, 60),
    block_size=st.integers(1, 60),
    source=st.sampled_from([draw, draw_grid]),
    leave_one_out=st.booleans(),
)
def test_a_second_stage_that_repeats_the_first_changes_nothing_at_all(seed, size, block_size, source, leave_one_out):
    gallery, names = source(seed, 50), np.random.default_rng(seed).integers(6, size=50)
    groups = np.random.default_rng(seed + 1).integers(-1, 3, size=50)
    query = gallery if leave_one_out else source(seed + 2, 50)
    rules = {
        "own_rows": np.arange(50) if leave_one_out else None,
        "query_groups": groups,
        "gallery_groups": groups,
    }
    task = RetrievalTask(query, gallery, names, names, **rules)
    shortlist = find_shortlist(task, size=size, block_size=block_size)
    two = reranked_retrieval(task, shortlist, shortlist.similarity, block_size=block_size)
    one = retrieval(query, gallery, names, names, **rules, block_size=block_size)
    for field in Retrieval.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(two, field), getattr(one, field), err_msg=field)


def test_shortlists_of_other_rules_or_embeddings_are_refused():
    photos, names = draw(0, 6), np.array([0, 0, 1, 1, 2, 2])
    own = np.arange(6)
    task = RetrievalTask(photos, photos, names, names, own_rows=own)
    shortlist = find_shortlist(lookup(photos, photos), size=3)  # each photo finds itself
    with pytest.raises(ValueError, match="leave out"):
        reranked_retrieval(task, shortlist, shortlist.similarity)
    shortlist = find_shortlist(lookup(draw(1, 6), draw(1, 6), own_rows=own), size=6)
    with pytest.raises(ValueError, match="other embeddings"):
        reranked_retrieval(task, shortlist, shortlist.similarity)
    with pytest.raises(ValueError, match="queries"):
        reranked_retrieval(RetrievalTask(photos[:2], photos, names[:2], names), shortlist, shortlist.similarity)


def test_wrong_scores_are_refused():
    shortlist = find_shortlist(lookup(draw(0, 2), draw(1, 5)), size=3)
    with pytest.raises(ValueError, match=r"scores are \(2, 2\)"):
        rerank(shortlist, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="NaN"):
        rerank(shortlist, np.full((2, 3), np.nan))


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(rerank_module) == (0, 2 + 1)
