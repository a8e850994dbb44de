"""mAP, CMC and mINP: how high each query's positives stand in its ranking of the gallery."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.metrics.grid import to_grid
from vicp.metrics.ranks import BLOCK_SIZE, Ranked, Side, rank_positives

Ties = Literal["pessimistic", "mean"]


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What each query found. A query without a positive in the gallery counts in no average.

    Attributes:
        average_precision: (Q,) float64 in [0, 1]; NaN for a query without a positive.
        first_hit: (Q,) int64 rank of the best positive, from 1; 0 for a query without a positive.
        inverse_penalty: (Q,) float64 in [0, 1]: positives over the rank of the last of them (INP, arXiv 2001.04193);
            NaN for a query without a positive.
        best_positive: (Q,) float64 similarity of the best positive; NaN for a query without one.
        mistake: (Q,) int64 gallery row of the negative that scores highest, the worst mistake if it stands before a
            positive; -1 where the gallery holds no negative.
        mistake_score: (Q,) float64 its similarity; -inf where there is none.
    """

    average_precision: NDArray[np.float64]
    first_hit: NDArray[np.int64]
    inverse_penalty: NDArray[np.float64]
    best_positive: NDArray[np.float64]
    mistake: NDArray[np.int64]
    mistake_score: NDArray[np.float64]

    @property
    def num_queries(self) -> int:
        """How many queries have a positive in the gallery."""
        return int((self.first_hit > 0).sum())

    @property
    def map(self) -> float:
        """Mean average precision, in [0, 1]; NaN when no query has a positive."""
        return _mean(self.average_precision[self.first_hit > 0])

    @property
    def minp(self) -> float:
        """Mean inverse negative penalty, in [0, 1]; NaN when no query has a positive."""
        return _mean(self.inverse_penalty[self.first_hit > 0])

    @property
    def rank1(self) -> float:
        """The fraction of queries whose first gallery row is a positive; NaN when no query has a positive."""
        return self.rank(1)

    @property
    def rank5(self) -> float:
        """The fraction of queries with a positive among the first five; NaN when no query has a positive."""
        return self.rank(5)

    def rank(self, k: int) -> float:
        """Return the fraction of queries with a positive among the first `k`; NaN when no query has a positive."""
        return _mean(self.first_hit[self.first_hit > 0] <= k)

    def cmc(self, num: int) -> NDArray[np.float64]:
        """Return the cumulative matching characteristic (num,): `rank(k)` for k = 1 to `num`."""
        return np.array([self.rank(k) for k in range(1, num + 1)])


def retrieval(
    query: Tensor,
    gallery: Tensor,
    query_identities: NDArray[Any],
    gallery_identities: NDArray[Any],
    *,
    leave_one_out: bool = False,
    own_rows: NDArray[np.int64] | None = None,
    query_groups: NDArray[np.int64] | None = None,
    gallery_groups: NDArray[np.int64] | None = None,
    ties: Ties = "pessimistic",
    block_size: int = BLOCK_SIZE,
) -> Retrieval:
    """Return what every query finds, by cosine similarity to the gallery.

    AP = mean over the query's positives of (positives up to it) / (its rank). A tie of a positive and a negative is
    pessimistic: the positive ranks after the negatives equal to it; with "mean" such a negative counts half (and a
    first hit between two ranks counts as the later). Exact: the same to the last bit for any block size, number of
    threads and order of rows. Memory: O(positives of a query) for 512 queries at a time, one block of similarities, and
    one copy of the embeddings.

    >>> import numpy as np, torch
    >>> query = torch.tensor([[1.0, 0.0]])
    >>> gallery = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.0, 1.0]])  # closest first
    >>> found = retrieval(query, gallery, np.array(["a"]), np.array(["b", "a", "a", "b"]))
    >>> round(found.map, 4)  # positives at ranks 2 and 3: (1/2 + 2/3) / 2
    0.5833
    >>> found.rank1, found.rank5, round(found.minp, 4)  # 2 positives over rank 3
    (0.0, 1.0, 0.6667)
    >>> found.mistake.tolist()
    [0]

    Args:
        query: (Q, D) floating point, normalised here.
        gallery: (G, D) floating point, normalised here.
        query_identities: (Q,) strings or integers.
        gallery_identities: (G,) of the same kind.
        leave_one_out: The query IS the gallery; each row is ranked against all the others.
        own_rows: (Q,) the gallery row of each query that shows the very same photo and is left out; -1 for none.
        query_groups: (Q,) camera or sequence, say: a gallery row of the query's identity AND group is left out; -1 is
            no group. Market-1501's rule.
        gallery_groups: (G,) likewise.
        ties: How a negative counts that scores as high as a positive.
        block_size: Gallery rows compared at a time, 4096 at most.

    Raises:
        ValueError: Shapes, identities or groups that do not fit, embeddings that are not finite, a block size below
            1, an own row of another identity, or `leave_one_out` with a gallery that is not the query.
    """
    if block_size < 1:
        raise ValueError(f"block_size is {block_size}; expected at least 1")
    blocks = ranked_blocks(
        *sides(query, gallery, query_identities, gallery_identities, query_groups, gallery_groups),
        own_rows=_own_rows(query, gallery, query_identities, gallery_identities, own_rows, leave_one_out),
        block_size=block_size,
    )
    return join_blocks([summarise(block, ties) for block in blocks])


def ranked_blocks(
    query: Side, gallery: Side, *, own_rows: NDArray[np.int64] | None, block_size: int
) -> Iterator[Ranked]:
    """Return the counts behind `retrieval`, of 512 queries at a time."""
    return rank_positives(query, gallery, own_rows, block_size=min(block_size, BLOCK_SIZE))


def sides(
    query: Tensor,
    gallery: Tensor,
    query_identities: NDArray[Any],
    gallery_identities: NDArray[Any],
    query_groups: NDArray[np.int64] | None = None,
    gallery_groups: NDArray[np.int64] | None = None,
) -> tuple[Side, Side]:
    """Return queries and gallery as sorted arrays for counting; a query set that is the gallery is copied once.

    Raises:
        ValueError: Shapes, identities or groups that do not fit, or embeddings that are not finite.
    """
    check_side("query", query, query_identities, query.shape[-1])
    check_side("gallery", gallery, gallery_identities, query.shape[-1])
    if (query_groups is None) != (gallery_groups is None):
        raise ValueError("groups of queries and of the gallery belong together: give both or neither")
    for name, groups, count in (("query", query_groups, len(query)), ("gallery", gallery_groups, len(gallery))):
        if groups is not None and groups.shape != (count,):
            raise ValueError(f"{name}_groups are {groups.shape}; expected ({count},)")
    query_codes, gallery_codes = _encode(query_identities, gallery_identities)
    known = to_grid(gallery)
    asked = known if query is gallery or torch.equal(query, gallery) else to_grid(query)
    return Side(asked, query_codes, query_groups), Side(known, gallery_codes, gallery_groups)


def summarise(block: Ranked, ties: Ties = "pessimistic") -> Retrieval:
    """Return what the queries of a block found."""
    ahead = block.above + (block.level if ties == "pessimistic" else block.level / 2)  # (R, P)
    ahead = np.sort(np.where(block.found, ahead, np.inf), axis=1)  # best positive first
    count = block.found.sum(axis=1)  # (R,)
    place = np.arange(1, ahead.shape[1] + 1)  # (P,)
    # A running sum, best first, adds in the same order however many empty places follow.
    precision = np.cumsum(place / (place + ahead), axis=1)  # (R, P)
    last = np.maximum(count - 1, 0)[:, None]
    with np.errstate(invalid="ignore"):
        average = np.take_along_axis(precision, last, axis=1)[:, 0] / np.maximum(count, 1)
        penalty = count / (count + np.take_along_axis(ahead, last, axis=1)[:, 0])
    some = count > 0
    return Retrieval(
        average_precision=np.where(some, average, np.nan),
        first_hit=np.where(some, 1 + np.ceil(np.where(some, ahead[:, 0], 0)), 0).astype(np.int64),
        inverse_penalty=np.where(some, penalty, np.nan),
        best_positive=np.where(some, np.where(block.found, block.scores, -np.inf).max(axis=1), np.nan),
        mistake=block.mistake,
        mistake_score=block.mistake_score,
    )


def join_blocks(blocks: list[Retrieval]) -> Retrieval:
    """Return the results of several blocks of queries as one."""
    if not blocks:
        nothing, whole = np.zeros(0), np.zeros(0, dtype=np.int64)
        return Retrieval(nothing, whole, nothing, nothing, whole, nothing)
    return Retrieval(*(np.concatenate([getattr(b, name) for b in blocks]) for name in Retrieval.__dataclass_fields__))


def check_side(name: str, embeddings: Tensor, identities: NDArray[Any], width: int) -> None:
    """Raises `ValueError` for embeddings and identities that do not fit together or are not finite."""
    if embeddings.ndim != 2 or embeddings.shape[1] != width or identities.shape != (len(embeddings),):
        raise ValueError(
            f"{name} is {tuple(embeddings.shape)} with identities {identities.shape}; expected (n, {width}) and (n,)"
        )
    if not torch.isfinite(embeddings).all():
        raise ValueError(f"{name} holds values that are not finite; expected finite embeddings")


def _own_rows(
    query: Tensor,
    gallery: Tensor,
    query_identities: NDArray[Any],
    gallery_identities: NDArray[Any],
    own_rows: NDArray[np.int64] | None,
    leave_one_out: bool,
) -> NDArray[np.int64] | None:
    if leave_one_out:
        if not (np.array_equal(query_identities, gallery_identities) and torch.equal(query, gallery)):
            raise ValueError("leave_one_out ranks each row against all the others: pass the same rows on both sides")
        return np.arange(len(query))
    if own_rows is None:
        return None
    if own_rows.shape != (len(query),) or (own_rows >= len(gallery)).any():
        raise ValueError(f"own_rows are {own_rows.shape}; expected ({len(query)},) gallery rows below {len(gallery)}")
    known = own_rows >= 0
    if (gallery_identities[own_rows[known]] != query_identities[known]).any():
        raise ValueError("own_rows name gallery rows of another identity than their query's")
    return own_rows


def _encode(query: NDArray[Any], gallery: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the identities of both sides as integers of one numbering, (Q,) and (G,)."""
    if (query.dtype.kind in "iu") != (gallery.dtype.kind in "iu"):
        raise ValueError(f"identities are {query.dtype} and {gallery.dtype}; expected one kind on both sides")
    codes = np.unique(np.concatenate([query, gallery]), return_inverse=True)[1].astype(np.int64)
    return codes[: len(query)], codes[len(query) :]


def _mean(values: NDArray[Any]) -> float:
    """Return the mean, whose last digit does not depend on the order of the values."""
    return math.fsum(values.tolist()) / len(values) if len(values) else float("nan")
