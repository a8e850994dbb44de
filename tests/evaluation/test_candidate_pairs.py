import numpy as np
import pytest

from vicp.evaluation.reranking.candidate_pairs import candidate_pairs, score_pairs
from vicp.evaluation.reranking.shortlist import Shortlist


def shortlist_of(rows: list[list[int]]) -> Shortlist:
    return Shortlist(np.array(rows), np.zeros((len(rows), len(rows[0]))))


def test_pairs_that_occur_both_ways_are_scored_once():
    # Photos 10, 11, 12, each looked up among the others; photo 12 finds only photo 10.
    photos = np.array([10, 11, 12])
    shortlist = shortlist_of([[1, 2], [0, 2], [0, -1]])
    pairs = candidate_pairs(shortlist, query_photos=photos, gallery_photos=photos)
    assert pairs.photos.tolist() == [10, 11, 12]
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    asked: list[tuple[int, int]] = []
    done: list[tuple[int, int]] = []

    def score(left, right):
        asked.extend(zip(left.tolist(), right.tolist(), strict=True))
        return (10 * left + right).astype(np.float32)

    scores = score_pairs(pairs, score, batch_size=2, progress=lambda *counts: done.append(counts))
    assert asked == [(0, 1), (0, 2), (1, 2)]
    assert done == [(2, 3), (3, 3)]
    assert scores.tolist() == [[1, 2], [1, 12], [2, -np.inf]]


def test_queries_and_gallery_are_rows_of_one_table():
    shortlist = shortlist_of([[0, 1], [1, 0]])
    pairs = candidate_pairs(shortlist, query_photos=np.array([7, 2]), gallery_photos=np.array([5, 9]))
    assert pairs.photos.tolist() == [2, 5, 7, 9]  # and nothing else of the table
    known = [(int(pairs.photos[a]), int(pairs.photos[b])) for a, b in zip(pairs.left, pairs.right, strict=True)]
    assert [[known[place] for place in row] for row in pairs.places] == [[(5, 7), (7, 9)], [(2, 9), (2, 5)]]


def test_empty_shortlists_make_no_pairs():
    pairs = candidate_pairs(shortlist_of([[-1, -1]]), query_photos=np.array([3]), gallery_photos=np.array([4]))
    assert len(pairs.left) == len(pairs.photos) == 0
    assert np.isneginf(score_pairs(pairs, lambda left, right: left, batch_size=8)).all()


def test_photos_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="query_photos"):
        candidate_pairs(shortlist_of([[0, 4]]), query_photos=np.array([3]), gallery_photos=np.arange(4))
