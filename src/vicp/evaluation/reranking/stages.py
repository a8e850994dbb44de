"""The second stages by name: what re-orders the first photos of a ranking."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import nearest
from vicp.errors import ConfigError
from vicp.evaluation.reranking.candidate_pairs import candidate_pairs
from vicp.evaluation.reranking.k_reciprocal import k_reciprocal_scores
from vicp.evaluation.reranking.patch_scores import patch_scores
from vicp.evaluation.reranking.shortlist import Shortlist
from vicp.evaluation.reranking.verifier_scores import verifier_scores
from vicp.evaluation.scoring import LoadedTask, TaskResult, find_task_shortlist, score_reranked

Stage = Literal["ot", "verifier", "k-reciprocal"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def find_stages(names: Sequence[str]) -> tuple[Stage, ...]:
    """The second stages of these names, each once.

    Raises:
        ConfigError: there is none of that name.
    """
    for name in names:
        if name not in STAGES:
            raise ConfigError(f"no second stage '{name}'{nearest(name, STAGES)}")
    return tuple(stage for stage in STAGES if stage in names)


def second_stage(
    stage: Stage, embedder: Embedder, loaded_task: LoadedTask, embeddings: Tensor, prompt: Prompt | None, *, size: int
) -> TaskResult:
    """The result after that stage has re-ordered the first `size` photos of each query.

    Args:
        stage: which.
        embedder: the method.
        loaded_task: the task.
        embeddings: of its photos (n, D), of the first stage.
        prompt: what made them; None for the plain backbone, which has no verifier.
        size: of the shortlist.
    """
    shortlist = find_task_shortlist(loaded_task, embeddings, size=size)
    return score_reranked(
        loaded_task, embeddings, shortlist, _scores(stage, embedder, loaded_task, embeddings, prompt, shortlist)
    )


def _scores(
    stage: Stage,
    embedder: Embedder,
    loaded_task: LoadedTask,
    embeddings: Tensor,
    prompt: Prompt | None,
    shortlist: Shortlist,
) -> NDArray[np.floating]:
    if stage == "k-reciprocal":
        query, gallery = embeddings[loaded_task.query], embeddings[loaded_task.gallery]
        return k_reciprocal_scores(query, gallery, shortlist, own_rows=loaded_task.own_rows)
    pairs = candidate_pairs(shortlist, query_photos=loaded_task.query, gallery_photos=loaded_task.gallery)
    if stage == "verifier":
        if prompt is None:
            raise ValueError("the verifier needs a prompt with slot states")
        return verifier_scores(embedder, loaded_task.pixels, pairs, prompt)
    return patch_scores(embedder, loaded_task.pixels, pairs, prompt=prompt)
