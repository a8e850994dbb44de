"""Files of answers: `--report` and `--csv` of identify and verify."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vicp.cli.paths import check_out_file

if TYPE_CHECKING:
    from vicp.data.records import PhotoTable
    from vicp.decisions.outcome import IdentificationReport, Verification
    from vicp.gallery.report.answer_page import CandidateBytes
    from vicp.runtime.photo_encoder import PhotoEncoder

ReportOption = Annotated[
    Path | None, typer.Option(help="Write a web page of the answers and their photos, one .html file.")
]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the answers as a CSV.")]


def check_answer_files(report: Path | None, csv: Path | None) -> None:
    """Raises `ConfigError` where a file cannot be written, or has another ending than its kind has."""
    for option, path, suffix in (("--report", report, ".html"), ("--csv", csv, ".csv")):
        check_out_file(path, suffix, option=option)


def write_identification_files(
    found: "IdentificationReport",
    queries: "Sequence[PhotoTable]",
    encoder: "PhotoEncoder",
    known: "Callable[[], CandidateBytes]",
    *,
    report: Path | None,
    csv: Path | None,
) -> list[str]:
    """Write the files that were asked for, and return a line for each.

    Args:
        found: The answers.
        queries: What was identified.
        encoder: What embedded it.
        known: Give the photos of candidates.
        report: The page.
        csv: The CSV.
    """
    if csv is not None:
        from vicp.gallery.report.answer_table import write_identifications_csv

        write_identifications_csv(csv, found.identifications)
    if report is not None:
        from vicp.gallery.report.answer_page import write_identifications

        write_identifications(report, found.identifications, encoder=encoder, queries=queries, known=known())
    return _written(report, csv)


def write_verification_files(
    verification: "Verification", a: Path, b: Path, encoder: "PhotoEncoder", *, report: Path | None, csv: Path | None
) -> list[str]:
    """Write the files that were asked for, and return a line for each."""
    if csv is not None:
        from vicp.gallery.report.answer_table import write_verification_csv

        write_verification_csv(csv, verification, [str(a), str(b)])
    if report is not None:
        from vicp.gallery.queries import pair_table
        from vicp.gallery.report.answer_page import write_verification

        write_verification(report, verification, encoder=encoder, pair=pair_table(a, b))
    return _written(report, csv)


def _written(*paths: Path | None) -> list[str]:
    return [f"Wrote {path}." for path in paths if path is not None]
