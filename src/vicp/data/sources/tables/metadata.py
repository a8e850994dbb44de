"""A folder with `metadata.csv` or `metadata.jsonl`, as WildlifeDatasets and Hugging Face have it -> the photo table.

Each is a table like any other, see `table.py`; without a column for it, the category is the folder's name. Hugging Face
may have one per split, in a folder named by it.
"""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.columns import read_columns
from vicp.data.sources.tables.files import read_rows
from vicp.data.sources.tables.table import read_table
from vicp.errors import DataError

FILES = ("metadata.csv", "metadata.jsonl")
_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")


def has_metadata(root: Path) -> bool:
    """Return whether a folder has a table of metadata with a column of paths and one of identities."""
    files = _files(root)
    try:
        return bool(files) and all(
            {"path", "identity"} <= set(read_columns(one, read_rows(one)).frame) for one in files
        )
    except DataError:
        return True  # and the reader will say why it cannot be read


def read_metadata(
    root: str | os.PathLike[str],
    options: ReadOptions = DEFAULTS,
) -> PhotoTable:
    """Return the photos that the metadata list; individuals nobody could name only if none needs a name.

    Args:
        root: The folder of one of FILES, or of a folder for each split.
        options: Where there is no column of categories, the category is that of all photos (the folder's name if
            None). Where identities are needed, "unknown" is left out, and one that says nothing is a bad row.

    Raises:
        DataError: A file cannot be read, columns are missing, or rows are bad; see `read_table`.
    """
    tables = []
    for file in _files(Path(root)):
        of_split = file.parent != Path(root)
        named = options.category
        if "category" not in read_columns(file, read_rows(file), options.columns).frame:
            named = options.category or Path(root).resolve().name
        table = read_table(file, replace(options, category=named))
        tables.append(_in_split(table, file.parent.name) if of_split else table)
    if len(tables) == 1:
        return replace(tables[0], root=Path(root))
    frame = pd.concat([table.frame for table in tables], ignore_index=True)
    skipped = tuple(bad for table in tables for bad in table.skipped)
    notes = tuple(dict.fromkeys(note for table in tables for note in table.notes))
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1)), Path(root), skipped, notes)


def _files(root: Path) -> list[Path]:
    """Return the table of metadata of a folder, or those of its splits."""
    own = [root / name for name in FILES if (root / name).is_file()]
    if own:
        return own[:1]
    of_splits = [root / split / name for split in _SPLITS for name in FILES]
    return [file for file in of_splits if file.is_file()]


def _in_split(table: PhotoTable, split: str) -> PhotoTable:
    """Return a table as it is seen from the folder above, with the split that it is of."""
    frame = table.frame.assign(path=[f"{split}/{path}" for path in table.frame["path"]])
    return replace(table, frame=frame.assign(split=frame.get("split", split)))
