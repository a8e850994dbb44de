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

LabelStudioOption = Annotated[
    Path | None,
    typer.Option("--label-studio", help="Write the answers to correct in Label Studio, one .json."),
]


def check_answer_files(report: Path | None, csv: Path | None, label_studio: Path | None = None) -> None:
    """Raises `ConfigError` where a file cannot be written, or has another ending than its kind has."""
    files = (("--report", report, ".html"), ("--csv", csv, ".csv"), ("--label-studio", label_studio, ".json"))
    for option, path, suffix in files:
        check_out_file(path, suffix, option=option)


def write_identification_files(
    found: "IdentificationReport",
    queries: "Sequence[PhotoTable]",
    encoder: "PhotoEncoder",
    known: "Callable[[], CandidateBytes]",
    *,
    report: Path | None,
    csv: Path | None,
    label_studio: Path | None,
) -> list[str]:
    """Write the files that were asked for, and return a line for each.

    Args:
        found: The answers.
        queries: What was identified.
        encoder: What embedded it.
        known: Give the photos of candidates.
        report: The page.
        csv: The CSV.
        label_studio: The tasks.
    """
    if csv is not None:
        from vicp.gallery.report.answer_table import write_identifications_csv

        write_identifications_csv(csv, found.identifications)
    if report is not None:
        from vicp.gallery.report.answer_page import write_identifications

        write_identifications(report, found.identifications, encoder=encoder, queries=queries, known=known())
    if label_studio is None:
        return _written(report, csv)
    from vicp.gallery.labelling.label_studio_tasks import write_photo_tasks

    interface = write_photo_tasks(label_studio, found.identifications, queries, fingerprint=encoder.fingerprint)
    return _written(report, csv, label_studio, interface)


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
