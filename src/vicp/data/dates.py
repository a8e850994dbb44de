"""When photos were taken, as text in a table, becomes points in time."""

import pandas as pd

from vicp.data.records import PhotoTable


def photo_dates(table: PhotoTable) -> pd.Series:
    """Return when each photo was taken, in UTC, of a table with a column `date`; NaT where that is not ISO 8601.

    A time without a zone is taken as UTC; "2025", "2025-04-01" and "20250401" are days.
    """
    return pd.to_datetime(table.frame["date"], format="ISO8601", utc=True, errors="coerce")
