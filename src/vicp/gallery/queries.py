"""The photos that a command asks about: files, folders and tables as the user named them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import DataError


def query_tables(photos: Sequence[Path], *, skip_bad: bool) -> list[PhotoTable]:
    """Return one table of all files, named as the user named them, and the tables that hold encoded photos.

    Raises:
        DataError: Something that holds no photos, or rows that cannot be used.
    """
    tables = [(path, open_photos(path, need_identity=False, skip_bad=skip_bad)) for path in photos]
    of_files = [table for _, table in tables if table.root is not None]
    of_bytes = [table for _, table in tables if table.root is None]
    if not of_files:
        return of_bytes
    frames = [table.frame.assign(path=[str(table.root / p) for p in table.frame["path"]]) for table in of_files]
    frame = pd.concat(frames, ignore_index=True)
    skipped = tuple(bad for table in of_files for bad in table.skipped)
    return [PhotoTable(frame.assign(row=range(1, len(frame) + 1)), Path(), skipped), *of_bytes]


def pair_table(a: Path, b: Path) -> PhotoTable:
    """Return two photo files as a table of two.

    Raises:
        DataError: They are not two photos, one file each.
    """
    tables = query_tables([a, b], skip_bad=False)
    if len(tables) != 1 or len(tables[0]) != 2:
        raise DataError(f"{a} and {b}: expected two photos, one file each")
    return tables[0]
