"""The result of one method on one task: the ranking of every query, and scores of the verification pairs."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.data.records import PhotoTable
from vicp.evaluation.reranking.rerank import reranked_retrieval
from vicp.evaluation.reranking.shortlist import Shortlist, find_shortlist
from vicp.evaluation.task import EvaluationTask, Rows
from vicp.metrics import Retrieval, retrieval
from vicp.metrics.grid import exact_similarity, to_grid

Arrays = dict[str, NDArray[np.generic]]
_PAIRS = 4096  # compared at a time


@dataclass(frozen=True, eq=False)
class TaskResult:
    """The result of one method on one task, for one support draw.

    Attributes:
        retrieval: ranks and scores of every query.
        pair_scores: (P,) similarity of the task's verification pairs; (0,) where it has none, or for a second stage.
    """

    retrieval: Retrieval
    pair_scores: NDArray[np.float64]

    def arrays(self) -> Arrays:
        """Everything by name, for a file."""
        per_query = {field.name: getattr(self.retrieval, field.name) for field in fields(Retrieval)}
        return per_query | {"pair_scores": self.pair_scores}

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> "TaskResult":
        """The result from what `arrays` returned.

        Raises:
            KeyError: something is missing.
        """
        per_query = Retrieval(**{field.name: arrays[field.name] for field in fields(Retrieval)})  # type: ignore[arg-type]
        return cls(per_query, arrays["pair_scores"].astype(np.float64))


@dataclass(frozen=True, eq=False)
class LoadedTask:
    """A task with its photos decoded.

    Attributes:
        task: the task; its rows are those of the photo table.
        rows: (n,) ascending, every row of the table that the task needs, without the support's.
        identities: (n,) "category/identity" of these.
        pixels: (n, 3, S, S) uint8.
    """

    task: EvaluationTask
    rows: Rows
    identities: NDArray[np.str_]
    pixels: Tensor

    @property
    def query(self) -> Rows:
        """Positions of the queries among `rows`."""
        return np.searchsorted(self.rows, self.task.query)

    @property
    def gallery(self) -> Rows:
        """Positions of the gallery among `rows`."""
        return np.searchsorted(self.rows, self.task.gallery)

    @property
    def own_rows(self) -> Rows | None:
        """The gallery row that is the query itself, where each photo is looked up among the others."""
        return np.arange(len(self.task.query)) if self.task.leave_one_out else None

    @property
    def groups(self) -> tuple[Rows | None, Rows | None]:
        """Codes of queries and gallery whose photos of one identity are not looked in."""
        groups = self.task.groups
        return (None, None) if groups is None else (groups[self.task.query], groups[self.task.gallery])


def task_rows(task: EvaluationTask) -> Rows:
    """The rows of the table that a task asks about, ascending."""
    pairs = () if task.pairs is None else (task.pairs.left, task.pairs.right)
    return np.unique(np.concatenate([task.query, task.gallery, *pairs]))


def row_identities(table: PhotoTable, rows: Rows) -> NDArray[np.str_]:
    """The identities (n,), category and name, of rows of the table."""
    return np.array(table.identities)[rows]


def score_task(loaded_task: LoadedTask, embeddings: Tensor) -> TaskResult:
    """The result for embeddings (n, D) of the photos of the task."""
    query, gallery = embeddings[loaded_task.query], embeddings[loaded_task.gallery]
    query_groups, gallery_groups = loaded_task.groups
    found = retrieval(
        query,
        gallery,
        loaded_task.identities[loaded_task.query],
        loaded_task.identities[loaded_task.gallery],
        own_rows=loaded_task.own_rows,
        query_groups=query_groups,
        gallery_groups=gallery_groups,
    )
    return TaskResult(found, pair_similarities(loaded_task, embeddings))


def find_task_shortlist(loaded_task: LoadedTask, embeddings: Tensor, *, size: int) -> Shortlist:
    """The first `size` gallery photos of each query."""
    query_groups, gallery_groups = loaded_task.groups
    return find_shortlist(
        embeddings[loaded_task.query],
        embeddings[loaded_task.gallery],
        size=min(size, len(loaded_task.task.gallery)),
        own_rows=loaded_task.own_rows,
        query_identities=loaded_task.identities[loaded_task.query],
        gallery_identities=loaded_task.identities[loaded_task.gallery],
        query_groups=query_groups,
        gallery_groups=gallery_groups,
    )


def score_reranked(
    loaded_task: LoadedTask, embeddings: Tensor, shortlist: Shortlist, scores: NDArray[np.floating]
) -> TaskResult:
    """The result after re-ranking a shortlist by scores (Q, k)."""
    query_groups, gallery_groups = loaded_task.groups
    found = reranked_retrieval(
        embeddings[loaded_task.query],
        embeddings[loaded_task.gallery],
        loaded_task.identities[loaded_task.query],
        loaded_task.identities[loaded_task.gallery],
        shortlist=shortlist,
        scores=scores,
        own_rows=loaded_task.own_rows,
        query_groups=query_groups,
        gallery_groups=gallery_groups,
    )
    return TaskResult(found, np.zeros(0))


def pair_similarities(loaded_task: LoadedTask, embeddings: Tensor) -> NDArray[np.float64]:
    """Cosine similarity (P,) of the task's verification pairs, exact; (0,) where it has none."""
    pairs = loaded_task.task.pairs
    if pairs is None:
        return np.zeros(0)
    on_grid = to_grid(embeddings)  # (n, D)
    left, right = (np.searchsorted(loaded_task.rows, side) for side in (pairs.left, pairs.right))
    blocks = [slice(start, start + _PAIRS) for start in range(0, len(left), _PAIRS)]
    return np.concatenate([exact_similarity(on_grid[left[block]], on_grid[right[block]]) for block in blocks])
