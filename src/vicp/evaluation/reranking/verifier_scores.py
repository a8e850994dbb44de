"""Reranking by the in-context verifier's P(same | context, query, candidate), as log odds (ours)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.in_context import log_odds_same
from vicp.adapt.prompt import Prompt
from vicp.evaluation.reranking.candidate_pairs import CandidatePairs, score_pairs
from vicp.evaluation.reranking.photo_arrays import photo_arrays
from vicp.model.qformer import Latents
from vicp.progress import Progress


def verifier_scores(
    embedder: Embedder,
    pixels: Tensor,
    pairs: CandidatePairs,
    prompt: Prompt,
    *,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the log odds that the photos of each pair show the same individual, (Q, k).

    The latent tokens of each photo are computed once and wait on disk. The comparison of two photos is the same in
    either order, so one of them is computed.

    Args:
        embedder: Its `progress` is called for the photos.
        pixels: (n, 3, S, S) uint8, the photos of the table.
        pairs: Of the shortlist.
        prompt: Whose slot states the verifier reads; see `vicp.adapt.in_context.can_verify`.
        batch_size: Pairs compared at a time.
        progress: Called for the pairs.

    Raises:
        ConfigError: A bare backbone, which has no verifier.
        DataError: The disk is too small for the latents.
        PromptError: The prompt belongs to another model.
        ValueError: The prompt carries no slot states.
    """
    if not len(pairs.left):
        return np.full(pairs.places.shape, -np.inf, dtype=np.float32)
    with photo_arrays(
        pixels,
        pairs.photos,
        lambda photos: embedder.latents(photos).tokens,
        dtype=np.float32,
        batch_size=embedder.batch_size,
        progress=embedder.progress,
    ) as tokens:  # (n, Q', E)

        def score(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
            a, b = (Latents(torch.from_numpy(tokens[rows].astype(np.float32))) for rows in (left, right))
            log_odds: NDArray[np.float32] = log_odds_same(embedder, prompt, a, b).numpy()
            return log_odds

        return score_pairs(pairs, score, batch_size=batch_size, progress=progress)
