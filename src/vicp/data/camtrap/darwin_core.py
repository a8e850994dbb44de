"""A Camtrap DP package -> a Darwin Core occurrence table (https://dwc.tdwg.org/terms), a row per observed animal."""

import re
from pathlib import Path

import pandas as pd

from vicp.data.camtrap.package import CamtrapPackage
from vicp.data.camtrap.raw_csv import RawCsv
from vicp.data.write import write_frame
from vicp.errors import DataError

_OF_OBSERVATION = {
    "occurrenceID": "observationID",
    "eventID": "eventID",
    "eventDate": "",  # of eventStart and eventEnd
    "scientificName": "scientificName",
    "organismID": "individualID",
    "individualCount": "count",
    "sex": "sex",
    "lifeStage": "lifeStage",
    "behavior": "behavior",
    "identifiedBy": "classifiedBy",
    "dateIdentified": "classificationTimestamp",
    "identificationRemarks": "",  # of the method and its probability
}

_OF_DEPLOYMENT = {"decimalLatitude": "latitude", "decimalLongitude": "longitude", "locality": "locationName"}


def write_occurrences(path: Path, out: Path) -> int:
    """Write the animals of a package as occurrences, and returns how many.

    Args:
        path: A folder or zip with `datapackage.json`.
        out: A .csv.

    Raises:
        DataError: The package is damaged or has no animal, or the table cannot be written.
    """
    package = CamtrapPackage.open(path)
    observations, deployments, media = (package.table(name) for name in ("observations", "deployments", "media"))
    rows = [row for row, kind in enumerate(observations.values("observationType")) if kind == "animal"]
    if not rows:
        raise DataError(f"{path}: {package.files['observations']} has no animal")
    columns = {name: observations.values(theirs) for name, theirs in _OF_OBSERVATION.items() if theirs}
    columns["eventDate"] = _periods(observations.values("eventStart"), observations.values("eventEnd"))
    columns["identificationRemarks"] = _remarks(observations)
    frame = pd.DataFrame({name: columns[name] for name in _OF_OBSERVATION}, dtype=object)
    frame.insert(1, "basisOfRecord", "MachineObservation")
    for name, theirs in _OF_DEPLOYMENT.items():
        frame[name] = _looked_up(deployments, "deploymentID", theirs, observations.values("deploymentID"))
    frame["associatedMedia"] = _looked_up(media, "mediaID", "filePath", observations.values("mediaID"))
    write_frame(frame.iloc[rows], out)
    return len(rows)


def _periods(starts: list[str], ends: list[str]) -> list[str]:
    """Return ISO 8601 periods, or the one moment where a period has no length."""
    return [start if end in ("", start) else f"{start}/{end}" for start, end in zip(starts, ends, strict=True)]


def _remarks(observations: RawCsv) -> list[str]:
    """Return how the animals were told, in words."""
    methods = observations.values("classificationMethod")
    probabilities = observations.values("classificationProbability")
    return [
        "" if not method else f"classified by a {method}{_at(probability)}"
        for method, probability in zip(methods, probabilities, strict=True)
    ]


def _at(probability: str) -> str:
    return f" with a probability of {probability}" if re.fullmatch(r"[01](\.\d+)?|\.\d+", probability) else ""


def _looked_up(table: RawCsv, key: str, column: str, keys: list[str]) -> list[str]:
    values = dict(zip(table.values(key), table.values(column), strict=True))
    return [values.get(one, "") for one in keys]
