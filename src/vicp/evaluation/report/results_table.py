"""A table of results as cells of text, in percent: for report.md and the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from vicp.evaluation.report.phrases import chosen_words
from vicp.evaluation.report.tables import interval_text, main_metric, metrics_of
from vicp.evaluation.report.write import percent
from vicp.evaluation.results import METRICS, Estimate, Row

ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """Cells of text; every line has as many as the header.

    Attributes:
        header: Names of columns.
        lines: Of cells.
        num_words: How many columns, from the left, hold words; the others hold figures.
    """

    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    num_words: int


def results_table(rows: Sequence[Row]) -> Table:
    """Return a table of methods and adaptations: the main metric with its interval, then the other metrics of any row.

    Categories, variants and the paper's values have a column where rows differ in them or have any.
    """
    metrics, main = metrics_of(rows), main_metric(rows)
    words: dict[str, list[str]] = {
        "method": [row.method for row in rows],
        "adaptation": [_adaptation(row) for row in rows],
        "over": [row.category for row in rows],
        "variant": [row.variant for row in rows],
    }
    kept = {name: cells for name, cells in words.items() if name in ("method", "adaptation") or len(set(cells)) > 1}
    figures = {
        METRICS[key]: [_figure(row.values.get(key), with_interval=key == main) for row in rows] for key in metrics
    }
    paper = {"paper": [paper_words(row) or ABSENT for row in rows]} if any(row.paper for row in rows) else {}
    columns = kept | figures | paper
    return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)), len(kept))


def paper_words(row: Row) -> str:
    """Return the paper's values by name, as in "mAP 55.2, Rank-1 80.1"; empty where it has none."""
    return ", ".join(f"{METRICS[key]} {percent(row.paper[key])}" for key in METRICS if key in row.paper)


def aligned(table: Table) -> list[str]:
    """Return lines of equal columns for a terminal: words to the left, figures to the right."""
    columns = zip(table.header, *table.lines, strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    return [
        "  ".join(
            f"{cell:{width}}" if place < table.num_words else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (table.header, *table.lines)
    ]


def with_interval(estimate: Estimate) -> str:
    """Return the value with its interval, as in "61.2 (58.0 to 64.1)"."""
    return _figure(estimate, with_interval=True)


def _adaptation(row: Row) -> str:
    return f"{row.adaptation} ({chosen_words(row)})" if row.chosen else row.adaptation


def _figure(estimate: Estimate | None, *, with_interval: bool) -> str:
    if estimate is None:
        return ABSENT
    interval = interval_text(estimate)
    return f"{percent(estimate.value)} ({interval})" if with_interval and interval else percent(estimate.value)
