"""A table with a row per photo (CSV, TSV, spreadsheet, Parquet) -> the photo table."""

import logging
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.names import clean_name
from vicp.data.photos.crops import split_fragment
from vicp.data.records import OPTIONAL_COLUMNS, PhotoTable, usable_table
from vicp.data.sources.boxes import BAD_BOX
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.columns import ReadColumns, likeliest, read_columns
from vicp.data.sources.tables.delimited import missing_columns
from vicp.data.sources.tables.files import read_rows
from vicp.errors import DataError

_MISSING = ("", "nan", "NaN", "<NA>")  # text that stands for nothing; "NA" and "None" may be names
_WHOLE_NUMBER = re.compile(r"-?\d+(\.0+)?")

_log = logging.getLogger(__name__)


def read_table(
    path: str | os.PathLike[str],
    options: ReadOptions = DEFAULTS,
) -> PhotoTable:
    """Return the photos that a table lists.

    Columns: `path` (relative to the file's folder) or `image` (encoded bytes, Parquet only), `identity`, `category`, a
    box, and OPTIONAL_COLUMNS, under these names or those of field tools and data sets; others are passed over. That
    photos can be decoded is not checked here.

    Args:
        path: A file with an ending of TABLE_SUFFIXES.
        options: Where there is no category column, the category is that of all rows ("photos" if None). Where
            identities are needed, photos named "unknown" and the like are left out.

    Raises:
        DataError: The file cannot be read, columns are missing, or rows are bad: all of them in one message.
        ConfigError: `columns` names a column that the photo table does not have.
    """
    path = Path(path)
    frame = read_rows(path)
    read = read_columns(path, frame, options.columns)
    source = "image" if "image" in read.frame else "path"
    expected = (source, "identity") if options.need_identity else (source,)
    if missing := [name for name in expected if name not in read.frame]:
        example = ""
        if read.ignored:
            column = shlex.quote(likeliest(missing[-1], read.ignored))
            example = f", or say which it is, such as --column {missing[-1]}={column}"
        raise DataError(missing_columns(path, [str(name) for name in frame], missing, expected) + example)
    table = _photo_table(path, read, options)
    return table.of_category(options.category) if options.category is not None else table


def _photo_table(path: Path, read: ReadColumns, options: ReadOptions) -> PhotoTable:
    """Return the photo table of a file's columns: values as text, bad rows found."""
    one_name = "category" in read.read_from and read.frame["category"].nunique() == 1
    frame = read.frame.drop(columns="category") if one_name and options.category is not None else read.frame
    clean = _clean(path.parent, frame, options.category, default_category="category" in read.read_from)
    root = None if "image" in clean else path.parent
    notes = [note] if (note := read.note()) else []
    if "box" in clean and (count := int((clean["box"] != "").sum())):
        cropped = "1 photo is cropped to it" if count == 1 else f"{count} photos are cropped to them"
        notes.append(f"boxes from {read.read_from['box']}: {cropped}")
    reasons = _reasons(clean)
    clean["path"] = pd.Series(_names(clean), dtype=object)
    return usable_table(
        path,
        clean.drop(columns="box", errors="ignore"),
        with_repeats(clean["path"], reasons),
        root=root,
        skip_bad=options.skip_bad,
        need_identity=options.need_identity,
        notes=tuple(notes),
    )


def _clean(root: Path, frame: pd.DataFrame, category: str | None, *, default_category: bool) -> pd.DataFrame:
    """Return the columns of the photo table, in its order, as text; missing values become None or ""."""
    clean: dict[str, list[Any]] = {}
    images, names = _images(frame["image"]) if "image" in frame else (None, None)
    if "path" in frame:
        clean["path"] = [_with_slashes(root, path) for path in _text(frame["path"])]
    else:
        clean["path"] = _image_names(names or [], list(frame["box"]) if "box" in frame else [""] * len(frame))
    if "category" in frame:
        default = (category or "photos") if default_category else None
        clean["category"] = [clean_name(name) if name else default for name in _text(frame["category"])]
    else:
        clean["category"] = [category or "photos"] * len(frame)
    identities = _text(frame["identity"]) if "identity" in frame else [None] * len(frame)
    clean["identity"] = [None if name is None else clean_name(name) or None for name in identities]
    for name in OPTIONAL_COLUMNS:
        if name in frame:
            clean[name] = [value or "" for value in _text(frame[name])]
    if images is not None:
        clean["image"] = images
    if "box" in frame:
        clean["box"] = list(frame["box"])
    return pd.DataFrame(clean, dtype=object)


def _images(column: pd.Series) -> tuple[list[Any], list[str | None]]:
    """Return the encoded photos of a column of bytes or of {"bytes", "path"}, and the names of the latter."""
    values = list(column.to_numpy(dtype=object))
    images = [value.get("bytes") if isinstance(value, dict) else value for value in values]
    return images, [value.get("path") if isinstance(value, dict) else None for value in values]


def _image_names(names: list[str | None], boxes: list[str]) -> list[str]:
    """Return the names of photos kept as bytes: their own, where each has another or another box, else their rows."""
    own = [name for name in names if name]
    num_different = len({(name, box) for name, box in zip(names, boxes, strict=True) if name})
    return own if num_different == len(names) else [f"row-{i}" for i in range(1, len(names) + 1)]


def _with_slashes(root: Path, path: str | None) -> str | None:
    """Return a path with "/" between folders, where it was written with a backslash and no file is called so."""
    if path is None or "\\" not in path or (root / path).exists():
        return path
    return path.replace("\\", "/")


def _text(column: pd.Series) -> list[str | None]:
    """Return a column as text, None where nothing stands; a column of whole numbers loses any ".0"."""
    values = [None if _is_missing(value) else str(value).strip() for value in column.astype(object)]
    values = [None if value in _MISSING else value for value in values]
    present = [value for value in values if value is not None]
    if all(_WHOLE_NUMBER.fullmatch(value) for value in present):
        values = [value.split(".")[0] if value is not None else None for value in values]
    return values


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, str | bytes | list | dict) and bool(pd.isna(value)))


def _names(frame: pd.DataFrame) -> list[str | None]:
    """Return the name of each row: its path and, of a photo that is cropped, its box."""
    if "box" not in frame:
        return list(frame["path"])
    boxes = ["" if box.startswith(BAD_BOX) else box for box in frame["box"]]
    return [
        f"{path}#{box}" if path is not None and box and not split_fragment(path)[1] else path
        for path, box in zip(frame["path"], boxes, strict=True)
    ]


def _reasons(frame: pd.DataFrame) -> list[str]:
    """Return why each row cannot be used by itself, "" where it can."""
    reasons: list[str] = []
    images = frame["image"] if "image" in frame else [b" "] * len(frame)
    boxes = frame["box"] if "box" in frame else [""] * len(frame)
    for path, category, image, box in zip(frame["path"], frame["category"], images, boxes, strict=True):
        reason = ""
        if path is None:
            reason = "no path"
        elif "\n" in path or "\r" in path:
            reason = "its path has a line break: a quote in the file is not closed"
        elif not isinstance(image, bytes):
            reason = f"image holds {type(image).__name__}, expected the bytes of an encoded photo"
        elif category is None:
            reason = "no category"
        elif box.startswith(BAD_BOX):
            reason = f"its box {box.removeprefix(BAD_BOX)} is not x, y, width and height"
        reasons.append(reason)
    return reasons


def with_repeats(names: pd.Series, reasons: Sequence[str]) -> list[str]:
    """Return why each row cannot be used, with one more for each row that names the same as one above."""
    first_row: dict[str, int] = {}
    judged = []
    for row, (name, reason) in enumerate(zip(names, reasons, strict=True), 1):
        if not reason and name is not None and first_row.setdefault(name, row) != row:
            reason = f"the same path as row {first_row[name]}; individuals of one photo need a box each"
        judged.append(reason)
    return judged
