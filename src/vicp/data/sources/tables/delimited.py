"""Text files of rows and columns (commas, semicolons or tabs) -> a frame of text, with broken rows found."""

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vicp.data.records import nearest
from vicp.errors import DataError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAX_LISTED = 5
_MAX_TITLES = 20  # lines above a header
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # what a spreadsheet calls "Unicode text"

_log = logging.getLogger(__name__)


def read_csv(path: Path) -> pd.DataFrame:
    """Return a table of text with every value as text, "" where there is none.

    The separator is the one that makes most columns of the first line: a comma, a semicolon, a tab or a bar.

    Raises:
        DataError: The file cannot be read as UTF-8 text, a quote is not closed, rows have more values than the header
            has names, or two columns have one name.
    """
    lines = _text_lines(path)
    separator = _separator(lines[0])
    header, rows = _parse(path, lines, separator)
    _check_header(path, header)
    _check_rows(path, header, rows)
    if separator != ",":
        _log.info("%s: values are separated by %s", path, SEPARATORS[separator])
    columns = {name: [row[i] if i < len(row) else "" for _, row in rows] for i, name in enumerate(header) if name}
    return pd.DataFrame(columns, dtype=object)


def require_columns(path: Path, got: Sequence[str], expected: Sequence[str]) -> None:
    """Check that all the expected columns are there.

    Raises:
        DataError: Some are not; the message names all of them, and the nearest names.
    """
    if missing := [name for name in expected if name not in got]:
        raise DataError(missing_columns(path, got, missing, expected))


def missing_columns(path: Path, got: Sequence[str], missing: Sequence[str], expected: Sequence[str]) -> str:
    """Return the message on columns that are not there."""
    hints = "; ".join(f"no column {name!r}{nearest(name, list(got))}" for name in missing)
    return f"{path}: {hints}. Expected {', '.join(expected)}: rename or add them"


def _text_lines(path: Path) -> list[str]:
    """Return the lines of a text file with their endings, less a line `sep=;` and empty ones at the top."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}): save it as CSV UTF-8") from error
    if "\0" in text:
        raise DataError(f"{path}: not a text file (it has bytes of 0): save it as CSV UTF-8")
    lines = list(io.StringIO(text, newline=""))
    while lines and (not lines[0].strip() or re.fullmatch(r"sep=.", lines[0].strip(), re.IGNORECASE)):
        del lines[0]
    if not lines:
        raise DataError(f"{path}: not a CSV with a header and one row per line (it is empty)")
    return lines


def _separator(first_line: str) -> str:
    """Return the separator that makes most columns of the header; a comma where none makes several."""
    counts = {separator: len(next(csv.reader([first_line], delimiter=separator))) for separator in SEPARATORS}
    return max(counts, key=counts.__getitem__)


def _parse(path: Path, lines: list[str], separator: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the line and the values of every row that is not empty."""
    rows: list[tuple[int, list[str]]] = []
    reader, start = csv.reader(lines, delimiter=separator, strict=True), 1
    try:
        for values in reader:
            if any(value.strip() for value in values):
                rows.append((start, values))
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}: not a CSV with a header and one row per line (line {start}: {error}): the quotes of the value "
            'that begins there do not match; write a quote inside a value twice ("")'
        ) from error
    return [name.strip() for name in rows[0][1]], rows[1:]


def _check_header(path: Path, header: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise DataError(f"{path}: two columns are called {', '.join(map(repr, repeated[:_MAX_LISTED]))}: rename one")


def _check_rows(path: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> None:
    """Raises `DataError` for rows that are longer than the header, or that swallowed other rows."""
    width = max((i for i, name in enumerate(header, 1) if name), default=0)
    if again := [line for line, row in rows if [value.strip() for value in row[: len(header)]] == list(header)]:
        raise DataError(f"{path}: line {_listed(again)} repeats the header: delete it, or keep joined tables apart")
    long = [line for line, row in rows if any(value.strip() for value in row[width:])]
    if long:
        advice = f"{_later_header(rows)}quote values that hold the separator"
        raise DataError(
            f"{path}: not a CSV with a header and one row per line: {len(long)} of {len(rows)} rows have more values "
            f"than the header has names (line {_listed(long)}): {advice}"
        )
    swallowing = [line for line, row in rows if any(_holds_rows(value, width) for value in row)]
    if swallowing:
        raise DataError(
            f"{path}: {len(swallowing)} values hold whole rows (line {_listed(swallowing)}): a quote there is not "
            "closed; close it, or remove it"
        )


def _later_header(rows: Sequence[tuple[int, list[str]]]) -> str:
    """Return advice where a row near the top reads like the header; "" where none does."""
    for line, row in rows[:_MAX_TITLES]:
        names = [value.strip() for value in row if value.strip()]
        if len(names) > 1 and len(set(names)) == len(names) and not re.search(r"[\d.]", "".join(names)):
            return f"if line {line} is the header, delete the lines above it; else "
    return ""


def _holds_rows(value: str, width: int) -> bool:
    """Return whether a value has a line of its own that reads like a row of the table, with a photo in it."""
    if "\n" not in value and "\r" not in value:
        return False
    lines = re.split(r"[\r\n]+", value)[1:]
    return any(line.count(",") >= width - 1 and re.search(r"\.\w{3,4}\s*[,;\t]", line) for line in lines)


def _listed(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - _MAX_LISTED} more" if len(lines) > _MAX_LISTED else ""
    return ", ".join(map(str, lines[:_MAX_LISTED])) + more
