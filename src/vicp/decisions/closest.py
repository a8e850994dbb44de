"""How close photos are to identities: to each of a gallery's, and a gallery's to each other."""

import numpy as np
from torch import Tensor

from vicp.gallery.search import IdentityIndex, best_by_identity


def closest_by_identity(query: Tensor, gallery: Tensor, owner: np.ndarray) -> np.ndarray:
    """Highest similarity (B, I) of each query to a photo of each identity.

    Args:
        query: embeddings (B, D), L2-normalised.
        gallery: embeddings (G, D), L2-normalised.
        owner: (G,) which of the I identities each gallery photo shows.
    """
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(int(owner.max()) + 1))
    rows, asked = gallery.float().numpy()[order], query.float().numpy()
    known = IdentityIndex(rows, starts, tuple(map(str, range(len(starts)))), order)
    return best_by_identity(asked, known).astype(np.float64)


def best_impostor(gallery: Tensor, owner: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Highest similarity (I,) of one photo of each identity, at random, to a photo of any other.

    Args:
        gallery: embeddings (G, D), L2-normalised.
        owner: (G,) which of the I identities each photo shows.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    photos = np.array([rng.choice(np.flatnonzero(owner == i)) for i in range(int(owner.max()) + 1)])
    similarity = closest_by_identity(gallery[photos], gallery, owner)  # (I, I)
    np.fill_diagonal(similarity, -np.inf)
    best: np.ndarray = similarity.max(axis=1)
    return best
