"""Reranking by local matching: the similarity of the first stage, and that of the patches of both photos."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.local_matching import LocalMatching, patch_similarity
from vicp.evaluation.reranking.candidate_pairs import CandidatePairs, score_pairs
from vicp.evaluation.reranking.photo_arrays import photo_arrays
from vicp.evaluation.reranking.shortlist import Shortlist


def local_scores(
    embedder: Embedder,
    pixels: Tensor,
    shortlist: Shortlist,
    pairs: CandidatePairs,
    matching: LocalMatching | None,
    *,
    batch_size: int = 64,
) -> NDArray[np.float64]:
    """Return similarities (Q, k) of the shortlist's places, -inf at empty ones.

    Patches of each photo are computed once and wait on disk as float16.

    Args:
        embedder: What made the patches of the support.
        pixels: (n, 3, S, S) uint8, the photos of the table.
        shortlist: Of the first stage.
        pairs: Of the shortlist.
        matching: Fitted on the support; None leaves the first stage's similarities.
        batch_size: Pairs compared at a time.

    Raises:
        DataError: The disk is too small for the patches.
    """
    if matching is None or not len(pairs.left):
        return shortlist.similarity
    encode = matching.patches(embedder)
    with photo_arrays(
        pixels, pairs.photos, encode, dtype=np.float16, batch_size=embedder.batch_size, progress=embedder.progress
    ) as patches:

        def score(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
            a, b = (torch.from_numpy(patches[rows].astype(np.float32)) for rows in (left, right))  # (b, N, D)
            similarity: NDArray[np.float32] = patch_similarity(a, b).numpy()
            return similarity

        by_patches = score_pairs(pairs, score, batch_size=batch_size)
    return np.where(shortlist.filled, shortlist.similarity + matching.coefficient * by_patches, -np.inf)
