"""The first stage of retrieval: the gallery photos most similar to each query."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.evaluation.task import RetrievalTask
from vicp.metrics.grid import to_grid
from vicp.metrics.ranks import BLOCK_SIZE, QUERY_ROWS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shortlist:
    """The gallery photos that stand first for each of Q queries, k places.

    Attributes:
        rows: (Q, k) gallery rows, the first one first; -1 in the last places where there are fewer.
        similarity: (Q, k) float64 cosine similarity to the query, -inf where `rows` is -1. It descends until a second
            stage has re-ordered the rows.
    """

    rows: Ints
    similarity: Floats

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which places hold a gallery row, (Q, k)."""
        filled: NDArray[np.bool_] = self.rows >= 0
        return filled


def find_shortlist(task: RetrievalTask, *, size: int, block_size: int = BLOCK_SIZE) -> Shortlist:
    """Return the `size` gallery rows of highest cosine similarity to each query; ties go by gallery number.

    Exact (see `vicp.metrics.grid`), the same to the last bit for any block size and number of threads. Memory: the
    shortlist, one copy of the embeddings, and the similarities of 512 queries to one block of the gallery.

    Args:
        task: Q queries in a gallery of G; embeddings are normalised here.
        size: k.
        block_size: Gallery rows compared at a time.

    Raises:
        ValueError: Shapes that do not fit, embeddings that are not finite, a size or block size below 1, or groups
            of one side only.
    """
    query, gallery = task.query, task.gallery
    _check(query, gallery, size, task.own_rows, block_size)
    own = np.full(len(query), -1) if task.own_rows is None else task.own_rows
    shots = _shots(task)
    gallery_grid = to_grid(gallery)
    query_grid = gallery_grid if query is gallery else to_grid(query)
    rows, similarity = np.full((len(query), size), -1), np.full((len(query), size), -np.inf)
    for start in range(0, len(query), QUERY_ROWS):
        queries = slice(start, start + QUERY_ROWS)
        vectors = query_grid[queries].astype(np.float64)  # (R, D)
        for first in range(0, len(gallery), block_size):
            block = slice(first, first + block_size)
            scores = vectors @ gallery_grid[block].astype(np.float64).T  # (R, B)
            _leave_out(scores, own[queries] - first, shots, queries, block)
            _merge(rows[queries], similarity[queries], scores, first)
    return Shortlist(rows, similarity)


def _leave_out(scores: Floats, own: Ints, shots: tuple[Ints, Ints] | None, queries: slice, block: slice) -> None:
    """Set the similarity of rows that are not to be found to -inf, in place."""
    inside = np.flatnonzero((own >= 0) & (own < scores.shape[1]))
    scores[inside, own[inside]] = -np.inf
    if shots is not None:
        scores[shots[0][queries, None] == shots[1][block]] = -np.inf


def _merge(rows: Ints, similarity: Floats, scores: Floats, first: int) -> None:
    """Bring the shortlist (R, k) up to date, in place, with a block (R, B) that begins at gallery row `first`.

    Rows of earlier blocks come first where similarities are equal: the sort is stable.
    """
    num, size = rows.shape
    cut = torch.topk(torch.from_numpy(scores), min(size, scores.shape[1]), dim=1).values[:, -1:].numpy()  # (R, 1)
    query, column = np.nonzero((scores >= cut) & (scores > similarity[:, -1:]))
    owner = np.concatenate([np.repeat(np.arange(num), size), query])
    candidates = np.concatenate([similarity.ravel(), scores[query, column]])
    order = np.lexsort((-candidates, owner))
    begin = np.searchsorted(owner[order], np.arange(num))  # (R,)
    best = order[begin[:, None] + np.arange(size)]  # (R, k)
    rows[:] = np.concatenate([rows.ravel(), first + column])[best]
    similarity[:] = candidates[best]


def _shots(task: RetrievalTask) -> tuple[Ints, Ints] | None:
    """Return codes of identity and group, (Q,) and (G,), equal where a row is left out; None without groups."""
    if task.query_groups is None and task.gallery_groups is None:
        return None
    if task.query_groups is None or task.gallery_groups is None:
        raise ValueError("groups of queries and of the gallery belong together: give both or neither")
    num_query, num_gallery = len(task.query), len(task.gallery)
    sides = [
        (task.query_identities, task.query_groups, num_query),
        (task.gallery_identities, task.gallery_groups, num_gallery),
    ]
    if any(names.shape != (num,) or groups.shape != (num,) for names, groups, num in sides):
        raise ValueError(f"identities or groups do not fit {num_query} queries and {num_gallery} gallery rows")
    identity = np.unique(np.concatenate([task.query_identities, task.gallery_identities]), return_inverse=True)[1]
    groups = np.concatenate([task.query_groups, task.gallery_groups])
    names, group = np.unique(groups, return_inverse=True)
    codes = np.where(groups < 0, -1, identity * len(names) + group)
    return codes[:num_query], np.where(groups < 0, -2, codes)[num_query:]


def _check(query: Tensor, gallery: Tensor, size: int, own_rows: Ints | None, block_size: int) -> None:
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(f"query is {tuple(query.shape)}, gallery {tuple(gallery.shape)}; expected (Q, D) and (G, D)")
    if not (torch.isfinite(query).all() and torch.isfinite(gallery).all()):
        raise ValueError("query or gallery holds values that are not finite; expected finite embeddings")
    if size < 1 or block_size < 1:
        raise ValueError(f"size is {size}, block_size {block_size}; expected at least 1")
    if own_rows is not None and (own_rows.shape != (len(query),) or (own_rows >= len(gallery)).any()):
        raise ValueError(f"own_rows are {own_rows.shape}; expected ({len(query)},) gallery rows below {len(gallery)}")
