"""Made-up individuals whose similarities are known."""

import numpy as np

from vicp.decisions.held_out import HeldOut


def embeddings_of(num: int, photos: int, *, noise: float = 0.4, dim: int = 12, seed: int = 0) -> np.ndarray:
    """(num * photos, dim), L2-normalised, photos of an individual after each other."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((num, dim))
    rows = np.repeat(centres, photos, axis=0) + noise * rng.standard_normal((num * photos, dim))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def held_out_of(num: int, photos: int = 3, **settings: float) -> HeldOut:
    rows = embeddings_of(num, photos, **settings)  # type: ignore[arg-type]
    return HeldOut.of_identities(rows @ rows.T, np.repeat(np.arange(num), photos))
