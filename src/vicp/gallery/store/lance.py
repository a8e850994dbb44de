"""What is specific to LanceDB: listing tables, the vector index, and errors as one line."""

import os
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.errors import GalleryError

_ENDING = ".lance"  # of the folder of a table
INDEXED_COLUMN = "embedding"
ROWS_PER_CELL = 4096  # of the inverted file
QUERIES_PER_CALL = 64  # of an index: what they find is in memory together
_INDEX_BYTES = 2**29  # kept in memory of indices: one over a million photos is 100 MB
_METADATA_BYTES = 2**25  # of versions; LanceDB's own gigabyte fills while a service writes one label after another
_NO_VERSION_IS_OLDER = timedelta(days=36500)

_SYSTEM_ERROR = re.compile(r"(No space left on device|Read-only file system|Permission denied|Disk quota exceeded)")
_MISSING_PART = re.compile(r"(not found|no longer exists|does not exist|No such file)", re.I)


@contextmanager
def lance_errors(uri: str, task: str) -> Iterator[None]:
    """Turn what LanceDB raises into a `GalleryError` that names the gallery and the task it failed at."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise GalleryError(f"{uri}: {_reason(str(error), task)}") from error


def connect(uri: str) -> Any:
    """Return the database at a place; LanceDB takes a second to import, and only stored galleries need it."""
    os.environ.setdefault("LANCEDB_LOG", "error")  # read when lancedb is imported; it would warn of every new table
    import lancedb

    return lancedb.connect(uri, session=lancedb.Session(_INDEX_BYTES, _METADATA_BYTES))


def all_tables(database: Any) -> list[str]:
    """Return the names of all tables in the database, whichever state of the gallery they belong to."""
    names: list[str] = []
    page = database.list_tables(limit=1000)
    while True:
        names += page.tables
        if not page.page_token:
            return names
        page = database.list_tables(page_token=page.page_token, limit=1000)


def local_tables(folder: Path) -> set[str]:
    """Return what `all_tables` does, of a database in a folder, without asking LanceDB."""
    return {name.removesuffix(_ENDING) for name in os.listdir(folder) if name.endswith(_ENDING)}


def version_stamp(uri: str, table: str) -> Hashable:
    """Return what changes with every version of a table on this machine's disks; None where that cannot be told.

    LanceDB writes a file of a new name for every version.
    """
    if "://" in uri:
        return None
    versions = Path(uri) / f"{table}{_ENDING}" / "_versions"
    try:
        names, facts = os.listdir(versions), versions.stat()
    except OSError:
        return None
    return (facts.st_ino, facts.st_mtime_ns, len(names), min(names, default=""), max(names, default=""))


def can_open(database: Any, table: str) -> bool:
    """Return whether a table has a first version: not if the process that made it was killed before that."""
    try:
        database.open_table(table)
    except ValueError:
        return False
    return True


def join_files(table: Any) -> None:
    """Write the small files of a table together, and remove data that no version of it holds.

    Nobody else may be writing: what another writer has not finished would be removed.
    """
    table.optimize(cleanup_older_than=_NO_VERSION_IS_OLDER, delete_unverified=True)


def index_config(rows: int) -> Any:
    """Return the index to build over so many rows: an inverted file with a bit per dimension of each embedding."""
    from lancedb.index import IvfRq

    return IvfRq(distance_type="dot", num_partitions=num_cells(rows), sample_rate=32, max_iterations=8)


def num_cells(rows: int) -> int:
    """Return the number of cells that an index over so many rows has."""
    return max(2, rows // ROWS_PER_CELL)


@dataclass(frozen=True, eq=False)
class Hits:
    """Photos that an index finds for queries, by query and best first.

    Attributes:
        query: (H,) the position of the query.
        number: (H,) of the photo.
        similarity: (H,) float32.
    """

    query: NDArray[np.int64]
    number: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Hits":
        """Return some of them, by mask or position."""
        return Hits(self.query[which], self.number[which], self.similarity[which])


def query_index(table: Any, queries: NDArray[np.float32], *, cells: int, count: int) -> Hits:
    """Return the `count` photos that an index takes for the most similar to each query, best first.

    Their similarities are exact, of the embeddings as they are stored, which are read in one call for many queries.

    Args:
        table: LanceDB's, with an index.
        queries: Embeddings (B, D), at least one.
        cells: How many cells of the index to search, the closest ones.
        count: How many photos.
    """
    parts = []
    for start in range(0, len(queries), QUERIES_PER_CALL):
        batch = queries[start : start + QUERIES_PER_CALL]
        search = table.search(list(batch), vector_column_name=INDEXED_COLUMN).distance_type("dot").nprobes(cells)
        found = search.limit(count).with_row_id(True).select(["_distance"]).to_arrow()
        query = np.zeros(len(found), np.int64) if len(batch) == 1 else found["query_index"].to_numpy().astype(np.int64)
        ids, place = np.unique(found["_rowid"].to_numpy(), return_inverse=True)
        numbers, embeddings = _rows(table, ids)
        similarity = np.einsum("hd,hd->h", batch[query], embeddings[place])
        order = np.lexsort((-similarity, query))
        parts.append((query[order] + start, numbers[place[order]], similarity[order]))
    return Hits(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _rows(table: Any, ids: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the numbers (n,) and embeddings (n, D) in rows of a table, by their ascending ids (n,)."""
    rows = table.take_row_ids(ids.tolist()).select(["number", INDEXED_COLUMN]).with_row_id().to_arrow()
    rows = rows.sort_by("_rowid").combine_chunks()
    embeddings = rows[INDEXED_COLUMN].chunk(0).flatten().to_numpy()
    return rows["number"].to_numpy(), embeddings.reshape(len(rows), -1)


def _reason(message: str, task: str) -> str:
    if system_error := _SYSTEM_ERROR.search(message):
        return f"{system_error[1].lower()} ({task}): nothing that was in the gallery is lost"
    if _MISSING_PART.search(message):
        return f"half of it is gone ({task}): bring the folder back from a copy"
    first_line = message.strip().splitlines()[0] if message.strip() else "unknown"
    return f"the store gave up {task} ({first_line[:200]})"
