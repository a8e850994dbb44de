"""Looks at photos before they are used: what is there, what cannot be used, what would go wrong later."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.audit.duplicates import fingerprint
from vicp.data.audit.leaks import Leaks, find_leaks
from vicp.data.loading import read_photos
from vicp.data.records import BadPhoto, PhotoTable, check_enough
from vicp.data.sources import open_photos
from vicp.errors import DataError


@dataclass(frozen=True)
class CheckReport:
    """What a source of photos holds.

    Attributes:
        table: the rows that make sense.
        bad: rows and photos that cannot be used.
        warning: why the photos are not enough to teach from; empty if they are.
        leaks: what splits and labels share but should not.
    """

    table: PhotoTable
    bad: tuple[BadPhoto, ...]
    warning: str
    leaks: Leaks

    @property
    def passed(self) -> bool:
        """Whether every photo can be used and no split knows of another what it should not."""
        return not self.bad and not self.leaks.between_splits

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "photos": len(self.table) + len(self.table.skipped),
            "categories": _facts(self.table.frame, "category"),
            "splits": _facts(self.table.frame, "split"),
            "bad": [vars(photo) for photo in self.bad],
            "warning": self.warning,
            "leaks": self.leaks.summary(),
            "duplicates": self.leaks.duplicates,
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = [f"{len(self.table) + len(self.table.skipped)} photos"]
        for column, title in (("category", "  "), ("split", "  split ")):
            for facts in _facts(self.table.frame, column):
                lines.append(f"{title}{facts[column]}: {_counted(facts)}")
        if self.warning:
            lines.append(self.warning)
        lines.extend(self.leaks.lines())
        if not self.bad:
            return [*lines, "Every photo can be used."]
        lines.append(f"{len(self.bad)} photos cannot be used:")
        return lines + [f"  row {photo.row} ({photo.path}): {photo.reason}" for photo in self.bad]


def check_source(source: Path, *, progress: Callable[[int, int], None]) -> CheckReport:
    """Reads the table and every photo of a source, each photo once.

    Raises:
        DataError: there is no such source, or nothing in it makes sense.
    """
    try:
        table, warning = open_photos(source, skip_bad=True), ""
    except DataError as error:  # without identities it can still be a gallery's queries
        table, warning = open_photos(source, need_identity=False, skip_bad=True), str(error)
    damaged: list[BadPhoto] = []
    good = list(read_photos(table, fingerprint, progress=progress, bad=damaged))
    leaks = find_leaks(table.select([index for index, _ in good]), [photo for _, photo in good])
    if not warning:
        try:
            check_enough(table)
        except DataError as error:
            warning = str(error)
    return CheckReport(table, (*table.skipped, *damaged), warning, leaks)


def _facts(frame: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """How many photos and identities each value of a column has, and how many photos an identity of it."""
    if column not in frame:
        return []
    facts = []
    for value, photos in frame[frame[column] != ""].groupby(column):
        counts = photos.groupby(["category", "identity"]).size()  # photos without identity are left out
        facts.append(
            {
                column: value,
                "photos": len(photos),
                "identities": len(counts),
                "least": int(counts.min()) if len(counts) else 0,
                "median": float(counts.median()) if len(counts) else 0.0,
                "most": int(counts.max()) if len(counts) else 0,
            }
        )
    return facts


def _counted(facts: dict[str, Any]) -> str:
    if not facts["identities"]:
        return "{photos} photos, identities unknown".format(**facts)
    return "{photos} photos of {identities} identities, {least} to {most} each (median {median:g})".format(**facts)
