"""Exact search: which identities are closest to a query, by blocks, whatever the size of the gallery."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 2**24  # similarities held at a time

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class IdentityIndex:
    """Photos of known individuals, those of one individual side by side.

    Attributes:
        embeddings: (G, D) float32, L2-normalised.
        starts: (I,) the first row of each identity.
        names: their names (I,).
        photos: (G,) what the caller calls each row.
    """

    embeddings: Floats
    starts: NDArray[np.int64]
    names: tuple[str, ...]
    photos: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.embeddings)

    def rows_of(self, identity: int) -> slice:
        """The rows of an identity."""
        stop = self.starts[identity + 1] if identity + 1 < len(self.starts) else len(self.embeddings)
        return slice(int(self.starts[identity]), int(stop))


@dataclass(frozen=True, eq=False)
class IdentityHits:
    """For B queries the `top` closest identities, best first.

    Attributes:
        identities: (B, top) positions in `Known.names`.
        similarities: (B, top) of each identity's closest photo.
        rows: (B, top) that photo's row.
    """

    identities: NDArray[np.int64]
    similarities: Floats
    rows: NDArray[np.int64]


def group_photos(embeddings: Floats, identities: Sequence[str], photos: NDArray[np.int64]) -> IdentityIndex:
    """Brings the photos of each identity together; identities keep the order in which they first appear."""
    names, owners = np.unique(np.asarray(identities, dtype=object), return_inverse=True)
    first = np.full(len(names), len(owners))
    np.minimum.at(first, owners, np.arange(len(owners)))
    rank = np.argsort(np.argsort(first))  # of each name, by first appearance
    order = np.argsort(rank[owners], kind="stable")
    sizes = np.bincount(rank[owners], minlength=len(names))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    grouped = embeddings if np.array_equal(order, np.arange(len(order))) else embeddings[order]
    return IdentityIndex(grouped, starts, tuple(names[np.argsort(rank)]), photos[order])


def closest_identities(query: Floats, known: IdentityIndex, *, top: int) -> IdentityHits:
    """The identities closest to each query; an identity is as close as its closest photo.

    Similarities are float32 products, computed a block of the gallery at a time and never all at once.

    Args:
        query: (B, D) float32, L2-normalised.
        known: the gallery.
        top: how many identities; fewer where there are fewer.
    """
    best = best_by_identity(query, known)  # (B, I)
    top = min(top, best.shape[1])
    chosen = np.argpartition(-best, top - 1, axis=1)[:, :top]  # (B, top)
    values = np.take_along_axis(best, chosen, axis=1)
    order = np.lexsort((chosen, -values), axis=1)  # ties: the identity that was there first
    chosen, values = np.take_along_axis(chosen, order, axis=1), np.take_along_axis(values, order, axis=1)
    rows = np.empty_like(chosen)
    for b, i in np.ndindex(chosen.shape):
        own = known.rows_of(int(chosen[b, i]))
        rows[b, i] = own.start + int(np.argmax(known.embeddings[own] @ query[b]))
    return IdentityHits(chosen, values, rows)


def best_by_identity(query: Floats, known: IdentityIndex) -> Floats:
    """The similarity (B, I) of each identity's closest photo."""
    best = np.empty((len(query), len(known.starts)), dtype=np.float32)
    block = max(1, BLOCK_BYTES // (4 * max(1, len(query))))  # rows
    ends = np.append(known.starts[1:], len(known))
    identity = 0
    while identity < len(ends):
        first = int(known.starts[identity])
        after = max(identity + 1, int(np.searchsorted(ends, first + block, side="right")))
        stop = int(ends[after - 1])
        similarity = query @ known.embeddings[first:stop].T  # (B, rows)
        offsets = known.starts[identity:after] - first
        best[:, identity:after] = np.maximum.reduceat(similarity, offsets, axis=1)
        identity = after
    return best
