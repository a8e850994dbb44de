"""The reranking stages by name."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.local_matching import fit_local_matching
from vicp.adapt.prompt import Prompt
from vicp.data.records import nearest
from vicp.errors import ConfigError
from vicp.evaluation.reranking.candidate_pairs import candidate_pairs
from vicp.evaluation.reranking.k_reciprocal import k_reciprocal_scores, neighbourhood
from vicp.evaluation.reranking.local_scores import local_scores
from vicp.evaluation.reranking.patch_scores import patch_scores
from vicp.evaluation.reranking.rerank import reranked_retrieval
from vicp.evaluation.reranking.shortlist import find_shortlist
from vicp.evaluation.reranking.verifier_scores import verifier_scores
from vicp.evaluation.scoring import TaskResult
from vicp.evaluation.task import LoadedTask

Stage = Literal["ot", "verifier", "k-reciprocal", "patches"]
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


def stages_of(adaptation: str, wanted: Sequence[Stage], *, has_verifier: bool) -> tuple[Stage, ...]:
    """Return the stages that re-order what an adaptation finds, of those that are wanted.

    Of a VICP model the verifier always follows the generated prompt, whose context it reads: the context report shows
    it. Patches follow what "auto" chooses: how much they count is chosen as that is, on held-out individuals.
    """
    possible: dict[str, tuple[Stage, ...]] = {
        "null": ("ot", "k-reciprocal"),
        "generated": ("ot", "verifier", "k-reciprocal"),
        "auto": ("ot", "k-reciprocal", "patches"),
    }
    wanted = (*wanted, "verifier") if has_verifier else wanted
    return tuple(stage for stage in possible.get(adaptation, ()) if stage in wanted)


def rerank_task(
    stage: Stage,
    embedder: Embedder,
    loaded_task: LoadedTask,
    embeddings: Tensor,
    prompt: Prompt | None,
    *,
    size: int,
    support: EncodedSupport | None = None,
) -> TaskResult:
    """Return the result after a second stage has re-ordered the first `size` photos of each query.

    Args:
        stage: which.
        embedder: The method.
        loaded_task: The task, m photos.
        embeddings: Of these (m, D), of the first stage.
        prompt: What made them; None for the plain backbone, which has no verifier.
        size: Of the shortlist.
        support: That the prompt was taught by; only patches need it.
    """
    task = loaded_task.embedded(embeddings)
    shortlist = find_shortlist(task, size=min(size, len(task.gallery)))
    if stage == "k-reciprocal":
        k1, k2 = neighbourhood(task.gallery_identities, leave_one_out=task.own_rows is not None)
        by_neighbours = k_reciprocal_scores(task, shortlist, k1=k1, k2=k2)
        return TaskResult(reranked_retrieval(task, shortlist, by_neighbours), np.zeros(0))
    pairs = candidate_pairs(shortlist, query_photos=loaded_task.query, gallery_photos=loaded_task.gallery)
    scores: NDArray[np.floating]
    if stage == "ot":
        scores = patch_scores(embedder, loaded_task.pixels, pairs, prompt=prompt)
    elif prompt is None:
        raise ValueError(f"{stage} needs a prompt")
    elif stage == "verifier":
        scores = verifier_scores(embedder, loaded_task.pixels, pairs, prompt)
    elif support is None:
        raise ValueError(f"{stage} needs the prompt's support")
    else:
        matching = fit_local_matching(embedder, support, prompt)
        scores = local_scores(embedder, loaded_task.pixels, shortlist, pairs, matching)
    return TaskResult(reranked_retrieval(task, shortlist, scores), np.zeros(0))
