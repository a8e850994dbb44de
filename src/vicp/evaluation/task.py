"""Evaluation tasks: support, query and gallery photos of one category; with photos decoded; with photos embedded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.data.loading import load_pixels
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError

Rows = NDArray[np.int64]

_IN_MEMORY = 2**29  # bytes of decoded photos


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Verification pairs, as rows of the photo table.

    Attributes:
        left: (P,).
        right: (P,).
        same: (P,) bool, whether both show the same identity.
    """

    left: Rows
    right: Rows
    same: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EvaluationTask:
    """The photos of one category by role; every array holds rows of one photo table of n photos.

    Attributes:
        category: Its name.
        support: Photos whose identities may be taught; none of these identities is among `query` or `gallery`.
        query: Photos looked up (Q,).
        gallery: Photos they are looked up in (G,); `query` itself where `leave_one_out`.
        leave_one_out: Each photo is looked up among all the others.
        groups: (n,) int64, a code per photo of the table: a gallery photo of the query's identity with the query's
            code is left out (Market-1501's rule for cameras); -1 leaves nothing out. None where there is no such rule.
        pairs: For verification; None where the protocol has none.
        moments: (n,) int64, the moment of each photo of the table; None where each counts as one of its own.
        sides: (n,) int64, the side that each photo of the table shows, see `data.sides`; None where none is known.
        fold: Of the category, where the protocol has folds.
        variant: What of the protocol this is, such as "studio to street"; empty where there is only one.
    """

    category: str
    support: Rows
    query: Rows
    gallery: Rows
    leave_one_out: bool = False
    groups: Rows | None = None
    pairs: LabelledPairs | None = None
    moments: Rows | None = None
    sides: Rows | None = None
    fold: str = ""
    variant: str = ""

    @property
    def rows(self) -> Rows:
        """All rows but the support's, ascending (m,)."""
        pairs = () if self.pairs is None else (self.pairs.left, self.pairs.right)
        return np.unique(np.concatenate([self.query, self.gallery, *pairs]))


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Embeddings of queries and gallery, whom they show, and which gallery rows are left out for a query.

    Attributes:
        query: (Q, D) floating point.
        gallery: (G, D) floating point.
        query_identities: (Q,) strings or integers.
        gallery_identities: (G,) of the same kind.
        own_rows: (Q,) the gallery row that is the query itself and is left out; -1 for none. None for none at all.
        query_groups: (Q,) camera or sequence, say: a gallery row of the query's identity AND group is left out; -1 is
            no group. None without groups.
        gallery_groups: (G,) likewise.
    """

    query: Tensor
    gallery: Tensor
    query_identities: NDArray[Any]
    gallery_identities: NDArray[Any]
    own_rows: Rows | None = None
    query_groups: Rows | None = None
    gallery_groups: Rows | None = None

    def select(self, queries: Rows, gallery: Rows) -> "RetrievalTask":
        """Return some queries and some ascending gallery rows, the queries' own rows among them."""
        return RetrievalTask(
            self.query[queries],
            self.gallery[gallery],
            self.query_identities[queries],
            self.gallery_identities[gallery],
            own_rows=None if self.own_rows is None else np.searchsorted(gallery, self.own_rows[queries]),
            query_groups=None if self.query_groups is None else self.query_groups[queries],
            gallery_groups=None if self.gallery_groups is None else self.gallery_groups[gallery],
        )


@dataclass(frozen=True, eq=False)
class LoadedTask:
    """A task with its photos decoded.

    Attributes:
        task: The task; its rows are those of the photo table.
        rows: (m,) ascending, every row of the table that the task needs, without the support's.
        identities: (m,) "category/identity" of these.
        pixels: (m, 3, S, S) uint8.
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

    def embedded(self, embeddings: Tensor) -> RetrievalTask:
        """Return queries and gallery with embeddings (m, D) of the task's photos."""
        query, gallery, groups = self.query, self.gallery, self.task.groups
        return RetrievalTask(
            embeddings[query],
            embeddings[gallery],
            self.identities[query],
            self.identities[gallery],
            own_rows=np.arange(len(query)) if self.task.leave_one_out else None,
            query_groups=None if groups is None else groups[self.task.query],
            gallery_groups=None if groups is None else groups[self.task.gallery],
        )


def row_identities(table: PhotoTable, rows: Rows) -> NDArray[np.str_]:
    """Return the identities (n,), category and name, of rows of the table."""
    return np.array(table.identities)[rows]


@contextmanager
def load_task(embedder: Embedder, table: PhotoTable, task: EvaluationTask) -> Iterator[LoadedTask]:
    """Return the task with its photos as the embedder takes them: in memory, or on disk where they are many.

    Raises:
        DataError: Photos that cannot be used, or no room for them.
    """
    rows, side = task.rows, embedder.transform.size
    with TemporaryDirectory(prefix="vicp-photos-") as folder:
        pixels = _space((len(rows), 3, side, side), Path(folder))
        bad: list[BadPhoto] = []
        for batch in load_pixels(table.select(rows), embedder.transform, batch_size=embedder.batch_size, bad=bad):
            pixels[batch.indices] = batch.pixels
        if bad:
            raise DataError(bad_photos_message(bad))
        yield LoadedTask(task, rows, row_identities(table, rows), torch.from_numpy(pixels))


def _space(shape: tuple[int, ...], folder: Path) -> np.ndarray:
    if np.prod(shape, dtype=np.int64) <= _IN_MEMORY:
        return np.empty(shape, dtype=np.uint8)
    try:
        return np.lib.format.open_memmap(folder / "photos.npy", mode="w+", dtype=np.uint8, shape=shape)
    except OSError as error:
        raise DataError(
            f"no room for {shape[0]} decoded photos ({error.strerror}): free some, or set TMPDIR"
        ) from error
