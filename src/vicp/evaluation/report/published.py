"""Published numbers from a CSV, joined to the rows of the same method, adaptation, protocol and category."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.data.records import BadPhoto, list_rows, nearest
from vicp.data.sources.tables.delimited import read_csv, require_columns
from vicp.errors import DataError
from vicp.evaluation.protocols.protocol import PROTOCOLS
from vicp.evaluation.results import METRICS, Row

_KEYS = ("method", "adaptation", "protocol", "category")
_COLUMNS = (*_KEYS, "metric", "value")


def read_published(path: Path) -> pd.DataFrame:
    """Return the published numbers of a CSV: method, adaptation, protocol, category (or "mean"), metric and percent.

    Raises:
        DataError: The file cannot be read, lacks columns, or has bad rows: all of them in one message.
    """
    frame = read_csv(path)
    require_columns(path, list(frame.columns), _COLUMNS)
    bad = [
        BadPhoto(number, f"{row['protocol']}, {row['category']}", reason)
        for number, row in enumerate(frame.to_dict("records"), 1)
        if (reason := _wrong({str(name): str(value) for name, value in row.items()}))
    ]
    if bad:
        raise DataError(f"{path}: {len(bad)} numbers cannot be used: {list_rows(bad)}")
    return frame.assign(value=frame["value"].astype(float) / 100)


def add_published(rows: Sequence[Row], published: pd.DataFrame) -> list[Row]:
    """Return the rows with the printed numbers that belong to them."""
    return [replace(row, paper=_of_row(row, published)) for row in rows]


def _of_row(row: Row, published: pd.DataFrame) -> dict[str, float]:
    same = np.logical_and.reduce([published[name] == getattr(row, name) for name in _KEYS])
    return {
        str(name): float(value) for name, value in zip(published["metric"][same], published["value"][same], strict=True)
    }


def _wrong(row: dict[str, str]) -> str:
    """Return why a number cannot be used; empty where it can."""
    protocol, metric, value = row["protocol"], row["metric"], row["value"]
    if not row["method"] or not row["adaptation"]:
        return "method or adaptation is empty, and a number is shown with the row that it was printed for alone"
    if protocol not in PROTOCOLS:
        return f"no protocol {protocol!r}{nearest(protocol, list(PROTOCOLS))}"
    if metric not in METRICS:
        return f"no metric {metric!r}{nearest(metric, list(METRICS))}"
    try:
        inside = 0 <= float(value) <= 100
    except ValueError:
        inside = False
    return "" if inside else f"value is {value!r}, expected percent from 0 to 100"
