"""A small Camtrap DP 1.0.2 package: two deployments, with the columns of the specification."""

import json
from collections.abc import Sequence
from pathlib import Path

OBSERVATIONS = (
    "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,observationLevel,observationType,cameraSetupType,"
    "scientificName,count,lifeStage,sex,behavior,individualID,individualPositionRadius,individualPositionAngle,"
    "individualSpeed,bboxX,bboxY,bboxWidth,bboxHeight,classificationMethod,classifiedBy,classificationTimestamp,"
    "classificationProbability,observationTags,observationComments"
)
MEDIA = "mediaID,deploymentID,captureMethod,timestamp,filePath,filePublic,fileName,fileMediatype,exifData,favorite"
DEPLOYMENTS = "deploymentID,locationID,locationName,latitude,longitude,coordinateUncertainty,deploymentStart"
DAY = "2024-05-01T10:{}+02:00"


def observation(
    identifier: str,
    medium: str = "",
    *,
    box: Sequence[float | str] = ("", "", "", ""),
    individual: str = "",
    species: str = "Panthera uncia",
    kind: str = "animal",
    minute: str = "00:00",
    deployment: str = "d1",
    comments: str = "",
) -> str:
    """A row of `observations.csv`."""
    level = "media" if medium else "event"
    start, end = DAY.format(minute), DAY.format(f"{int(minute[:2]) + 5:02}:00")
    cells = (identifier, deployment, medium, f"e{minute[:2]}", start, end, level, kind, "", species, 1, "adult", "")
    position = ("", individual, "", "", "", *box)
    return ",".join(map(str, (*cells, *position, "human", "ann", "2024-06-01T00:00:00Z", "", "", comments)))


def medium(identifier: str, path: str, *, minute: str = "00:00", deployment: str = "d1") -> str:
    """A row of `media.csv`."""
    return f"{identifier},{deployment},activityDetection,{DAY.format(minute)},{path},true,,image/png,,"


def write_package(root: Path, media: Sequence[str], observations: Sequence[str], *, end: str = "\r\n") -> Path:
    """Write the tables and `datapackage.json` into a folder, and return it."""
    root.mkdir(parents=True, exist_ok=True)
    tables = {
        "deployments": (DEPLOYMENTS, "d1,L1,Ridge,46.5,8.1,30,2024-04-01", "d2,,,46.6,8.2,30,2024-04-01"),
        "media": (MEDIA, *media),
        "observations": (OBSERVATIONS, *observations),
    }
    for name, rows in tables.items():
        (root / f"{name}.csv").write_text(end.join(rows) + end, encoding="utf-8", newline="")
    schema = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
    resources = [
        {
            "name": name,
            "path": f"{name}.csv",
            "profile": "tabular-data-resource",
            "schema": f"{schema}/{name}-table-schema.json",
        }
        for name in tables
    ]
    project = {
        "title": "Snow leopards",
        "samplingDesign": "simpleRandom",
        "captureMethod": ["activityDetection"],
        "individualAnimals": False,
        "observationLevel": ["media"],
    }
    descriptor = {
        "resources": resources,
        "profile": f"{schema}/camtrap-dp-profile.json",
        "created": "2024-06-01T00:00:00Z",
        "contributors": [{"title": "Ann Ähn"}],
        "project": project,
        "spatial": {"type": "Point", "coordinates": [8.1, 46.5]},
        "temporal": {"start": "2024-04-01", "end": "2024-06-01"},
        "taxonomic": [{"scientificName": "Panthera uncia"}],
    }
    (root / "datapackage.json").write_text(json.dumps(descriptor, indent=4, ensure_ascii=False), encoding="utf-8")
    return root
