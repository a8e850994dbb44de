"""The report of `vicp evaluate`: report.json, report.md, report.html, and lines for the terminal."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicp.evaluation.report.markdown import evaluation_markdown
from vicp.evaluation.report.page import evaluation_page
from vicp.evaluation.report.results_table import aligned, results_table
from vicp.evaluation.report.serialise import evaluation_dict
from vicp.evaluation.report.tables import (
    context_row,
    context_rows,
    context_sentence,
    headline,
    mean_rows,
    overall_rows,
)
from vicp.evaluation.report.write import json_text, write_files
from vicp.evaluation.results import Evaluation, Row


@dataclass(frozen=True)
class EvaluationReport(Evaluation):
    """What `vicp.evaluate` measured, with its renderings as JSON, Markdown and HTML.

    Attributes:
        rows: Every line, a `method` and its `adaptation` on a `category` with `values` by metric, fractions with their
            intervals; the means over categories come first.
        methods: Model fingerprint by method.
        skipped: Categories and photos left out, each with its reason.
        protocol_sentence: What the numbers mean.
        command: That makes this report again, where it was made on the command line.
    """

    @property
    def verdict(self) -> str:
        """Return the best row with its interval and, where a method is prompted, what its context is worth."""
        return headline(self)

    def to_dict(self) -> dict[str, Any]:
        """Return what report.json holds: every number as a fraction, no pictures."""
        return evaluation_dict(self)

    def to_markdown(self) -> str:
        """Return what report.md holds: the verdict, the tables in percent, and how they were made."""
        return evaluation_markdown(self)

    def to_html(self) -> str:
        """Return what report.html holds: one page with all pictures inside, without scripts."""
        return evaluation_page(self)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write report.json, report.md and report.html into a folder; each appears whole or not at all.

        Raises:
            DataError: The folder cannot be written.
            ValueError: A number is NaN or infinite.
        """
        texts = {
            "report.json": json_text(self.to_dict()),
            "report.md": self.to_markdown(),
            "report.html": self.to_html(),
        }
        write_files(Path(folder), texts)


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return the verdict, the table of means in percent, the verdict on each further context, and what was left out."""
    rows, headline_row = mean_rows(evaluation), context_row(evaluation)
    return [
        headline(evaluation),
        *(aligned(results_table(rows)) if rows else []),
        *(
            context_sentence(row)
            for row in context_rows(overall_rows(evaluation))
            if not (headline_row and _same_context(row, headline_row))
        ),
        *(_side_line(row) for row in rows if row.sides),
        *(f"Left out: {reason}" for reason in evaluation.skipped),
    ]


def _side_line(row: Row) -> str:
    """Return what a row reaches on photos of each side."""
    sides = (
        f"{side} mAP {100 * values['map'].value:.1f}, Rank-1 {100 * values['rank1'].value:.1f}"
        for side, values in row.sides.items()
    )
    return f"{row.method}, {row.adaptation}, by side of the query: {'; '.join(sides)}."


def _same_context(one: Row, other: Row) -> bool:
    return one.method == other.method and one.context == other.context
