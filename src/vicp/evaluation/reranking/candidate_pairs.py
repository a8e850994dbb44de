"""The pairs of photos that reranking compares: each query with the photos of its shortlist, none twice."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.evaluation.reranking.shortlist import Shortlist
from vicp.progress import Progress

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CandidatePairs:
    """P unordered pairs among N photos; where each photo is looked up among the others, (a, b) and (b, a) are one.

    Attributes:
        photos: (N,) the photos that occur, as rows of the photo table, ascending.
        left: (P,) positions in `photos`, of the photo that stands first in the table.
        right: (P,) positions in `photos`.
        places: (Q, k) number of the pair at each place of the shortlist; -1 at empty ones.
    """

    photos: Ints
    left: Ints
    right: Ints
    places: Ints


def candidate_pairs(shortlist: Shortlist, *, query_photos: Ints, gallery_photos: Ints) -> CandidatePairs:
    """Return the pairs of a shortlist.

    Args:
        shortlist: Of Q queries in a gallery of G photos.
        query_photos: (Q,) row of the photo table of each query.
        gallery_photos: (G,) row of the photo table of each gallery photo.

    Raises:
        ValueError: Photos that do not fit the shortlist.
    """
    rows, filled = shortlist.rows, shortlist.filled
    if query_photos.shape != (len(rows),) or rows.max(initial=-1) >= len(gallery_photos):
        raise ValueError(
            f"query_photos are {query_photos.shape}, gallery_photos {gallery_photos.shape}; the shortlist is "
            f"{rows.shape} with rows up to {rows.max(initial=-1)}"
        )
    query = np.broadcast_to(query_photos[:, None], rows.shape)[filled]  # (n,)
    both = np.stack([query, gallery_photos[rows[filled]]])  # (2, n)
    photos, positions = np.unique(both, return_inverse=True)
    low, high = np.sort(positions.reshape(both.shape), axis=0)
    keys, number = np.unique(low * len(photos) + high, return_inverse=True)  # (P,), (n,)
    places = np.full(rows.shape, -1)
    places[filled] = number
    left, right = np.divmod(keys, max(len(photos), 1))
    return CandidatePairs(photos, left, right, places)


def score_pairs(
    pairs: CandidatePairs,
    score: Callable[[Ints, Ints], NDArray[np.float32]],
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return scores (Q, k) of the shortlist's places, -inf at empty ones; each pair is scored once.

    Args:
        pairs: P pairs.
        score: Takes positions (b,) and (b,) in `pairs.photos`, returns (b,) scores.
        batch_size: Pairs scored at a time.
        progress: Called after each batch.
    """
    values = np.full(len(pairs.left) + 1, -np.inf, dtype=np.float32)  # the last is that of empty places
    for start in range(0, len(pairs.left), batch_size):
        batch = slice(start, min(start + batch_size, len(pairs.left)))
        values[batch] = score(pairs.left[batch], pairs.right[batch])
        if progress is not None:
            progress(batch.stop, len(pairs.left))
    return values[pairs.places]
