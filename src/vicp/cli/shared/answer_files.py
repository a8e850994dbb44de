"""Files of answers: what `--report`, `--csv` and `--label-studio` of identify and verify name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vicp.cli.shared.paths import check_out_file

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


@dataclass(frozen=True)
class VerificationFiles:
    """Files that the answer for two photos is written to."""

    report: ReportOption = None
    csv: CsvOption = None

    def check(self) -> None:
        """Raises `ConfigError` where a file cannot be written, or has another ending than its kind has."""
        check_out_file(self.report, ".html", option="--report")
        check_out_file(self.csv, ".csv", option="--csv")

    def write(self, verification: "Verification", a: Path, b: Path, encoder: "PhotoEncoder") -> list[str]:
        """Write the files that were asked for, and return a line for each."""
        if self.csv is not None:
            from vicp.gallery.report.answer_table import write_verification_csv

            write_verification_csv(self.csv, verification, [str(a), str(b)])
        if self.report is not None:
            from vicp.gallery.queries import pair_table
            from vicp.gallery.report.answer_page import write_verification

            write_verification(self.report, verification, encoder=encoder, pair=pair_table(a, b))
        return _written(self.report, self.csv)


@dataclass(frozen=True)
class IdentificationFiles:
    """Files that the answers for photos are written to."""

    report: ReportOption = None
    csv: CsvOption = None
    label_studio: LabelStudioOption = None

    def check(self) -> None:
        """Raises `ConfigError` where a file cannot be written, or has another ending than its kind has."""
        VerificationFiles(self.report, self.csv).check()
        check_out_file(self.label_studio, ".json", option="--label-studio")

    def write(
        self,
        found: "IdentificationReport",
        queries: "Sequence[PhotoTable]",
        encoder: "PhotoEncoder",
        known: "Callable[[], CandidateBytes]",
    ) -> list[str]:
        """Write the files that were asked for, and return a line for each.

        Args:
            found: The answers.
            queries: What was identified.
            encoder: What embedded it.
            known: Give the photos of candidates.
        """
        if self.csv is not None:
            from vicp.gallery.report.answer_table import write_identifications_csv

            write_identifications_csv(self.csv, found.identifications)
        if self.report is not None:
            from vicp.gallery.report.answer_page import write_identifications

            write_identifications(self.report, found.identifications, encoder=encoder, queries=queries, known=known())
        if self.label_studio is None:
            return _written(self.report, self.csv)
        from vicp.gallery.labelling.label_studio_tasks import write_photo_tasks

        interface = write_photo_tasks(
            self.label_studio, found.identifications, queries, fingerprint=encoder.fingerprint
        )
        return _written(self.report, self.csv, self.label_studio, interface)


def _written(*paths: Path | None) -> list[str]:
    return [f"Wrote {path}." for path in paths if path is not None]
