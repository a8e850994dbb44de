"""A linear map of embeddings, fitted on a support or emitted by the model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_TINY = 1e-12  # norm below which a vector is left as short as it is


@dataclass(frozen=True, eq=False)
class LinearTransform:
    """A linear map of embeddings: `mean` (D,) is subtracted, then `weight` (D, D) applied; float32."""

    mean: Floats
    weight: Floats

    def apply(self, embeddings: Floats) -> Floats:
        """Return transformed embeddings (B, D) float32, L2-normalised: normalise((x - mean) W).

        Args:
            embeddings: (B, D).

        Raises:
            ValueError: Embeddings of another width than the transform's.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != len(self.mean):
            raise ValueError(f"embeddings are {embeddings.shape}; expected (B, {len(self.mean)})")
        return normalise_rows(np.asarray((embeddings - self.mean) @ self.weight, dtype=np.float32))


def normalise_rows(rows: Floats) -> Floats:
    """Return rows (..., D) of length 1; a row of zeros stays one."""
    length = np.sqrt(np.square(rows).sum(axis=-1, keepdims=True))
    normalised: Floats = rows / np.maximum(length, np.float32(_TINY))
    return normalised


def concatenate(embeddings: Sequence[Floats]) -> Floats:
    """Return features (n, sum of D): L2-normalised embeddings (n, D) each, concatenated and normalised again."""
    return embeddings[0] if len(embeddings) == 1 else normalise_rows(np.concatenate(embeddings, axis=1))


def blend(first: Floats, second: Floats, weight: float) -> Floats:
    """Return embeddings (n, D + D') whose similarity is the weighted mean of two similarities.

    Args:
        first: (n, D).
        second: (n, D').
        weight: Of the first's similarity, between 0 and 1.
    """
    blended: Floats = np.concatenate(
        [np.float32(weight**0.5) * first, np.float32((1 - weight) ** 0.5) * second], axis=1
    )
    return blended
