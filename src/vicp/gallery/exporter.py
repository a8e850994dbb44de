"""Class `GalleryExporter`: a gallery in the formats of other programs; nothing in it is changed."""

import os
from pathlib import Path
from typing import Literal, get_args

from vicp.decisions.belief import EVEN
from vicp.decisions.outcome import ErrorTargets
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.errors import GalleryError
from vicp.gallery.export.camtrap_fill import FillResult, fill_package
from vicp.gallery.export.captures import CaptureHistories, export_captures
from vicp.gallery.export.fiftyone import export_fiftyone
from vicp.gallery.export.hugging_face import export_hugging_face
from vicp.gallery.export.table import export_table
from vicp.gallery.export.wildbook import WildbookExport, export_wildbook
from vicp.gallery.labelling.labels import export_pairs
from vicp.gallery.reader import GalleryReader
from vicp.gallery.search.category_search import Question

ExportLayout = Literal["table", "fiftyone", "hugging-face", "pairs"]


class GalleryExporter(GalleryReader):
    """A gallery that is written out for other programs.

    Args:
        uri: As in `GalleryReader`.
        model: As in `GalleryReader`.
    """

    def export(self, out: str | os.PathLike[str], *, layout: ExportLayout = "table") -> int:
        """Write the gallery out, and returns how many photos or pairs.

        Args:
            out: A .csv or .parquet file; for "fiftyone" a new folder; for "hugging-face" a .parquet or a new folder.
            layout: "table" is the facts of the photos and, in Parquet, the photos and embeddings too; "fiftyone" is a
                FiftyOneImageClassificationDataset; "hugging-face" is what `datasets.load_dataset` reads; "pairs" is the
                labelled pairs.

        Raises:
            DataError: It cannot be written there.
            GalleryError: No such layout, or the gallery keeps no photos, which "fiftyone" and "hugging-face" need.
        """
        match layout:
            case "table":
                return export_table(self.snapshot, Path(out))
            case "fiftyone":
                return export_fiftyone(self.snapshot, Path(out))
            case "hugging-face":
                return export_hugging_face(self.snapshot, Path(out))
            case "pairs":
                return export_pairs(self.snapshot, Path(out))
            case _:
                raise GalleryError(f"no layout {layout!r}, expected one of {', '.join(get_args(ExportLayout))}")

    def export_captures(
        self, out: str | os.PathLike[str], *, occasions: str | os.PathLike[str] = "week", category: str | None = None
    ) -> CaptureHistories:
        """Write on which occasions each named individual was seen, and returns what stands there.

        What `identify` promises of names, and a warning that misidentification biases estimates, are comments in it.

        Args:
            out: A .inp for MARK, or a .csv.
            occasions: "day", "week" or "month", from the first sighting to the last; or a CSV with the columns
                occasion, start and end.
            category: Which of several.

        Raises:
            DataError: Another ending, occasions that cannot be used, no date, or a file that cannot be written.
            GalleryError: Several categories and none is chosen, or no such category.
        """
        given = os.fspath(occasions)
        return export_captures(self.snapshot, Path(out), occasions=given, category=category)

    def export_wildbook(
        self, out: str | os.PathLike[str], *, location: str, species: str | None = None
    ) -> WildbookExport:
        """Write sheets for Wildbook's bulk import and the photos that they name, and returns how many.

        Args:
            out: A new folder.
            location: Where all photos were taken, by the name that Wildbook knows.
            species: The scientific name, such as "Equus quagga"; None where the categories are scientific names.

        Raises:
            ConfigError: No scientific name.
            DataError: No photo has a date, or it cannot be written there.
            GalleryError: The gallery keeps no photos.
        """
        return export_wildbook(self.snapshot, Path(out), location=location, species=species)

    def fill_camtrap(
        self,
        package: str | os.PathLike[str],
        *,
        out: str | os.PathLike[str] | None = None,
        species: str | None = None,
        category: str | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        prior_new: float = EVEN,
        promised_only: bool = False,
    ) -> FillResult:
        """Write who each animal of a Camtrap DP package is, and nothing where nobody can say.

        Observations that have an individual keep it. The one observation of a whole event gets one where all photos of
        the event that show somebody known show the same. Two animals of one photo never get the same individual: the
        likelier has it. Every byte of the package that this does not change stays as it was.

        Args:
            package: A folder or zip with `datapackage.json`.
            out: A new folder or zip to write; None changes the package itself.
            species: The scientific name to look at; None takes that of the category, or the only one of the package.
            category: The gallery's; None lets its prompts decide.
            targets: The error rates of a promise.
            prior_new: P(somebody new) before an animal is seen.
            promised_only: Leave out individuals whose error rate is not promised.

        Raises:
            DataError: The package is damaged, has several species and none is chosen, or photos cannot be used; then
                nothing is written.
            GalleryError: No such category, nothing enrolled, or another model.
        """
        return fill_package(
            self.encoder,
            self.snapshot,
            Path(package),
            out=None if out is None else Path(out),
            species=species,
            category=category,
            question=Question(targets, prior_new),
            promised_only=promised_only,
        )
