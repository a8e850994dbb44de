"""A CSV or Parquet file, one row per photo -> the photo table."""

import logging
import os
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet

from vicp.data.records import OPTIONAL_COLUMNS, PhotoTable, nearest, usable_table
from vicp.errors import DataError

_COLUMNS = ("path", "image", "category", "identity", *OPTIONAL_COLUMNS)
_MISSING = ("", "nan", "NaN", "<NA>")  # text that stands for nothing; "NA" and "None" may be names
_WHOLE_NUMBER = re.compile(r"-?\d+(\.0+)?")

_log = logging.getLogger(__name__)


def read_table(
    path: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
) -> PhotoTable:
    """Return the photos a CSV (UTF-8, commas) or Parquet file lists.

    Columns: `path` (relative to the file's folder) or `image` (encoded bytes, Parquet only), `identity`,
    `category` and OPTIONAL_COLUMNS; others are passed over. That photos can be decoded is not checked here.

    Args:
        path: A file ending in .csv, .parquet or .pq.
        category: Without a category column, the category of all rows ("photos" if None); with one, the one
            category to keep.
        need_identity: Whether every photo must have an identity.
        skip_bad: Leave out bad rows instead of raising.

    Raises:
        DataError: The file cannot be read, columns are missing, or rows are bad: all of them in one message.
    """
    path = Path(path)
    is_csv = path.suffix.lower() == ".csv"
    frame = read_csv(path).drop(columns="image", errors="ignore") if is_csv else _read_parquet(path)
    source = "image" if "image" in frame else "path"
    require_columns(path, list(frame.columns), (source, "identity") if need_identity else (source,))
    return clean_table(path, frame, category=category, need_identity=need_identity, skip_bad=skip_bad)


def clean_table(
    path: Path, frame: pd.DataFrame, *, category: str | None, need_identity: bool, skip_bad: bool
) -> PhotoTable:
    """Return the photo table of a file's rows: values as text, bad rows found; see `read_table`.

    Args:
        path: The file, whose folder paths are relative to.
        frame: Its rows, with a column `path` or `image`.
        category: See `read_table`.
        need_identity: See `read_table`.
        skip_bad: See `read_table`.

    Raises:
        DataError: Rows are bad, or none is left.
    """
    clean = _clean(frame, category)
    root = None if "image" in clean else path.parent
    table = usable_table(path, clean, _reasons(clean, need_identity), root=root, skip_bad=skip_bad)
    return table.of_category(category) if category is not None else table


def read_csv(path: Path) -> pd.DataFrame:
    """Return a CSV file with every value as text, "" where there is none.

    Raises:
        DataError: The file cannot be read as UTF-8 text with commas.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}): save it as CSV UTF-8") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: not a CSV with a header and one row per line ({str(error).strip()})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{path}: rows have more values than the header has names: quote values that hold commas")
    return frame.fillna("").rename(columns=str.strip)


def require_columns(path: Path, got: list[str], expected: tuple[str, ...]) -> None:
    """Check that all the expected columns are there.

    Raises:
        DataError: Some are not; the message suggests the nearest names.
    """
    missing = [name for name in expected if name not in got]
    if missing:
        hints = "; ".join(f"no column {name!r}{nearest(name, got)}" for name in missing)
        separator = " Values are to be separated by commas." if len(got) == 1 and re.search(r"[;\t]", got[0]) else ""
        raise DataError(f"{path}: {hints}. Expected {', '.join(expected)}: rename or add them.{separator}")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        names = pyarrow.parquet.read_schema(path).names
        ignored = [name for name in names if name not in _COLUMNS]
        wanted = [name for name in names if name in _COLUMNS] or names
        if ignored:
            _log.info("%s: columns passed over: %s", path, ", ".join(ignored))
        frame: pd.DataFrame = pyarrow.parquet.read_table(path, columns=wanted).to_pandas(ignore_metadata=True)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({str(error).splitlines()[0]})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return frame


def _clean(frame: pd.DataFrame, category: str | None) -> pd.DataFrame:
    """Return the columns of the photo table, in its order, as text; missing values become None or ""."""
    clean: dict[str, list[Any]] = {}
    clean["path"] = _text(frame["path"]) if "path" in frame else [f"row-{i}" for i in range(1, len(frame) + 1)]
    clean["category"] = _text(frame["category"]) if "category" in frame else [category or "photos"] * len(frame)
    clean["identity"] = _text(frame["identity"]) if "identity" in frame else [None] * len(frame)
    for name in OPTIONAL_COLUMNS:
        if name in frame:
            clean[name] = [value or "" for value in _text(frame[name])]
    if "image" in frame:
        clean["image"] = list(frame["image"].to_numpy(dtype=object))
    return pd.DataFrame(clean, dtype=object)


def _text(column: pd.Series) -> list[str | None]:
    """Return a column as text, None where nothing stands; a column of whole numbers loses any ".0"."""
    values = [None if pd.isna(value) else str(value).strip() for value in column.astype(object)]
    values = [None if value in _MISSING else value for value in values]
    present = [value for value in values if value is not None]
    if all(_WHOLE_NUMBER.fullmatch(value) for value in present):
        values = [value.split(".")[0] if value is not None else None for value in values]
    return values


def _reasons(frame: pd.DataFrame, need_identity: bool) -> list[str]:
    """Return why each row cannot be used, "" where it can: what it does not name, or that it was named before."""
    reasons: list[str] = []
    first_row: dict[str, int] = {}
    images = frame["image"] if "image" in frame else [b" "] * len(frame)
    rows = zip(frame["path"], frame["category"], frame["identity"], images, strict=True)
    for row, (path, category, identity, image) in enumerate(rows, 1):
        reason = ""
        if path is None:
            reason = "no path"
        elif first_row.setdefault(path, row) != row:
            reason = f"the same path as row {first_row[path]}"
        elif not isinstance(image, bytes):
            reason = f"image holds {type(image).__name__}, expected the bytes of an encoded photo"
        elif category is None:
            reason = "no category"
        elif identity is None and need_identity:
            reason = "no identity"
        reasons.append(reason)
    return reasons
