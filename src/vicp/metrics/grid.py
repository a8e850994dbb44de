"""Embeddings rounded to a grid, so that float64 computes their similarities without rounding.

A similarity must not depend on the kernel that computes it, or results would change with the size of a block and the
number of threads. Embeddings are therefore rounded to multiples of 2^-24, float32's own precision near 1: products are
then multiples of 2^-48, their sums stay below 2, and float64 holds all of these, so that their order does not matter.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GRID = 2.0**24
_ROWS = 4096


def to_grid(embeddings: Tensor) -> NDArray[np.float32]:
    """Return rows (n, D) L2-normalised and rounded to multiples of 2^-24, all of which float32 holds exactly."""
    on_grid = np.empty(tuple(embeddings.shape), dtype=np.float32)
    for start in range(0, len(embeddings), _ROWS):
        rows = np.ascontiguousarray(embeddings[start : start + _ROWS].detach().to("cpu", torch.float64).numpy())
        length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        on_grid[start : start + _ROWS] = np.rint(rows / np.maximum(length, 1e-12) * GRID) / GRID
    return on_grid


def exact_similarity(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return cosine similarity (n,) of rows on the grid (n, D), pair by pair, without any rounding."""
    similarity: NDArray[np.float64] = np.einsum("nd,nd->n", left.astype(np.float64), right.astype(np.float64))
    return similarity
