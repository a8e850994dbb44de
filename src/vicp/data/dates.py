"""When the photos of a table were taken: as the table says, or as the camera wrote into the files."""

from contextlib import suppress
from dataclasses import replace

import pandas as pd

from vicp.data.photos.exif import exif_date
from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.errors import DataError


def photo_dates(table: PhotoTable) -> pd.Series:
    """Return when each photo was taken, in UTC, of a table with a column `date`; NaT where that is not ISO 8601.

    A time without a zone is taken as UTC; "2025", "2025-04-01" and "20250401" are days.
    """
    return pd.to_datetime(table.frame["date"], format="ISO8601", utc=True, errors="coerce")


def unreadable_dates(table: PhotoTable) -> str:
    """Return which dates of a table with a column `date` cannot be read, in one sentence; "" where all can."""
    wrong = table.frame[photo_dates(table).isna() & (table.frame["date"] != "")]
    if wrong.empty:
        return ""
    rows = zip(wrong["row"], wrong["path"], wrong["date"], strict=True)
    listed = list_rows([BadPhoto(row, path, f"date {date!r}") for row, path, date in rows])
    dates = "1 date is" if len(wrong) == 1 else f"{len(wrong)} dates are"
    return f"{dates} not written as 2025-04-01 or 2025-04-01 12:30: {listed}"


def with_exif_dates(table: PhotoTable) -> PhotoTable:
    """Return the table with the date that the camera wrote where it says none; photos that cannot be read have none."""
    dates = list(table.frame["date"]) if "date" in table.frame else [""] * len(table)
    for index in [index for index, date in enumerate(dates) if not date]:
        with suppress(DataError):
            dates[index] = exif_date(table.photo_bytes(index))
    return replace(table, frame=table.frame.assign(date=dates))
