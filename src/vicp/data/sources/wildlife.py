"""A folder with a `metadata.csv`, as WildlifeDatasets and Hugging Face datasets write it -> the photo table.

It is a table like any other, see `table.py`; without a column for it, the category is the folder's name.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from vicp.data.records import PhotoTable
from vicp.data.sources.columns import read_columns
from vicp.data.sources.delimited import read_csv
from vicp.data.sources.table import read_table
from vicp.errors import DataError

FILE = "metadata.csv"


def is_wildlife(root: Path) -> bool:
    """Return whether a folder has a `metadata.csv` with a column of paths and one of identities."""
    if not (root / FILE).is_file():
        return False
    try:
        return {"path", "identity"} <= set(read_columns(root / FILE, read_csv(root / FILE)).frame)
    except DataError:
        return True  # and the reader will say why it cannot be read


def read_wildlife(
    root: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
    columns: Mapping[str, str] | None = None,
) -> PhotoTable:
    """Return the photos that `metadata.csv` lists; individuals nobody could name only if none needs a name.

    Args:
        root: The folder of `metadata.csv`.
        category: Without a column of categories, the category of all photos (the folder's name if None); with one,
            the category to keep.
        need_identity: Leave out photos whose identity is "unknown"; one that says nothing is a bad row.
        skip_bad: Leave out bad rows instead of raising.
        columns: See `read_table`.

    Raises:
        DataError: The file cannot be read, columns are missing, or rows are bad; see `read_table`.
    """
    file = Path(root) / FILE
    read = read_columns(file, read_csv(file), columns)
    if "category" not in read.frame:
        category = category or file.parent.resolve().name
    return read_table(file, category=category, need_identity=need_identity, skip_bad=skip_bad, columns=columns)
