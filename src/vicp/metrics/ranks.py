"""How many negatives score above each positive, counted over a stream of gallery blocks.

Most of the work is float32: a block's similarities, as whole multiples of 2^-18, are sorted, and each positive is
looked up among them. float32 errs by less than a known bound, so only negatives within that bound of a positive are
compared again, exactly (see `grid`). The counts are those of exact arithmetic, whatever the block size, threads or row
order.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vicp.metrics.grid import exact_similarity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.float32]

QUERY_ROWS, BLOCK_SIZE = 512, 4096
_COLUMN_BITS = 12  # of a sort key: the low bits say which row of the block it is
_UNIT = 2.0**18  # the others hold the similarity, in [-1, 1] or -2 for a row that is left out
_FAR = 2**19 - 1  # above every similarity
_PAIRS = 512  # compared exactly at a time, so that they stay in the cache
_WORTH_THREADS = 10**8  # multiplications


@dataclass(frozen=True, eq=False)
class Side:
    """Queries or gallery, n rows.

    Attributes:
        rows: (n, D) on the grid.
        codes: (n,) identity.
        groups: (n,) a gallery row of the query's identity with the query's group is left out; -1 for no group.
    """

    rows: Rows
    codes: Ints
    groups: Ints | None = None


@dataclass(frozen=True, eq=False)
class Ranked:
    """What a block of R queries found; places that hold no positive have `found` false and score +inf.

    Attributes:
        start: Number of the first of these queries.
        index: (R, P) gallery row of each positive.
        found: (R, P) bool, which places are filled.
        scores: (R, P) similarity of query and positive, exact.
        above: (R, P) how many negatives score higher than the positive.
        level: (R, P) how many negatives score the same.
        mistake: (R,) gallery row of the negative that scores highest, the first of equal ones; -1 without any.
        mistake_score: (R,) its similarity; -inf without any.
    """

    start: int
    index: Ints
    found: NDArray[np.bool_]
    scores: Floats
    above: Ints
    level: Ints
    mistake: Ints
    mistake_score: Floats


def rank_positives(query: Side, gallery: Side, own_rows: Ints | None, *, block_size: int) -> Iterator[Ranked]:
    """Yield the ranks of the positives of 512 queries at a time; torch's threads work on several blocks at once.

    Args:
        query: Q rows.
        gallery: G rows.
        own_rows: (Q,) the gallery row that is the query itself, which is left out; -1 or None for none.
        block_size: Gallery rows compared at a time, at most 4096 of them.
    """
    by_identity = np.argsort(gallery.codes, kind="stable")  # (G,)
    ordered = gallery.codes[by_identity]

    def rank(start: int) -> Ranked:
        rows = slice(start, start + QUERY_ROWS)
        index, filled = _same_identity(query.codes[rows], ordered, by_identity)  # (R, P)
        found = filled & ~_left_out(query, gallery, own_rows, rows, index)
        count = _Count(query.rows[rows], gallery.rows, index, found, block_size)
        for first in range(0, len(gallery.rows), block_size):
            count.add(first, min(first + block_size, len(gallery.rows)), index, filled)
        return Ranked(start, index, found, count.scores, count.above, count.level, count.mistake, count.mistake_score)

    starts, threads = range(0, len(query.rows), QUERY_ROWS), torch.get_num_threads()
    if threads == 1 or len(starts) == 1 or query.rows.size * len(gallery.rows) < _WORTH_THREADS:
        yield from map(rank, starts)
    else:  # each block on one core is faster than one block on all: sorting and counting take one anyway
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            yield from pool.map(rank, starts)


def _same_identity(codes: Ints, ordered: Ints, by_identity: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the gallery rows of each query's identity, (R, P), and which of these places are filled."""
    begin, end = np.searchsorted(ordered, codes), np.searchsorted(ordered, codes, side="right")  # (R,)
    place = begin[:, None] + np.arange(max(int((end - begin).max(initial=0)), 1))  # (R, P)
    filled = place < end[:, None]
    if not len(ordered):  # an empty gallery
        return np.zeros_like(place), filled
    return by_identity[np.where(filled, place, 0)], filled


def _left_out(query: Side, gallery: Side, own_rows: Ints | None, rows: slice, index: Ints) -> NDArray[np.bool_]:
    """Return which gallery rows of the query's identity (R, P) are the query itself, or of its group."""
    out = np.zeros(index.shape, dtype=np.bool_)
    if own_rows is not None:
        out |= index == own_rows[rows, None]
    if query.groups is not None and gallery.groups is not None and len(gallery.groups):
        mine = query.groups[rows, None]
        out |= (mine >= 0) & (gallery.groups[index] == mine)
    return out


class _Count:
    """The counts of one block of queries, while the gallery passes by."""

    def __init__(self, rows: Rows, gallery: Rows, index: Ints, found: NDArray[np.bool_], block_size: int) -> None:
        self.rows, self.gallery = rows, gallery
        size = len(rows) * min(block_size, len(gallery))
        self.similarity, self.keys = np.empty(size, np.float32), np.empty(size, np.int32)
        self.scaled = rows * np.float32(_UNIT)  # a power of two: nothing is rounded
        # float32 sums of D products err by at most D * 2^-24, to which the cut to whole units adds one.
        self.slack = np.ceil(1.02 * rows.shape[1] * 2.0**-24 * _UNIT) + 1
        self.scores = np.full(index.shape, np.inf)
        query, place = np.nonzero(found)
        for part in _parts(len(query)):
            q, p = query[part], place[part]
            self.scores[q, p] = exact_similarity(rows[q], gallery[index[q, p]])
        units = self.scores * _UNIT
        low, high = np.floor(units - self.slack), np.ceil(units + self.slack) + 1
        self.bounds = torch.from_numpy(_keys_of(np.concatenate([low, high], axis=1)))  # (R, 2P)
        self.above, self.level = np.zeros(index.shape, np.int64), np.zeros(index.shape, np.int64)
        self.mistake, self.mistake_score = np.full(len(rows), -1, np.int64), np.full(len(rows), -np.inf)

    def add(self, first: int, last: int, index: Ints, filled: NDArray[np.bool_]) -> None:
        """Count gallery rows `first` to `last`, without those of the query's own identity."""
        keys = self._sorted_keys(first, last, np.nonzero(filled & (index >= first) & (index < last)), index)
        low, high = (
            torch.searchsorted(torch.from_numpy(keys), self.bounds).numpy().reshape(len(keys), 2, -1).swapaxes(0, 1)
        )
        self.above += (last - first) - high
        query, place, near = _between(low, high)
        self._compare(first, query, place, keys[query, near] & (2**_COLUMN_BITS - 1))
        self._find_mistakes(first, keys)

    def _sorted_keys(self, first: int, last: int, own: tuple[Ints, ...], index: Ints) -> NDArray[np.int32]:
        """Sort keys of the block (R, B) ascending in each row: similarity, and below it the column."""
        shape, size = (len(self.rows), last - first), len(self.rows) * (last - first)
        similarity, keys = self.similarity[:size].reshape(shape), self.keys[:size].reshape(shape)
        np.matmul(self.scaled, self.gallery[first:last].T, out=similarity)
        similarity[own[0], index[own] - first] = -2 * _UNIT
        np.copyto(keys, similarity, casting="unsafe")
        keys <<= _COLUMN_BITS
        keys |= np.arange(last - first, dtype=np.int32)
        keys.sort(axis=1)
        return keys

    def _compare(self, first: int, query: Ints, place: Ints, column: NDArray[np.int32]) -> None:
        """Decide exactly which of these negatives (n,) score above their positive, and which the same."""
        for part in _parts(len(query)):
            q, p = query[part], place[part]
            exact = exact_similarity(self.rows[q], self.gallery[first + column[part]])
            np.add.at(self.above, (q, p), exact > self.scores[q, p])
            np.add.at(self.level, (q, p), exact == self.scores[q, p])

    def _find_mistakes(self, first: int, keys: NDArray[np.int32]) -> None:
        """Keep the negative that scores highest, of equal ones the first."""
        top = keys[:, -1] >> _COLUMN_BITS  # (R,)
        open_rows = np.flatnonzero((top > -1.5 * _UNIT) & (top + self.slack >= self.mistake_score * _UNIT))
        bound = torch.from_numpy(_keys_of(top[open_rows, None] - 2 * self.slack))
        low = torch.searchsorted(torch.from_numpy(keys[open_rows]), bound).numpy()
        query, _, near = _between(low, np.full_like(low, keys.shape[1]))
        query = open_rows[query]
        column = keys[query, near] & (2**_COLUMN_BITS - 1)
        order = np.lexsort((column, query))
        for part in _parts(len(order)):
            q, row = query[order[part]], first + column[order[part]]
            exact = exact_similarity(self.rows[q], self.gallery[row])
            for i in np.flatnonzero(exact > self.mistake_score[q]).tolist():
                if exact[i] > self.mistake_score[q[i]]:
                    self.mistake[q[i]], self.mistake_score[q[i]] = row[i], exact[i]


def _keys_of(units: Floats) -> NDArray[np.int32]:
    """Return the lowest sort key of a similarity in units of 2^-18; infinity is above all keys."""
    return np.clip(units, -_FAR - 1, _FAR).astype(np.int32) << _COLUMN_BITS


def _between(low: Ints, high: Ints) -> tuple[Ints, Ints, Ints]:
    """Return all (row, column, number) with low[row, column] <= number < high[row, column], as three arrays (n,)."""
    count = (high - low).ravel()
    each = np.repeat(np.arange(count.size), count)  # (n,)
    number = np.arange(len(each)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low.ravel(), count)
    row, column = np.divmod(each, low.shape[1])
    return row, column, number


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _PAIRS) for start in range(0, count, _PAIRS))
