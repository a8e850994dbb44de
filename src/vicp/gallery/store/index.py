"""LanceDB's vector index over the embeddings of a large category: how it is made and how it is asked."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

COLUMN = "embedding"
ROWS_PER_CELL = 4096


def index_config(rows: int) -> Any:
    """An inverted file whose cells hold the embeddings themselves, so that what it compares is exact."""
    from lancedb.index import IvfFlat

    return IvfFlat(distance_type="dot", num_partitions=num_cells(rows), sample_rate=32, max_iterations=8)


def num_cells(rows: int) -> int:
    """How many cells so many rows are put in."""
    return max(2, rows // ROWS_PER_CELL)


def query_index(table: Any, query: NDArray[np.float32], *, cells: int, count: int) -> pa.Table:
    """Number and similarity of the photos in the `cells` closest cells that are closest to a query (D,), best first."""
    asked = table.search(query, vector_column_name=COLUMN).distance_type("dot").nprobes(cells).limit(count)
    found = asked.select(["number", "_distance"]).to_arrow()
    similarity = 1 - found["_distance"].to_numpy()
    return pa.table({"number": found["number"], "similarity": pa.array(similarity, pa.float32())})
