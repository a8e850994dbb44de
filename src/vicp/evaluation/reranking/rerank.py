"""The second stage of retrieval: each query's shortlist in a new order, and its metrics.

Photos outside the shortlist keep their places after it. So a right photo there keeps its rank, and one inside loses
the wrong photos that the first stage put before it in the shortlist, and gains those that the second stage does.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vicp.evaluation.reranking.shortlist import Shortlist
from vicp.evaluation.task import RetrievalTask
from vicp.metrics import Retrieval
from vicp.metrics.ranking import join_blocks, ranked_blocks, sides, summarise
from vicp.metrics.ranks import BLOCK_SIZE, Ranked, Side

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def rerank(shortlist: Shortlist, scores: NDArray[np.floating]) -> Shortlist:
    """Return the same rows by second-stage score, the highest first; equal ones keep the order of the first stage.

    >>> import numpy as np
    >>> first = Shortlist(np.array([[4, 7, 2]]), np.array([[0.9, 0.8, 0.7]]))
    >>> rerank(first, np.array([[0.1, 0.5, 0.1]])).rows.tolist()
    [[7, 4, 2]]

    Args:
        shortlist: Of Q queries, k places.
        scores: (Q, k), higher is closer; whatever stands at empty places counts for nothing.

    Raises:
        ValueError: Scores of another shape, or NaN.
    """
    scores = _checked(shortlist, scores)
    order = np.argsort(np.where(shortlist.filled, -scores, np.inf), axis=1, kind="stable")  # (Q, k)
    return Shortlist(
        np.take_along_axis(shortlist.rows, order, axis=1), np.take_along_axis(shortlist.similarity, order, axis=1)
    )


def reranked_retrieval(
    task: RetrievalTask, shortlist: Shortlist, scores: NDArray[np.floating], *, block_size: int = BLOCK_SIZE
) -> Retrieval:
    """Return what every query finds after reranking, as exact and as small in memory as `vicp.metrics.retrieval`.

    Equal to it where both stages give the same order. Ties are pessimistic in both stages: wrong photos
    whose score equals a right one's stand before it, and so do those that the end of the shortlist has cut off
    although they are as similar as a right one inside.

    `best_positive` and `mistake_score` are the similarities of the first stage, of the right and the wrong photo that
    stand first after the second: they do not say which of the two comes before the other, so `open_set` has no use
    for them.

    Args:
        task: Q queries in a gallery of G.
        shortlist: From `find_shortlist` of the same task.
        scores: (Q, k) of the second stage, higher is closer.
        block_size: As for `retrieval`.

    Raises:
        ValueError: What `retrieval` and `rerank` refuse, or a shortlist made otherwise.
    """
    scores = _checked(shortlist, scores)
    if len(shortlist.rows) != len(task.query):
        raise ValueError(f"the shortlist is of {len(shortlist.rows)} queries; expected {len(task.query)}")
    query_side, gallery_side = sides(
        task.query,
        task.gallery,
        task.query_identities,
        task.gallery_identities,
        task.query_groups,
        task.gallery_groups,
    )
    blocks = []
    for block in ranked_blocks(query_side, gallery_side, own_rows=task.own_rows, block_size=block_size):
        part = slice(block.start, block.start + len(block.index))
        listed = Shortlist(shortlist.rows[part], shortlist.similarity[part])
        blocks.append(_rerank_block(block, listed, scores[part], query_side.codes[part], gallery_side))
    return join_blocks(blocks)


def _rerank_block(block: Ranked, listed: Shortlist, scores: Floats, codes: Ints, gallery: Side) -> Retrieval:
    """Return what R queries find when their shortlists (R, k) are re-ordered."""
    same = listed.filled & (gallery.codes[listed.rows] == codes[:, None])  # (R, k)
    wrong = listed.filled & ~same
    query, column, place = _positives_listed(block, listed, same)
    change = _count_wrong(scores, wrong) - _count_wrong(listed.similarity, wrong)  # (R, k)
    above = block.above.copy()
    above[query, place] += change[query, column]
    mistake, mistake_score = _first(listed, scores, wrong, block.mistake, block.mistake_score)
    moved = replace(block, above=above, mistake=mistake, mistake_score=mistake_score)
    before = summarise(moved)
    return replace(before, best_positive=_first(listed, scores, same, block.mistake, before.best_positive)[1])


def _positives_listed(block: Ranked, listed: Shortlist, same: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Return the positives in shortlists as (query, place in the shortlist, place in `block.index`), each (n,).

    Raises:
        ValueError: One that the ranking leaves out, or that has another similarity there.
    """
    num_rows = 1 + int(max(block.index.max(initial=0), listed.rows.max(initial=0)))
    query, column = np.nonzero(same)
    wanted = query * num_rows + listed.rows[query, column]  # (n,)
    positive_query, positive_place = np.nonzero(block.found)
    positives = positive_query * num_rows + block.index[positive_query, positive_place]
    order = np.argsort(positives)
    at = np.searchsorted(positives, wanted, sorter=order)
    if (at == len(positives)).any() or (positives[order[at]] != wanted).any():
        raise ValueError("the shortlist holds rows that own_rows or groups leave out: make it with the same ones")
    place = positive_place[order[at]]
    if (block.scores[query, place] != listed.similarity[query, column]).any():
        raise ValueError("the shortlist was made with other embeddings than these")
    return query, column, place


def _count_wrong(scores: Floats, wrong: NDArray[np.bool_]) -> Ints:
    """Return how many wrong photos of the shortlist score at least as high as each photo in it, (R, k)."""
    counts = [((scores >= own[:, None]) & wrong).sum(axis=1) for own in scores.T]  # k times (R,)
    return np.stack(counts, axis=1)


def _first(
    listed: Shortlist, scores: Floats, among: NDArray[np.bool_], rows: Ints, similarity: Floats
) -> tuple[Ints, Floats]:
    """Return the row and similarity of the first of these photos, (R,) each; as given where there is none."""
    best = np.where(among, scores, -np.inf).max(axis=1, keepdims=True)
    column = (among & (scores == best)).argmax(axis=1)  # the first of equal ones
    some, query = among.any(axis=1), np.arange(len(column))
    first = listed.rows[query, column], listed.similarity[query, column]
    return np.where(some, first[0], rows), np.where(some, first[1], similarity)


def _checked(shortlist: Shortlist, scores: NDArray[np.floating]) -> Floats:
    """Return the scores as float64, (Q, k)."""
    if scores.shape != shortlist.rows.shape:
        raise ValueError(f"scores are {scores.shape}; expected {shortlist.rows.shape} as the shortlist")
    if np.isnan(scores[shortlist.filled]).any():
        raise ValueError("scores hold NaN; expected numbers")
    return scores.astype(np.float64)
