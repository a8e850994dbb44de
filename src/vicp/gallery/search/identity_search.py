"""Exact search by identity, in blocks: the similarity of an identity is that of its closest photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BLOCK_BYTES = 2**24  # similarities held at a time
_PHOTOS_SAMPLED = 4  # of an identity, at least, where some photos stand for all

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class IdentityIndex:
    """Embeddings of G photos of I known individuals, those of one individual in consecutive rows.

    Attributes:
        embeddings: (G, D) float32, L2-normalised.
        starts: (I,) the first row of each identity.
        names: Their names (I,).
        photos: (G,) int64, the caller's number of each row's photo.
    """

    embeddings: Floats
    starts: NDArray[np.int64]
    names: tuple[str, ...]
    photos: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return how many photos each identity has (I,)."""
        return np.diff(np.append(self.starts, len(self.embeddings)))

    def rows_of(self, identity: int) -> slice:
        """Return the rows of an identity."""
        stop = self.starts[identity + 1] if identity + 1 < len(self.starts) else len(self.embeddings)
        return slice(int(self.starts[identity]), int(stop))

    def closest_photo(self, query: Floats, identity: int) -> int:
        """Return the number of an identity's photo closest to a query (D,)."""
        rows = self.rows_of(identity)
        return int(self.photos[rows.start + int(np.argmax(self.embeddings[rows] @ query))])


def group_by_identity(embeddings: Floats, identities: Sequence[str], photos: NDArray[np.int64]) -> IdentityIndex:
    """Return the photos with those of each identity together; identities keep the order in which they first appear.

    Args:
        embeddings: (G, D) float32, L2-normalised.
        identities: (G,) names.
        photos: (G,) the caller's number of each.
    """
    order, starts, names = identity_order(pa.array(identities, pa.string()))
    grouped = embeddings if np.array_equal(order, np.arange(len(order))) else embeddings[order]
    return IdentityIndex(grouped, starts, names, photos[order])


def identity_order(identities: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """Return the order (G,) that puts the photos of each identity together, its first row of each (I,), and the names.

    Identities keep the order in which they first appear.
    """
    encoded = identities.dictionary_encode()
    owners = encoded.indices.to_numpy()
    sizes = np.bincount(owners, minlength=len(encoded.dictionary))
    starts = np.cumsum(sizes) - sizes
    return np.argsort(owners, kind="stable"), starts.astype(np.int64), tuple(encoded.dictionary.to_pylist())


def sample_rows(starts: NDArray[np.int64], counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many rows of photos that are grouped by identity, all where there are no more.

    Of many, a few photos of each of evenly spaced identities: photos of one identity tell as much as photos of two.

    >>> sample_rows(np.arange(0, 60, 6), np.full(10, 6), 8)
    array([ 0,  1,  3,  5, 54, 55, 57, 59])
    """
    if counts.sum() <= most:
        return np.arange(counts.sum())
    per_identity = max(_PHOTOS_SAMPLED, most // len(counts))
    chosen = np.linspace(0, len(counts) - 1, min(len(counts), most // per_identity)).astype(np.int64)
    rows = [
        starts[identity] + np.linspace(0, counts[identity] - 1, min(per_identity, counts[identity])).astype(np.int64)
        for identity in chosen
    ]
    return np.concatenate(rows)


def select_photos(index: IdentityIndex, chosen: NDArray[np.bool_]) -> IdentityIndex:
    """Return the index of the chosen photos (G,) alone; identities without one are left out."""
    owners = np.repeat(np.arange(len(index.starts)), index.counts)[chosen]
    kept, starts = np.unique(owners, return_index=True)
    names = tuple(index.names[identity] for identity in kept)
    return IdentityIndex(index.embeddings[chosen], starts.astype(np.int64), names, index.photos[chosen])


def identity_similarities(query: Floats, index: IdentityIndex) -> Floats:
    """Return the similarity (B, I) of each identity's closest photo to each query (B, D).

    Similarities are float32 products, computed a block of the gallery at a time and never all at once.
    """
    best = np.empty((len(query), len(index.starts)), dtype=np.float32)
    block_rows = max(1, BLOCK_BYTES // (4 * max(1, len(query))))
    ends = np.append(index.starts[1:], len(index))
    identity = 0
    while identity < len(ends):
        first = int(index.starts[identity])
        after = max(identity + 1, int(np.searchsorted(ends, first + block_rows, side="right")))
        stop = int(ends[after - 1])
        similarity = query @ index.embeddings[first:stop].T  # (B, rows)
        offsets = index.starts[identity:after] - first
        best[:, identity:after] = np.maximum.reduceat(similarity, offsets, axis=1)
        identity = after
    return best


def best_impostor_similarities(index: IdentityIndex, *, seed: int = 0) -> NDArray[np.float64]:
    """Return the highest similarity (I,) of one photo of each identity, at random, to a photo of any other.

    Args:
        index: The gallery.
        seed: Of the choice of photos.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(len(index))
    photos = np.array([rng.choice(rows[index.rows_of(i)]) for i in range(len(index.starts))])
    similarity = identity_similarities(index.embeddings[photos], index).astype(np.float64)  # (I, I)
    np.fill_diagonal(similarity, -np.inf)
    best: NDArray[np.float64] = similarity.max(axis=1)
    return best
