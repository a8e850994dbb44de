"""How close photos are to identities: to each of a gallery's, and a gallery's to each other."""

import numpy as np
import torch
from torch import Tensor


def closest_by_identity(query: Tensor, gallery: Tensor, owner: np.ndarray) -> np.ndarray:
    """Highest similarity (B, I) of each query to a photo of each identity.

    Args:
        query: embeddings (B, D), L2-normalised.
        gallery: embeddings (G, D), L2-normalised.
        owner: (G,) which of the I identities each gallery photo shows.
    """
    member = torch.from_numpy(owner)
    found = torch.full((len(query), int(owner.max()) + 1), -2.0)
    similarity = query.float() @ gallery.float().T  # (B, G)
    return found.scatter_reduce(1, member.expand(len(query), -1), similarity, "amax").double().numpy()


def best_stranger(gallery: Tensor, owner: np.ndarray, *, seed: int = 0) -> np.ndarray:
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
