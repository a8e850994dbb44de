"""A gallery as sheets for Wildbook's bulk import, with the photos that they name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.write import write_frame
from vicp.errors import ConfigError, DataError
from vicp.gallery.contents import photos, set_aside_numbers
from vicp.gallery.export.originals import require_empty, require_originals, write_photos
from vicp.gallery.store.snapshot import Snapshot

ROWS = 200  # of a sheet, as Wildbook advises
_SPECIES = re.compile(r"([A-Z][a-z]+) ([a-z][a-z-]+)( [a-z-]+)?")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):(\d\d))?")
_NOTHING = {"na", "n/a", "nan", "null", "none"}  # which Wildbook would take for the name of an individual


@dataclass(frozen=True)
class WildbookExport:
    """What was written.

    Attributes:
        rows: Encounters, one per photo.
        sheets: Their files.
        undated: Photos left out because their day is not known, which Wildbook needs.
        nameless: Encounters without an individual.
    """

    rows: int
    sheets: tuple[str, ...]
    undated: int
    nameless: int


def export_wildbook(snapshot: Snapshot, folder: Path, *, location: str, species: str | None = None) -> WildbookExport:
    """Write photos and `wildbook-N.csv`, an encounter per photo; cells without a value are empty, never "NA".

    Photos that are set aside are left out.

    Args:
        snapshot: The gallery.
        folder: A new or empty one.
        location: Where all photos were taken, by the name that Wildbook knows.
        species: The scientific name, such as "Equus quagga"; None where the categories are scientific names.

    Raises:
        ConfigError: No scientific name.
        DataError: The folder holds something already, or cannot be written; or no photo has a date.
        GalleryError: The gallery keeps no photos.
    """
    frame = photos(snapshot, ("key", "category", "identity", "date"))
    frame = frame[~frame["number"].isin(set_aside_numbers(snapshot))]
    require_originals(snapshot, frame, "Wildbook needs photos")
    taken = [None if (date := _DATE.match(str(text))) is None else date.groups(default="") for text in frame["date"]]
    has_date = [date is not None for date in taken]
    if not any(has_date):
        raise DataError(f"{snapshot.uri}: no photo has a date, which Wildbook needs: enroll them with one")
    named = {name: _scientific(species or name) for name in sorted(set(frame["category"]))}
    frame = frame.assign(taken=pd.Series(taken, index=frame.index, dtype=object))[has_date]
    try:
        require_empty(folder)
        names = write_photos(snapshot, frame, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error})") from error
    rows = pd.DataFrame([_encounter(row, names, named, location) for row in frame.to_dict("records")])
    sheets = []
    for start in range(0, len(rows), ROWS):
        sheets.append(f"wildbook-{start // ROWS + 1}.csv")
        write_frame(rows.iloc[start : start + ROWS], folder / sheets[-1])
    nameless = int((rows["Encounter.individualID"] == "").sum())
    return WildbookExport(len(rows), tuple(sheets), len(has_date) - sum(has_date), nameless)


def _scientific(name: str) -> tuple[str, str]:
    """Return genus and species of a scientific name."""
    found = _SPECIES.fullmatch(name.strip())
    if found is None:
        raise ConfigError(f"{name!r} is no scientific name: give one, as in --species 'Equus quagga'")
    return found[1], found[2] + (found[3] or "")


def _encounter(
    row: Mapping[Any, Any], names: Mapping[int, str], species: Mapping[str, tuple[str, str]], location: str
) -> dict[str, str]:
    genus, epithet = species[row["category"]]
    identity = row["identity"] if isinstance(row["identity"], str) else ""
    year, month, day, hour, minute = (part.lstrip("0") or part[:1] for part in row["taken"])  # 05 is 5, 00 is 0
    return {
        "Encounter.mediaAsset0": names[row["number"]],
        "Encounter.individualID": "" if identity.strip().casefold() in _NOTHING else identity,
        "Encounter.genus": genus,
        "Encounter.specificEpithet": epithet,
        "Encounter.year": year,
        "Encounter.month": month,
        "Encounter.day": day,
        "Encounter.hour": hour,
        "Encounter.minutes": minute,
        "Encounter.verbatimLocality": location,
        "Encounter.otherCatalogNumbers": str(row["key"]),
        "Encounter.state": "unapproved",
    }
