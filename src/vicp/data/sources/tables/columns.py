"""Columns of field tools, data sets and spreadsheets -> the columns of the photo table, by their names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vicp.data.records import OPTIONAL_COLUMNS, nearest
from vicp.data.sources.boxes import box_column
from vicp.errors import ConfigError, DataError

PHOTO_NAME = re.compile(r".*\.[A-Za-z]{3,5}(#xywh=[\w:.,]+)?", re.DOTALL)
COLUMNS = ("path", "image", "category", "identity", "box", *OPTIONAL_COLUMNS)

# Ours -> theirs, in lower case and without other signs; the first that is there. They are of Timelapse, camtrapR,
# Camtrap DP, Wildbook, AddaxAI, animl, exiftool, MegaDetector, WildlifeDatasets, Open Metric Learning, Hugging Face
# datasets and Kaggle.
_FILE = (
    "filepath",
    "filename",
    "file",
    "imagepath",
    "imgpath",
    "photopath",
    "relativepath",
    "sourcefile",
    "absolutepath",
)
_NAMES: dict[str, tuple[str, ...]] = {
    "path": (
        *_FILE,
        "encountermediaasset0",
        "mediaasset",
        "imagename",
        "imagefile",
        "imagefilename",
        "imgname",
        "fname",
        "gname",
        "photo",
        "image",
        "img",
        "picture",
        *("foto", "bild", "datei", "pfad", "fichier", "archivo", "imagen"),
    ),
    "identity": (
        *(
            "individualid",
            "individual",
            "identityid",
            "animalid",
            "encounterindividualid",
            "markedindividualindividualid",
        ),
        *(
            "individualname",
            "animalname",
            "animal",
            "subjectid",
            "subject",
            "pid",
            "personid",
            "vehicleid",
            "label",
            "id",
        ),
        *("annotname", "name0value", "identität", "individuo", "individu"),
    ),
    "category": ("species", "scientificname", "encounterspecies", "speciesname", "commonname"),
    "split": ("originalsplit", "subset"),
    "camera": ("cameraid", "camid", "cameraname", "cam", "stationid", "station", "deploymentid", "deployment", "site"),
    "sequence": (
        *("sequenceid", "seqid", "sequenceno", "eventid", "burstid", "burst", "encountersightingid", "sightingid"),
        *("encounterid", "video"),
    ),
    "date": (
        *(
            "datetime",
            "datetimeoriginal",
            "timestamp",
            "datetaken",
            "capturedate",
            "createdate",
            "eventdate",
            "eventstart",
        ),
        *("encounterdate", "dateoriginal"),
    ),
    "viewpoint": ("orientation", "position", "side", "flank", "bodyside", "view"),
    "domain": ("dataset",),
}
_FOLDER = ("directory", "relativepath", "folder", "dir", "subfolder", "folderpath", "filedirectory")
_BASE = ("filename", "file", "imagename", "photo", "image")
_IMAGES = ("image", "img", "photo", "picture")  # of encoded bytes
_DETECTIONS = {"animal", "person", "human", "vehicle", "empty", "blank"}  # labels of detectors, not of individuals
_SIDES = {
    **dict.fromkeys(("l", "left", "leftside", "leftflank", "lhs", "links", "gauche", "izquierda", "izquierdo"), "left"),
    **dict.fromkeys(
        ("r", "right", "rightside", "rightflank", "rhs", "rechts", "droite", "derecha", "derecho"), "right"
    ),
    **dict.fromkeys(("unknown", "none", "nan", "na", "undefined"), ""),
}
_MOST_LISTED = 20
_LIKELY = {"path": r"file|path|ima?g|photo", "identity": r"name|animal|label|tag|\bind|(\b|_)id(\b|_)"}
_EXIF_DATE = re.compile(r"^(\d{4}):(\d\d):(\d\d)( \d\d:\d\d(:\d\d)?)?")


@dataclass(frozen=True)
class ReadColumns:
    """The columns of a table under our names, and what they were called.

    Attributes:
        frame: With columns of COLUMNS alone; `box` as in `boxes`.
        read_from: Ours -> theirs, where the names differ.
        ignored: Columns that were passed over.
    """

    frame: pd.DataFrame
    read_from: dict[str, str]
    ignored: tuple[str, ...]

    def note(self) -> str:
        """Return what was understood, in one sentence; "" where every column had our name."""
        parts = [f"{ours} from {theirs}" for ours, theirs in self.read_from.items()]
        read = [f"read {', '.join(parts)}"] if parts else []
        more = f" and {len(self.ignored) - _MOST_LISTED} more" if len(self.ignored) > _MOST_LISTED else ""
        listed = f"columns passed over: {', '.join(self.ignored[:_MOST_LISTED])}{more}"
        return "; ".join(read + ([listed] if self.ignored else []))


def read_columns(path: Path, frame: pd.DataFrame, given: Mapping[str, str] | None = None) -> ReadColumns:
    """Return the columns of a table that the photo table has, under its names.

    Args:
        path: The file, for messages.
        frame: Its columns, as they are called there.
        given: Ours -> theirs, from the user; it goes before all other names.

    Raises:
        ConfigError: The user names a column that the photo table does not have.
        DataError: The user names a column that is not there, or two columns mean the same.
    """
    found: dict[str, str] = {}
    for ours, theirs in (given or {}).items():
        if ours not in COLUMNS:
            raise ConfigError(f"--column {ours}={theirs}: no column {ours!r}{nearest(ours, COLUMNS)}")
        if theirs not in frame:
            raise DataError(f"{path}: no column {theirs!r}{nearest(theirs, [str(name) for name in frame])}")
        found[ours] = theirs
    by_key = _by_key(path, [str(name) for name in frame if name not in found.values()])
    columns, read_from = {name: frame[theirs] for name, theirs in found.items() if name != "box"}, dict(found)
    if "path" not in columns:
        columns |= _photo_column(frame, by_key, read_from)
    for ours in ("image", "identity", "category", *OPTIONAL_COLUMNS):
        if ours in columns:
            continue
        if ours == "image":
            meant = next((by_key[key] for key in _IMAGES if _holds_photos(frame, by_key.get(key))), None)
        else:
            meant = by_key.get(ours) or _first(frame, by_key, ours, columns)
        if meant is not None and meant not in read_from.values():
            columns[ours] = frame[meant]
            if meant != ours:
                read_from[ours] = meant
    taken = [theirs for ours, theirs in read_from.items() if ours != "box"]
    boxes, sources = box_column(frame[[name for name in frame if name not in taken]], found.get("box"))
    if boxes is not None:
        columns["box"], read_from["box"] = boxes, ", ".join(sources)
    if "viewpoint" in columns:
        columns["viewpoint"] = columns["viewpoint"].map(_side)
    if "date" in columns:
        columns["date"] = _dates(frame, columns["date"], by_key, read_from)
    used = {name for theirs in read_from.values() for name in (theirs, *theirs.split(", "), *theirs.split(" and "))}
    ignored = tuple(str(name) for name in frame if name not in used and name not in columns)
    return ReadColumns(pd.DataFrame(columns, index=frame.index), read_from, ignored)


def likeliest(ours: str, names: Sequence[str]) -> str:
    """Return which of some columns, to go by their names, holds what is missing; the last where none reads like it."""
    pattern = _LIKELY.get(ours)
    return next((name for name in names if pattern and re.search(pattern, name, re.IGNORECASE)), names[-1])


def _by_key(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return each column by its name without case and signs; the exact name goes before others of its key."""
    by_key: dict[str, str] = {}
    for name in names:
        key = re.sub(r"[\W_]+", "", str(name)).casefold()
        other = by_key.get(key)
        if other is not None and key in COLUMNS and key not in (name, other):
            raise DataError(
                f"{path}: the columns {other!r} and {name!r} mean the same: say which, --column {key}={name}"
            )
        by_key[key] = other if other is not None and other == key else name
    return by_key


def _photo_column(frame: pd.DataFrame, by_key: Mapping[str, str], read_from: dict[str, str]) -> dict[str, pd.Series]:
    """Return the column `path`: one that holds paths, or a folder and a file name joined."""
    folder = next(
        (by_key[key] for key in ("path", *_FOLDER) if key in by_key and not _names_photos(frame[by_key[key]])), None
    )
    base = next((by_key[key] for key in _BASE if key in by_key and _names_photos(frame[by_key[key]])), None)
    full = next(
        (
            by_key[key]
            for key in _NAMES["path"]
            if key in by_key and by_key[key] != base and _names_photos(frame[by_key[key]])
        ),
        None,
    )
    if "path" in by_key and (base is None or folder != by_key["path"]):
        theirs = by_key["path"]
    elif full is not None and (base is None or frame[full].astype(str).str.contains(r"[/\\]").any()):
        theirs = full
    elif base is not None and folder is not None:
        read_from["path"] = f"{folder} and {base}"
        return {"path": _joined(frame[folder], frame[base])}
    elif base is not None:
        theirs = base
    else:
        return {}
    if theirs != "path":
        read_from["path"] = theirs
    return {"path": frame[theirs]}


def _joined(folders: pd.Series, names: pd.Series) -> pd.Series:
    joined = [
        name if not folder or str(name).startswith(f"{folder}/") else f"{str(folder).rstrip('/' + chr(92))}/{name}"
        for folder, name in zip(folders.fillna(""), names.fillna(""), strict=True)
    ]
    return pd.Series(joined, index=names.index, dtype=object)


def _first(frame: pd.DataFrame, by_key: Mapping[str, str], ours: str, columns: Mapping[str, pd.Series]) -> str | None:
    """Return the first column that a tool gives this meaning."""
    for key in _NAMES.get(ours, ()):
        name = by_key.get(key)
        if name is None or (key == "label" and _all_detections(frame[name])):
            continue
        if key == "id" and (not {"path", "image"} & set(columns) or frame[name].is_unique):
            continue  # it numbers the rows
        return name
    return None


def _names_photos(column: pd.Series) -> bool:
    """Return whether most values of a column read like the names of files."""
    values = [value for value in column if isinstance(value, str) and value.strip()]
    return bool(values) and sum(PHOTO_NAME.fullmatch(value.strip()) is not None for value in values[:1000]) * 2 > min(
        len(values), 1000
    )


def _holds_photos(frame: pd.DataFrame, name: str | None) -> bool:
    return name is not None and any(isinstance(value, bytes | dict) for value in frame[name][:1000])


def _all_detections(column: pd.Series) -> bool:
    return {str(value).strip().casefold() for value in column} <= _DETECTIONS


def _side(value: object) -> object:
    """Return "left" or "right" for the words for them, "" for "unknown", and other viewpoints as they are."""
    return _SIDES.get(re.sub(r"[\W_]+", "", str(value)).casefold(), value) if isinstance(value, str) else value


def _dates(frame: pd.DataFrame, dates: pd.Series, by_key: Mapping[str, str], read_from: dict[str, str]) -> pd.Series:
    """Return dates, with the time of a column of its own, and a camera's own format as ISO 8601."""
    theirs = read_from.get("date", "date")
    if re.sub(r"[\W_]+", "", theirs).casefold() in ("datetimeoriginal", "createdate", "dateoriginal"):
        return dates.map(lambda value: _EXIF_DATE.sub(r"\1-\2-\3\4", value) if isinstance(value, str) else value)
    time = by_key.get("time")
    if theirs.casefold() == "date" and time is not None and _are_times(frame[time]) and _are_days(dates):
        read_from["date"] = f"{theirs} and {time}"
        return pd.Series([f"{day} {at}".strip() if day else "" for day, at in zip(dates, frame[time], strict=True)])
    return dates


def _are_times(column: pd.Series) -> bool:
    return all(re.fullmatch(r"|\d{1,2}:\d\d(:\d\d)?", str(value)) for value in column)


def _are_days(column: pd.Series) -> bool:
    return all(re.fullmatch(r"|\d{4}-\d\d-\d\d", str(value)) for value in column)
