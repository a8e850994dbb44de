"""Groups of comparable rows, the best row, and the headline, for every format of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

from vicp.evaluation.report.write import percent
from vicp.evaluation.results import METRICS, Diagnosis, Estimate, Evaluation, Row

NOTHING = "Nothing was measured: every category was left out."

WORST_SHOWN, SUSPECTS_SHOWN = 10, 20
"""How many identities and suspect labels people are shown; report.json has all."""

_MEAN = "mean"
_MAIN = ("map", "auc", "acc", *METRICS)


@dataclass(frozen=True)
class Group:
    """Rows that may be compared with each other: one category (or mean) under one variant of the protocol."""

    category: str
    variant: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Its name, with the variant where there is one."""
        return f"{self.category}, {self.variant}" if self.variant else self.category


def is_mean(row: Row) -> bool:
    """Return whether a row is a mean over categories."""
    return row.category == _MEAN or row.category.startswith(f"{_MEAN} of ")


def groups(rows: Sequence[Row]) -> tuple[Group, ...]:
    """Return the rows by category and variant, in the order in which these first appear."""
    keys = dict.fromkeys((row.category, row.variant) for row in rows)
    return tuple(Group(*key, tuple(row for row in rows if (row.category, row.variant) == key)) for key in keys)


def mean_rows(evaluation: Evaluation) -> tuple[Row, ...]:
    """Return the rows that are means over categories."""
    return tuple(row for row in evaluation.rows if is_mean(row))


def overall_rows(evaluation: Evaluation) -> list[Row]:
    """Return the rows that the verdict is about: the means over all categories, or every row where there are none."""
    return [row for row in evaluation.rows if row.category == _MEAN] or list(evaluation.rows)


def category_rows(evaluation: Evaluation) -> tuple[Row, ...]:
    """Return the rows of single categories."""
    return tuple(row for row in evaluation.rows if not is_mean(row))


def metrics_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the keys of METRICS that any row has, in their order."""
    return tuple(key for key in METRICS if any(key in row.values for row in rows))


def main_metric(rows: Sequence[Row]) -> str | None:
    """Return the metric that rows are compared by: mAP, AUC, accuracy, or the first there is; None without any."""
    present = metrics_of(rows)
    return next((key for key in _MAIN if key in present), None)


def best_row(rows: Sequence[Row]) -> Row | None:
    """Return the row with the highest main metric, the first of equals; None where nothing was measured."""
    metric = main_metric(rows)
    measured = [row for row in rows if metric in row.values]
    return max(measured, key=lambda row: row.values[metric].value) if metric is not None and measured else None


def row_name(row: Row | Diagnosis) -> str:
    """Return the method and adaptation in words, as in "vicp (generated)"."""
    return f"{row.method} ({row.adaptation})"


def interval_text(estimate: Estimate) -> str:
    """Return the interval in percent, as in "58.0 to 64.1"; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{percent(estimate.low)} to {percent(estimate.high)}"


def context_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows with a context report, one for those of a method that carry the same."""
    shown: list[Row] = []
    for row in rows:
        if row.context and not any(row.method == other.method and row.context == other.context for other in shown):
            shown.append(row)
    return tuple(shown)


def best_sentence(evaluation: Evaluation) -> str:
    """Return which method does best on the mean over categories (or, without means, on any category), and how well."""
    rows = overall_rows(evaluation)
    best, metric = best_row(rows), main_metric(rows)
    if best is None or metric is None:
        return NOTHING
    estimate = best.values[metric]
    interval = f" (95 % interval {interval_text(estimate)})" if interval_text(estimate) else ""
    figures = f"{METRICS[metric]} {percent(estimate.value)} %{interval}"
    start = f"{row_name(best)} reaches " if len(rows) == 1 else f"Best of {len(rows)}: {row_name(best)} with "
    return f"{start}{figures}{_measured_on(evaluation, best)}."


def context_row(evaluation: Evaluation) -> Row | None:
    """Return the best row if it has a context report, else the best of those that have one; None without any."""
    overall = overall_rows(evaluation)
    best = best_row(overall)
    return best if best is not None and best.context else best_row([row for row in overall if row.context])


def context_sentence(row: Row) -> str:
    """Return the verdict on a row's context, after its name; empty without one."""
    return f"{row_name(row)}: {row.context.verdict}" if row.context else ""


def context_verdict(evaluation: Evaluation) -> str:
    """Return the verdict on the context of `context_row`, named if it is not the best row; empty without one."""
    row = context_row(evaluation)
    if row is None or row.context is None:
        return ""
    best = best_row(overall_rows(evaluation))
    return row.context.verdict if row is best else context_sentence(row)


def headline(evaluation: Evaluation) -> str:
    """Return the verdict: the best row with its interval and, where a method is prompted, what its context is worth."""
    return f"{best_sentence(evaluation)} {context_verdict(evaluation)}".rstrip()


def _measured_on(evaluation: Evaluation, row: Row) -> str:
    variant = f", {row.variant}" if row.variant else ""
    if not is_mean(row):
        return f" on {row.category}{variant}"
    count = len({each.category for each in category_rows(evaluation)})
    categories = {0: "", 1: " on 1 category"}.get(count, f", mean over {count} categories")
    return f"{categories}{variant}"
