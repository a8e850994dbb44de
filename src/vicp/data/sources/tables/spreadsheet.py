"""The first sheet of an .xlsx file -> a frame of text, as a CSV of it would give."""

import logging
import struct
import zipfile
import zlib
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path

import pandas as pd

from vicp.errors import DataError
from vicp.extras import explain_missing_extras

_DAMAGED = (  # what openpyxl and zipfile raise for damaged bytes
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OverflowError),
    *(KeyError, ValueError, IndexError, AttributeError, TypeError, SyntaxError),
)

_log = logging.getLogger(__name__)


def read_spreadsheet(path: Path) -> pd.DataFrame:
    """Return the first sheet with every value as text, "" where there is none; dates as ISO 8601.

    Raises:
        DataError: It cannot be read, is empty, or two columns have one name.
        MissingExtraError: openpyxl is not installed.
    """
    with explain_missing_extras():
        import openpyxl
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheets = book.sheetnames
        rows = [list(map(_text, row)) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not an .xlsx file, or a damaged one ({reason})") from error
    rows = [row for row in rows if any(row)]
    if not rows:
        raise DataError(f"{path}: its first sheet is empty, expected a header and one row per photo")
    if len(sheets) > 1:
        _log.info("%s: read sheet %r; passed over: %s", path, sheets[0], ", ".join(sheets[1:]))
    header = rows[0]
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise DataError(f"{path}: two columns are called {', '.join(map(repr, repeated[:5]))}: rename one")
    return pd.DataFrame({name: [row[i] for row in rows[1:]] for i, name in enumerate(header) if name}, dtype=object)


def _text(value: object) -> str:
    """Return the value of a cell as a CSV would hold it."""
    if value is None:
        return ""
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, datetime):
        return value.isoformat(" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
