"""The reranking stages by name."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import nearest
from vicp.errors import ConfigError
from vicp.evaluation.reranking.candidate_pairs import CandidatePairs, candidate_pairs
from vicp.evaluation.reranking.k_reciprocal import k_reciprocal_scores
from vicp.evaluation.reranking.patch_scores import patch_scores
from vicp.evaluation.reranking.rerank import reranked_retrieval
from vicp.evaluation.reranking.shortlist import find_shortlist
from vicp.evaluation.reranking.verifier_scores import verifier_scores
from vicp.evaluation.scoring import TaskResult
from vicp.evaluation.task import LoadedTask

Stage = Literal["ot", "verifier", "k-reciprocal"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def find_stages(names: Sequence[str]) -> tuple[Stage, ...]:
    """Return the second stages of these names, each once.

    Raises:
        ConfigError: There is none of that name.
    """
    for name in names:
        if name not in STAGES:
            raise ConfigError(f"no second stage '{name}'{nearest(name, STAGES)}")
    return tuple(stage for stage in STAGES if stage in names)


def rerank_task(
    stage: Stage, embedder: Embedder, loaded_task: LoadedTask, embeddings: Tensor, prompt: Prompt | None, *, size: int
) -> TaskResult:
    """Return the result after a second stage has re-ordered the first `size` photos of each query.

    Args:
        stage: which.
        embedder: The method.
        loaded_task: The task, m photos.
        embeddings: Of these (m, D), of the first stage.
        prompt: What made them; None for the plain backbone, which has no verifier.
        size: Of the shortlist.
    """
    task = loaded_task.embedded(embeddings)
    shortlist = find_shortlist(task, size=min(size, len(task.gallery)))
    if stage == "k-reciprocal":
        return TaskResult(reranked_retrieval(task, shortlist, k_reciprocal_scores(task, shortlist)), np.zeros(0))
    pairs = candidate_pairs(shortlist, query_photos=loaded_task.query, gallery_photos=loaded_task.gallery)
    scores = _pair_scores(stage, embedder, loaded_task.pixels, pairs, prompt)
    return TaskResult(reranked_retrieval(task, shortlist, scores), np.zeros(0))


def _pair_scores(
    stage: Stage, embedder: Embedder, pixels: Tensor, pairs: CandidatePairs, prompt: Prompt | None
) -> NDArray[np.float32]:
    """Return scores (Q, k) of the shortlist's places from the photos of each pair."""
    if stage == "ot":
        return patch_scores(embedder, pixels, pairs, prompt=prompt)
    if prompt is None:
        raise ValueError("the verifier needs a prompt with slot states")
    return verifier_scores(embedder, pixels, pairs, prompt)
