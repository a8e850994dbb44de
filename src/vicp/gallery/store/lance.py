"""What is specific to LanceDB: listing tables, the vector index, and errors as one line."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vicp.errors import GalleryError

INDEXED_COLUMN = "embedding"
ROWS_PER_CELL = 4096  # of the inverted file
QUERIES_PER_CALL = 256
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

    return lancedb.connect(uri)


def all_tables(database: Any) -> list[str]:
    """Return the names of all tables in the database, whichever state of the gallery they belong to."""
    names: list[str] = []
    page = database.list_tables(limit=1000)
    while True:
        names += page.tables
        if not page.page_token:
            return names
        page = database.list_tables(page_token=page.page_token, limit=1000)


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
    """Return the index to build over so many rows: an inverted file of the embeddings as they are, nothing coded."""
    from lancedb.index import IvfFlat

    return IvfFlat(distance_type="dot", num_partitions=num_cells(rows), sample_rate=32, max_iterations=8)


def num_cells(rows: int) -> int:
    """Return the number of cells that an index over so many rows has."""
    return max(2, rows // ROWS_PER_CELL)


def query_index(table: Any, queries: NDArray[np.float32], *, cells: int, count: int) -> pa.Table:
    """Return the `count` photos most similar to each query: `query`, `number` and `similarity`, best first.

    The queries are searched in calls of many: a call of one costs several times as much for each.

    Args:
        table: LanceDB's, with an index.
        queries: Embeddings (B, D), at least one.
        cells: How many cells of the index to search, the closest ones.
        count: How many photos.
    """
    parts = []
    for start in range(0, len(queries), QUERIES_PER_CALL):
        batch = list(queries[start : start + QUERIES_PER_CALL])
        search = table.search(batch, vector_column_name=INDEXED_COLUMN).distance_type("dot").nprobes(cells)
        columns = ["number", "_distance"]
        rows = search.limit(count).select(columns).to_arrow()
        position = rows["query_index"].to_numpy() if len(batch) > 1 else np.zeros(len(rows), dtype=np.int64)
        order = np.lexsort((rows["_distance"].to_numpy(), position))
        parts.append(
            pa.table(
                {
                    "query": pa.array(position[order] + start, pa.int64()),
                    "number": rows["number"].take(pa.array(order)),
                    "similarity": pa.array(1 - rows["_distance"].to_numpy()[order], pa.float32()),
                }
            )
        )
    return pa.concat_tables(parts)


def _reason(message: str, task: str) -> str:
    if system_error := _SYSTEM_ERROR.search(message):
        return f"{system_error[1].lower()} ({task}): nothing that was in the gallery is lost"
    if _MISSING_PART.search(message):
        return f"half of it is gone ({task}): bring the folder back from a copy"
    first_line = message.strip().splitlines()[0] if message.strip() else "unknown"
    return f"the store gave up {task} ({first_line[:200]})"
