"""What `vicp evaluate` leaves behind: report.json, report.md and report.html, and a few lines for the terminal."""

from pathlib import Path

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


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Writes report.json, report.md and report.html into a folder; each appears whole or not at all.

    Raises:
        DataError: the folder cannot be written.
        ValueError: a number is NaN or infinite.
    """
    files = {
        "report.json": json_text(evaluation_dict(evaluation)),
        "report.md": evaluation_markdown(evaluation),
        "report.html": evaluation_page(evaluation),
    }
    write_files(out, files)


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """The verdict, the table of means in percent, the verdict on each further context, and what was left out."""
    rows, headline_row = mean_rows(evaluation), context_row(evaluation)
    return [
        headline(evaluation),
        *(aligned(results_table(rows)) if rows else []),
        *(
            context_sentence(row)
            for row in context_rows(overall_rows(evaluation))
            if not (headline_row and _same_context(row, headline_row))
        ),
        *(f"Left out: {reason}" for reason in evaluation.skipped),
    ]


def _same_context(one: Row, other: Row) -> bool:
    return one.method == other.method and one.context == other.context
