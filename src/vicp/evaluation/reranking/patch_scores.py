"""Reranking by the optimal-transport distance between the patches of two photos.

An embedding sums a photo up; its patch tokens still say what is where. The score is minus the distance of L_align.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.images import normalise
from vicp.evaluation.reranking.candidate_pairs import CandidatePairs, score_pairs
from vicp.evaluation.reranking.photo_arrays import photo_arrays
from vicp.losses.alignment import ot_distance
from vicp.model.loading.precision import autocast, choose_precision
from vicp.progress import Progress


def patch_scores(
    embedder: Embedder,
    pixels: Tensor,
    pairs: CandidatePairs,
    *,
    prompt: Prompt | None = None,
    num_iterations: int = 10,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the negative optimal-transport distance between the patch tokens of the photos of each pair, (Q, k).

    The patches of each photo are computed once, under the prompt's tokens where it has prompted features, and wait
    on disk as float16; transport is float32.

    Args:
        embedder: Its `progress` is called for the photos.
        pixels: (n, 3, S, S) uint8, the photos of the table.
        pairs: Of the shortlist.
        prompt: None for the plain backbone; a metric, which is for embeddings, changes nothing here.
        num_iterations: Of Sinkhorn.
        batch_size: Pairs compared at a time.
        progress: Called for the pairs.

    Raises:
        DataError: The disk is too small for the patches.
        PromptError: The prompt belongs to another model.
    """
    if not len(pairs.left):
        return np.full(pairs.places.shape, -np.inf, dtype=np.float32)
    encode = _patch_encoder(embedder, prompt)

    def closeness(left: Tensor, right: Tensor) -> Tensor:
        return -ot_distance(left, right, num_iterations=num_iterations)

    return compare_patches(embedder, pixels, pairs, encode, closeness, batch_size=batch_size, progress=progress)


def compare_patches(
    embedder: Embedder,
    pixels: Tensor,
    pairs: CandidatePairs,
    encode: Callable[[Tensor], Tensor],
    compare: Callable[[Tensor, Tensor], Tensor],
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return how the patches of the photos of each pair compare (Q, k); -inf at empty places.

    Patches of each photo are computed once and wait on disk as float16; comparing is float32.

    Args:
        embedder: Its `progress` is called for the photos.
        pixels: (n, 3, S, S) uint8, the photos of the table.
        pairs: Of the shortlist, at least one.
        encode: Photos (b, 3, S, S) uint8 to L2-normalised patches (b, N, D).
        compare: Patches (b, N, D) and (b, N, D) to scores (b,).
        batch_size: Pairs compared at a time.
        progress: Called for the pairs.

    Raises:
        DataError: The disk is too small for the patches.
    """
    with photo_arrays(
        pixels, pairs.photos, encode, dtype=np.float16, batch_size=embedder.batch_size, progress=embedder.progress
    ) as patches:

        def score(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
            a, b = (torch.from_numpy(patches[rows].astype(np.float32)) for rows in (left, right))  # (b, N, D)
            with torch.inference_mode():
                scores: NDArray[np.float32] = compare(a, b).numpy()
            return scores

        return score_pairs(pairs, score, batch_size=batch_size, progress=progress)


def _patch_encoder(embedder: Embedder, prompt: Prompt | None) -> Callable[[Tensor], Tensor]:
    """Return a function from photos (b, 3, S, S) uint8 to L2-normalised patch tokens (b, N, D) under the prompt."""
    if prompt is not None:
        embedder.check(prompt)
    visual = None if prompt is None else prompt.feature_sources[-1]  # with features of both kinds, the prompted ones
    with torch.inference_mode():
        states = None if visual is None else embedder.backbone.prompt_states(torch.tensor(visual.tokens))

    def encode(pixels: Tensor) -> Tensor:
        with torch.inference_mode(), autocast(choose_precision()):
            patches = embedder.backbone.encode(normalise(pixels, embedder.transform), states).patches
        return F.normalize(patches.float(), dim=-1)  # (b, N, D): float16 holds them whatever their size was

    return encode
