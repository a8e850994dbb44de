"""Tables -> CSV or Parquet files, whole or not at all: the photo table as `open_photos` reads it, and any other."""

import os
from pathlib import Path

import pandas as pd

from vicp.data.records import OPTIONAL_COLUMNS, PhotoTable
from vicp.errors import DataError
from vicp.io import atomic_write


def write_table(table: PhotoTable, out: Path, *, source: Path | None = None) -> None:
    """Write the table whole or not at all; a file that is there is replaced.

    Paths become relative to the file's folder. Photos that the table holds as bytes go along, into Parquet.

    Args:
        table: The photos.
        out: A file ending in .csv, .parquet or .pq; its folder is made.
        source: What the photos were read from, which is never replaced: it may hold more than the photo table.

    Raises:
        DataError: Another ending, bytes of photos into a CSV, the source itself, or a file that cannot be written.
    """
    if _suffix(out) == ".csv" and table.root is None:
        raise DataError(f"{out}: a CSV cannot hold the photos of this source: give a name ending in .parquet")
    if source is not None and out.exists() and out.samefile(source):
        raise DataError(f"{out}: holds the photos themselves and is not replaced: give another name")
    columns = ("path", "category", "identity", *OPTIONAL_COLUMNS, "image")
    frame = table.frame[[name for name in columns if name in table.frame]]
    if table.root is not None:
        folder = os.path.relpath(table.root.resolve(), out.parent.resolve())
        frame = frame.assign(path=[Path(folder, path).as_posix() for path in frame["path"]])
    write_frame(frame, out)


def write_frame(frame: pd.DataFrame, out: Path) -> None:
    """Write a table whole or not at all, by the file's ending; its folder is made, a file that is there is replaced.

    Raises:
        DataError: Another ending, or a file that cannot be written.
    """
    suffix = _suffix(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: its folder cannot be made ({error.strerror})") from error
    try:
        with atomic_write(out) as part:
            if suffix == ".csv":
                frame.to_csv(part, index=False, encoding="utf-8")
            else:
                frame.to_parquet(part, index=False)
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror or error})") from error


def _suffix(out: Path) -> str:
    suffix = out.suffix.lower()
    if suffix not in (".csv", ".parquet", ".pq"):
        raise DataError(f"{out}: cannot tell which table to write, expected a name ending in .csv, .parquet or .pq")
    return suffix
