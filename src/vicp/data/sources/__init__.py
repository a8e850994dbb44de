"""Photos on disk -> the photo table: one file per kind of source, each a plain function."""

import os
from pathlib import Path
from stat import S_ISDIR

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.data.sources.folder import PHOTO_SUFFIXES, read_folder
from vicp.data.sources.table import read_table
from vicp.errors import DataError


def open_photos(
    source: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
) -> PhotoTable:
    """Return the photos of a folder, a CSV or Parquet file, or a single photo.

    Args:
        source: A folder, or a file whose ending says what it is.
        category: See `read_folder` and `read_table`.
        need_identity: Whether every photo must have an identity.
        skip_bad: Leave out bad rows instead of raising.

    Raises:
        DataError: The source does not exist, is of another kind, or holds something that cannot be used.
    """
    path = Path(source)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise DataError(f"no such file or folder: {path}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if S_ISDIR(mode):
        return read_folder(path, category=category, need_identity=need_identity, skip_bad=skip_bad)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".parquet", ".pq"):
        return read_table(path, category=category, need_identity=need_identity, skip_bad=skip_bad)
    if suffix not in PHOTO_SUFFIXES:
        raise DataError(
            f"{path}: cannot tell what this is, expected a folder, a table (.csv .parquet .pq) or a photo "
            f"({' '.join(PHOTO_SUFFIXES)})"
        )
    if need_identity:
        raise DataError(f"{path}: a single photo has no identity, expected a folder per identity or a table")
    frame = pd.DataFrame({"row": [1], "path": [path.name], "category": [category or "photos"]})
    frame["identity"] = pd.Series([None], dtype=object)
    return PhotoTable(frame, path.parent)
