"""Looks at photos before they are used: what is there, what cannot be used, what would go wrong later."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicp.data.loading import check_photos
from vicp.data.records import BadPhoto, PhotoTable, check_enough
from vicp.data.sources import open_photos
from vicp.errors import DataError


@dataclass(frozen=True)
class Checked:
    """What a source of photos holds.

    Attributes:
        table: the rows that make sense.
        bad: rows and photos that cannot be used.
        warning: why the photos are not enough to teach from; empty if they are.
    """

    table: PhotoTable
    bad: tuple[BadPhoto, ...]
    warning: str

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "photos": len(self.table) + len(self.table.skipped),
            "categories": [self._category(name) for name in self.table.categories],
            "bad": [vars(photo) for photo in self.bad],
            "warning": self.warning,
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = [f"{len(self.table) + len(self.table.skipped)} photos"]
        for facts in map(self._category, self.table.categories):
            lines.append(
                "  {category}: {photos} photos of {identities} identities, {least} to {most} each".format(**facts)
                if facts["identities"]
                else "  {category}: {photos} photos, identities unknown".format(**facts)
            )
        if self.warning:
            lines.append(self.warning)
        if not self.bad:
            return [*lines, "Every photo can be used."]
        lines.append(f"{len(self.bad)} photos cannot be used:")
        return lines + [f"  row {photo.row} ({photo.path}): {photo.reason}" for photo in self.bad]

    def _category(self, name: str) -> dict[str, Any]:
        identities = self.table.frame.loc[self.table.frame["category"] == name, "identity"]
        counts = identities.value_counts()
        return {
            "category": name,
            "photos": len(identities),
            "identities": len(counts),
            "least": int(counts.min()) if len(counts) else 0,
            "most": int(counts.max()) if len(counts) else 0,
        }


def check_source(source: Path, *, progress: Callable[[int, int], None]) -> Checked:
    """Reads the table and every photo of a source.

    Raises:
        DataError: there is no such source, or nothing in it makes sense.
    """
    try:
        table, warning = open_photos(source, skip_bad=True), ""
    except DataError as error:  # without identities it can still be a gallery's queries
        table, warning = open_photos(source, need_identity=False, skip_bad=True), str(error)
    bad = [*table.skipped, *check_photos(table, progress=progress)]
    if not warning:
        try:
            check_enough(table)
        except DataError as error:
            warning = str(error)
    return Checked(table, tuple(bad), warning)
