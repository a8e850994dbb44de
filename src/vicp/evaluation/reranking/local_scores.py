"""Reranking by local matching: the similarity of the first stage, and that of the patches of both photos."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.local_matching import LocalMatching, patch_similarity
from vicp.evaluation.reranking.candidate_pairs import CandidatePairs
from vicp.evaluation.reranking.patch_scores import compare_patches
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
    by_patches = compare_patches(
        embedder, pixels, pairs, matching.patches(embedder), patch_similarity, batch_size=batch_size
    )
    return np.where(shortlist.filled, shortlist.similarity + matching.coefficient * by_patches, -np.inf)
