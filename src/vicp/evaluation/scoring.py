"""What a method answers to an exam with one support: the ranking of every query, and the verification pairs' scores."""

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
    """What a method made of an exam.

    Attributes:
        found: what each query found.
        pair_scores: (P,) similarity of the exam's verification pairs; (0,) where it has none, or for a second stage.
    """

    found: Retrieval
    pair_scores: NDArray[np.float64]

    def arrays(self) -> Arrays:
        """Everything by name, for a file."""
        found = {field.name: getattr(self.found, field.name) for field in fields(Retrieval)}
        return found | {"pair_scores": self.pair_scores}

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> "TaskResult":
        """The answer from what `arrays` gave.

        Raises:
            KeyError: something is missing.
        """
        found = Retrieval(**{field.name: arrays[field.name] for field in fields(Retrieval)})  # type: ignore[arg-type]
        return cls(found, arrays["pair_scores"].astype(np.float64))


@dataclass(frozen=True, eq=False)
class LoadedTask:
    """An exam with the photos it is about.

    Attributes:
        exam: whose rows are those of the photo table.
        rows: (n,) ascending, every row of the table that the exam needs, without the support's.
        identities: (n,) "category/identity" of these.
        pixels: (n, 3, S, S) uint8.
    """

    exam: EvaluationTask
    rows: Rows
    identities: NDArray[np.str_]
    pixels: Tensor

    @property
    def query(self) -> Rows:
        """Positions of the queries among `rows`."""
        return np.searchsorted(self.rows, self.exam.query)

    @property
    def gallery(self) -> Rows:
        """Positions of the gallery among `rows`."""
        return np.searchsorted(self.rows, self.exam.gallery)

    @property
    def own_rows(self) -> Rows | None:
        """The gallery row that is the query itself, where each photo is looked up among the others."""
        return np.arange(len(self.exam.query)) if self.exam.leave_one_out else None

    @property
    def groups(self) -> tuple[Rows | None, Rows | None]:
        """Codes of queries and gallery whose photos of one identity are not looked in."""
        groups = self.exam.groups
        return (None, None) if groups is None else (groups[self.exam.query], groups[self.exam.gallery])


def task_rows(exam: EvaluationTask) -> Rows:
    """The rows of the table that an exam asks about, ascending."""
    pairs = () if exam.pairs is None else (exam.pairs.left, exam.pairs.right)
    return np.unique(np.concatenate([exam.query, exam.gallery, *pairs]))


def row_identities(table: PhotoTable, rows: Rows) -> NDArray[np.str_]:
    """The identities (n,), category and name, of rows of the table."""
    return np.array(table.identities)[rows]


def score_task(paper: LoadedTask, embeddings: Tensor) -> TaskResult:
    """The answer that embeddings (n, D) of the paper's photos give."""
    query, gallery = embeddings[paper.query], embeddings[paper.gallery]
    query_groups, gallery_groups = paper.groups
    found = retrieval(
        query,
        gallery,
        paper.identities[paper.query],
        paper.identities[paper.gallery],
        own_rows=paper.own_rows,
        query_groups=query_groups,
        gallery_groups=gallery_groups,
    )
    return TaskResult(found, pair_similarities(paper, embeddings))


def find_task_shortlist(paper: LoadedTask, embeddings: Tensor, *, size: int) -> Shortlist:
    """The first `size` gallery photos of each query."""
    query_groups, gallery_groups = paper.groups
    return find_shortlist(
        embeddings[paper.query],
        embeddings[paper.gallery],
        size=min(size, len(paper.exam.gallery)),
        own_rows=paper.own_rows,
        query_identities=paper.identities[paper.query],
        gallery_identities=paper.identities[paper.gallery],
        query_groups=query_groups,
        gallery_groups=gallery_groups,
    )


def score_reranked(
    paper: LoadedTask, embeddings: Tensor, shortlist: Shortlist, scores: NDArray[np.floating]
) -> TaskResult:
    """The answer after a second stage has scored the shortlist."""
    query_groups, gallery_groups = paper.groups
    found = reranked_retrieval(
        embeddings[paper.query],
        embeddings[paper.gallery],
        paper.identities[paper.query],
        paper.identities[paper.gallery],
        shortlist=shortlist,
        scores=scores,
        own_rows=paper.own_rows,
        query_groups=query_groups,
        gallery_groups=gallery_groups,
    )
    return TaskResult(found, np.zeros(0))


def pair_similarities(paper: LoadedTask, embeddings: Tensor) -> NDArray[np.float64]:
    """Cosine similarity (P,) of the exam's verification pairs, exact; (0,) where it has none."""
    pairs = paper.exam.pairs
    if pairs is None:
        return np.zeros(0)
    on_grid = to_grid(embeddings)  # (n, D)
    left, right = (np.searchsorted(paper.rows, side) for side in (pairs.left, pairs.right))
    blocks = [slice(start, start + _PAIRS) for start in range(0, len(left), _PAIRS)]
    return np.concatenate([exact_similarity(on_grid[left[block]], on_grid[right[block]]) for block in blocks])
