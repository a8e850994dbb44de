"""Tables written for people and other programs: whole or not at all."""

import os
from pathlib import Path

import pandas as pd

from vicp.errors import DataError


def write_frame(frame: pd.DataFrame, out: Path) -> None:
    """Writes a CSV or Parquet file, by its ending.

    Raises:
        DataError: another ending, or it cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in (".csv", ".parquet", ".pq"):
        raise DataError(f"{out}: cannot tell which table to write, expected a name ending in .csv, .parquet or .pq")
    part = out.with_name(f"{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".csv":
            frame.to_csv(part, index=False, encoding="utf-8")
        else:
            frame.to_parquet(part, index=False)
        os.replace(part, out)
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
