"""The result of one method on one task: the ranking of every query, and scores of the verification pairs."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.evaluation.task import LoadedTask, RetrievalTask
from vicp.metrics import Retrieval, retrieval
from vicp.metrics.grid import exact_similarity, to_grid

Arrays = dict[str, NDArray[np.generic]]
_PAIRS = 4096  # compared at a time


@dataclass(frozen=True, eq=False)
class TaskResult:
    """The result of one method on one task, for one support draw.

    Attributes:
        retrieval: Ranks and scores of every query.
        pair_scores: (P,) similarity of the task's verification pairs; (0,) where it has none, or for a second stage.
    """

    retrieval: Retrieval
    pair_scores: NDArray[np.float64]

    def arrays(self) -> Arrays:
        """Return all arrays by name, for a file."""
        per_query = {field.name: getattr(self.retrieval, field.name) for field in fields(Retrieval)}
        return per_query | {"pair_scores": self.pair_scores}

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> "TaskResult":
        """Return the result from what `arrays` returned.

        Raises:
            KeyError: Something is missing.
        """
        per_query = Retrieval(**{field.name: arrays[field.name] for field in fields(Retrieval)})  # type: ignore[arg-type]
        return cls(per_query, arrays["pair_scores"].astype(np.float64))


def score_task(loaded_task: LoadedTask, embeddings: Tensor) -> TaskResult:
    """Return the result for embeddings (m, D) of the task's photos."""
    return TaskResult(rank(loaded_task.embedded(embeddings)), pair_similarities(loaded_task, embeddings))


def rank(task: RetrievalTask) -> Retrieval:
    """Return ranks and scores of every query."""
    return retrieval(
        task.query,
        task.gallery,
        task.query_identities,
        task.gallery_identities,
        own_rows=task.own_rows,
        query_groups=task.query_groups,
        gallery_groups=task.gallery_groups,
    )


def pair_similarities(loaded_task: LoadedTask, embeddings: Tensor) -> NDArray[np.float64]:
    """Return cosine similarity (P,) of the task's verification pairs, exact; (0,) where it has none."""
    pairs = loaded_task.task.pairs
    if pairs is None:
        return np.zeros(0)
    on_grid = to_grid(embeddings)  # (n, D)
    left, right = (np.searchsorted(loaded_task.rows, side) for side in (pairs.left, pairs.right))
    blocks = [slice(start, start + _PAIRS) for start in range(0, len(left), _PAIRS)]
    return np.concatenate([exact_similarity(on_grid[left[block]], on_grid[right[block]]) for block in blocks])
