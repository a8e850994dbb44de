"""Cells of result tables: what stands in the JSON, and how a page shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.lib.seed_statistics import Interval

DASH = "–"


def interval_cells(found: Interval) -> dict[str, float | None]:
    return {"map": rounded(found.value), "low": rounded(found.low), "high": rounded(found.high)}


def rounded(value: float, digits: int = 2) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)


def header(names: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(names) + " |", "| --- |" + " ---: |" * (len(names) - 1)]


def cell(row: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    if row is None:
        return DASH
    sign = "+" if signed else ""
    return f"{row['map']:{sign}.1f} ({row['low']:{sign}.1f} to {row['high']:{sign}.1f})"
