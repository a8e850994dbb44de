"""Exact retrieval and verification metrics as pure functions, without the matrix of similarities.

AP and Rank-k need only the RANK of each positive, and a rank is a count: of the negatives that score at
least as high (design.md 7).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

# Similarities must not depend on the kernel that computes them, or results would change with the block size.
# Embeddings are therefore rounded to multiples of 2^-24, float32's own precision near 1: products are then
# multiples of 2^-48, their sums stay below 2, and float64 adds them WITHOUT rounding, in any order.
_GRID = 2.0**24
_QUERY_ROWS = 512


@dataclass(frozen=True)
class Retrieval:
    """What each query found. A query without a positive in the gallery counts in no average.

    Attributes:
        average_precision: (Q,) float64 in [0, 1]; NaN for a query without a positive.
        first_hit: (Q,) int64 rank of the best positive, from 1; 0 for a query without a positive.
    """

    average_precision: NDArray[np.float64]
    first_hit: NDArray[np.int64]

    @property
    def num_queries(self) -> int:
        """How many queries have a positive in the gallery."""
        return int((self.first_hit > 0).sum())

    @property
    def map(self) -> float:
        """Mean average precision, in [0, 1]; NaN when no query has a positive."""
        return _mean(self.average_precision[self.first_hit > 0])

    @property
    def rank1(self) -> float:
        """The fraction of queries whose first gallery row is a positive; NaN when no query has a positive."""
        return self.rank(1)

    @property
    def rank5(self) -> float:
        """The fraction of queries with a positive among the first five; NaN when no query has a positive."""
        return self.rank(5)

    def rank(self, k: int) -> float:
        """The fraction of queries with a positive among the first `k`; NaN when no query has a positive."""
        return _mean(self.first_hit[self.first_hit > 0] <= k)


def retrieval(
    query: Tensor,
    gallery: Tensor,
    query_identities: NDArray[Any],
    gallery_identities: NDArray[Any],
    *,
    leave_one_out: bool = False,
    block_size: int = 4096,
) -> Retrieval:
    """Average precision and first hit of every query, by cosine similarity to the gallery.

    AP = mean over the query's positives of (positives up to it) / (its rank). Ties are pessimistic: a
    positive ranks after the negatives equal to it. Exact, the same for any block size, gallery order and
    thread count; memory O(block_size + positives of a query) for each of 512 queries at a time.

    Args:
        query: (Q, D) floating point, normalised here.
        gallery: (G, D) floating point on the query's device, normalised here.
        query_identities: (Q,) strings or integers.
        gallery_identities: (G,) of the same kind.
        leave_one_out: the query IS the gallery; each row is ranked against all the others.
        block_size: gallery rows compared at a time.

    Raises:
        ValueError: shapes or identities that do not fit, embeddings that are not finite, a block size below
            1, or `leave_one_out` with a gallery that is not the query.
    """
    _check_side("query", query, query_identities, query.shape[-1])
    _check_side("gallery", gallery, gallery_identities, query.shape[-1])
    if block_size < 1:
        raise ValueError(f"block_size is {block_size}; expected at least 1")
    query_codes, gallery_codes = _encode(query_identities, gallery_identities, query.device)
    if leave_one_out and not (torch.equal(query_codes, gallery_codes) and torch.equal(query, gallery)):
        raise ValueError("leave_one_out ranks each row against all the others: pass the same rows as query and gallery")
    query, gallery = _normalise_on_grid(query), _normalise_on_grid(gallery)
    by_identity = torch.argsort(gallery_codes, stable=True)  # (G,)
    precision = np.empty(len(query), dtype=np.float64)
    first_hit = np.empty(len(query), dtype=np.int64)
    for start in range(0, len(query), _QUERY_ROWS):
        rows = slice(start, start + _QUERY_ROWS)
        vectors, codes = query[rows].double(), query_codes[rows]  # (R, D), (R,)
        index, found = _find_positives(codes, gallery_codes, by_identity)  # (R, P), (R, P)
        if leave_one_out:
            found &= index != torch.arange(start, start + len(codes), device=index.device)[:, None]
        scores = _score_positives(vectors, gallery, index, found)  # (R, P)
        ahead = _count_negatives(vectors, codes, gallery, gallery_codes, scores, block_size)  # (R, P)
        averages, firsts = _summarise(ahead, found.sum(dim=1))  # (R,), (R,)
        precision[rows], first_hit[rows] = averages.cpu().numpy(), firsts.cpu().numpy()
    return Retrieval(precision, first_hit)


def auc(scores: NDArray[Any], same: NDArray[np.bool_]) -> float:
    """The area under the ROC curve: P(a same-pair scores above a different-pair), ties counting half.

    Args:
        scores: (P,) finite, higher is closer.
        same: (P,) bool.

    Raises:
        ValueError: shapes that do not fit, scores that are not finite, or pairs of one kind only.
    """
    if scores.ndim != 1 or same.shape != scores.shape or same.dtype != np.bool_:
        raise ValueError(f"scores are {scores.shape}, same is {same.shape} {same.dtype}; expected (P,) and (P,) bool")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold values that are not finite; expected finite numbers")
    positive, negative = scores[same], np.sort(scores[~same])
    if not (len(positive) and len(negative)):
        raise ValueError(
            f"{len(positive)} same-pairs and {len(negative)} different-pairs; expected at least one of each"
        )
    below = np.searchsorted(negative, positive, side="left").sum()
    not_above = np.searchsorted(negative, positive, side="right").sum()
    return float((below + not_above) / (2 * len(positive) * len(negative)))


def bootstrap_interval(
    values: NDArray[np.float64], groups: NDArray[Any], *, seed: int, num_draws: int = 1000
) -> tuple[float, float]:
    """The 95 % interval of the mean of `values`, by bootstrap over identities.

    Queries of one identity succeed and fail together, so whole identities are drawn with replacement; the
    interval is the 2.5th to the 97.5th percentile of the mean over the draws.

    Args:
        values: (Q,) per query; NaN (no positive) is left out.
        groups: (Q,) the identity of each query, strings or integers.
        seed: of the draws.
        num_draws: how many.

    Returns:
        The two ends, in the unit of `values`.

    Raises:
        ValueError: shapes that do not fit, no draws, or fewer than two identities with a value.
    """
    if values.ndim != 1 or groups.shape != values.shape:
        raise ValueError(f"values are {values.shape}, groups {groups.shape}; expected (Q,) twice")
    if num_draws < 1:
        raise ValueError(f"num_draws is {num_draws}; expected at least 1")
    usable = ~np.isnan(values)
    names, codes = np.unique(groups[usable], return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{len(names)} identities have a value; an interval over identities needs at least 2")
    sums, counts = np.bincount(codes, weights=values[usable]), np.bincount(codes)  # (identities,) each
    generator = np.random.default_rng(seed)
    means = np.empty(num_draws)
    for draw in range(num_draws):
        drawn = generator.integers(len(names), size=len(names))  # (identities,)
        means[draw] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _check_side(name: str, embeddings: Tensor, identities: NDArray[Any], width: int) -> None:
    if embeddings.ndim != 2 or embeddings.shape[1] != width or identities.shape != (len(embeddings),):
        raise ValueError(
            f"{name} is {tuple(embeddings.shape)} with identities {identities.shape}; expected (n, {width}) and (n,)"
        )
    if not torch.isfinite(embeddings).all():
        raise ValueError(f"{name} holds values that are not finite; expected finite embeddings")


def _encode(query: NDArray[Any], gallery: NDArray[Any], device: torch.device) -> tuple[Tensor, Tensor]:
    """Identities of both sides as integers that agree, (Q,) and (G,) int64."""
    if (query.dtype.kind in "iu") != (gallery.dtype.kind in "iu"):
        raise ValueError(f"identities are {query.dtype} and {gallery.dtype}; expected one kind on both sides")
    codes = torch.from_numpy(np.unique(np.concatenate([query, gallery]), return_inverse=True)[1]).to(device)
    return codes[: len(query)], codes[len(query) :]


def _normalise_on_grid(embeddings: Tensor) -> Tensor:
    """L2-normalised rows rounded to multiples of 2^-24, all of which float32 holds exactly."""
    return ((F.normalize(embeddings.double(), dim=1) * _GRID).round() / _GRID).float()


def _find_positives(codes: Tensor, gallery_codes: Tensor, by_identity: Tensor) -> tuple[Tensor, Tensor]:
    """The gallery rows of each query's identity, (R, P), and which of these places are filled."""
    ordered = gallery_codes[by_identity]  # (G,)
    start = torch.searchsorted(ordered, codes)  # (R,)
    stop = torch.searchsorted(ordered, codes, right=True)  # (R,)
    place = start[:, None] + torch.arange(int((stop - start).max()), device=codes.device)  # (R, P)
    found = place < stop[:, None]
    return by_identity[place.where(found, 0)], found


def _score_positives(vectors: Tensor, gallery: Tensor, index: Tensor, found: Tensor) -> Tensor:
    """Similarity of each query to its positives, (R, P) float64 ascending, with +inf at the unfilled end."""
    scores = vectors.new_full(index.shape, torch.inf)  # (R, P)
    for place, column in enumerate(index.T):
        scores[:, place] = (vectors * gallery[column].double()).sum(dim=1)
    return scores.masked_fill(~found, torch.inf).sort(dim=1).values


def _count_negatives(
    vectors: Tensor, codes: Tensor, gallery: Tensor, gallery_codes: Tensor, scores: Tensor, block_size: int
) -> Tensor:
    """How many negatives score at least as high as each positive, (R, P) int64."""
    reached = scores.new_zeros(len(scores), scores.shape[1] + 1, dtype=torch.int64)  # (R, P + 1)
    for start in range(0, len(gallery), block_size):
        block = slice(start, start + block_size)
        similarity = vectors @ gallery[block].double().T  # (R, block)
        # Positives, and the query's own row, leave the stream: they are ranked among themselves.
        similarity.masked_fill_(codes[:, None] == gallery_codes[block], -torch.inf)
        # A row that ties or beats b positives is ahead of the b lowest of them.
        beaten = torch.searchsorted(scores, similarity, right=True)  # (R, block)
        reached.scatter_add_(1, beaten, torch.ones_like(beaten))
    return reached.flip(1).cumsum(1).flip(1)[:, 1:]


def _summarise(ahead: Tensor, num_positives: Tensor) -> tuple[Tensor, Tensor]:
    """AP (R,) and first hit (R,) from the negatives ahead of each positive, lowest positive first."""
    column = torch.arange(ahead.shape[1], device=ahead.device)  # (P,)
    place = num_positives[:, None] - column  # (R, P): 1 for the best positive, below 1 where unfilled
    precision = torch.where(place > 0, place.double() / (place + ahead), 0.0)  # (R, P)
    first_hit = torch.where(place == 1, 1 + ahead, 0).sum(dim=1)  # (R,)
    return precision.sum(dim=1) / num_positives, first_hit


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
