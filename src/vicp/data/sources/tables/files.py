"""Files of tables (CSV, TSV, spreadsheet, JSON lines, Parquet) -> their rows, one per photo or object, as written."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet

from vicp.data.sources.tables.delimited import read_csv
from vicp.data.sources.tables.objects import OBJECTS, row_per_object
from vicp.data.sources.tables.spreadsheet import read_spreadsheet
from vicp.errors import DataError

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".xlsx", ".jsonl", ".parquet", ".pq")
_MORE_PHOTOS = re.compile(r"encounter\.?mediaasset[1-9]\d*", re.IGNORECASE)
_NESTED = ("image", "photo", "img", "picture", "bbox", "box", OBJECTS)


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a table.

    Raises:
        DataError: It cannot be read, or is damaged.
    """
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        return _read_parquet(path)
    if suffix == ".jsonl":
        return row_per_object(_read_json_lines(path), {})
    frame = read_spreadsheet(path) if suffix == ".xlsx" else read_csv(path)
    return row_per_object(_of_wildbook(frame), {})


def _of_wildbook(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Wildbook's encounters as a row per photo, with one date and one species each; other tables as they are."""
    by_key = {re.sub(r"[\W_]+", "", str(name)).casefold(): str(name) for name in frame}
    parts = [by_key.get(f"encounter{part}") for part in ("year", "month", "day", "hour", "minutes")]
    if all(parts[:3]) and "encounterdate" not in by_key:
        cells = [list(frame[name]) if name else [""] * len(frame) for name in parts]
        frame = frame.assign(**{"Encounter.date": [_date(*row) for row in zip(*cells, strict=True)]})
    genus, epithet = by_key.get("encountergenus"), by_key.get("encounterspecificepithet")
    if genus and epithet and "encounterspecies" not in by_key:
        names = [f"{one} {other}".strip() for one, other in zip(frame[genus], frame[epithet], strict=True)]
        frame = frame.assign(**{"Encounter.species": names})
    more = [name for name in frame if _MORE_PHOTOS.fullmatch(str(name))]
    first = by_key.get("encountermediaasset0")
    if not more or first is None:
        return frame
    rows = [frame.drop(columns=more)]  # the photos of an encounter stand side by side
    rows += [frame.drop(columns=more).assign(**{first: frame[name]})[frame[name] != ""] for name in more]
    return pd.concat(rows, ignore_index=True)


def _date(year: str, month: str, day: str, hour: str, minute: str) -> str:
    """Return a date of its parts, as far as they are known."""
    if not (year and month and day):
        return year
    date = f"{year}-{month:0>2}-{day:0>2}"
    return f"{date} {hour:0>2}:{minute or '0':0>2}" if hour else date


def _read_json_lines(path: Path) -> pd.DataFrame:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise ValueError("expected an object in each line")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON lines, or a damaged file ({error})") from error
    return pd.DataFrame(rows, dtype=object)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet file's rows; names of classes in place of their numbers, as Hugging Face datasets keep them."""
    try:
        schema = pyarrow.parquet.read_schema(path)
        names = [name for name in schema.names if not name.startswith("__index_level_")]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise DataError(f"{path}: two columns are called {', '.join(map(repr, repeated))}: rename one")
        wanted = [name for name in names if not pyarrow.types.is_nested(schema.field(name).type) or name in _NESTED]
        frame: pd.DataFrame = pyarrow.parquet.read_table(path, columns=wanted or names).to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, ValueError) as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({str(error).splitlines()[0]})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or str(error).splitlines()[0]})") from error
    features = _features(schema)
    for name, classes in _class_names(features).items():
        if name in frame:
            frame[name] = [classes[int(v)] if pd.notna(v) and 0 <= int(v) < len(classes) else None for v in frame[name]]
    return row_per_object(frame, _class_names(_of_objects(features)))


def _features(schema: Any) -> dict[str, Any]:
    """Return what Hugging Face datasets wrote of the columns into a file."""
    try:
        return dict(json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"])
    except (ValueError, KeyError, TypeError):
        return {}


def _of_objects(features: dict[str, Any]) -> dict[str, Any]:
    """Return what they wrote of the lists in `objects`."""
    said = features.get(OBJECTS)
    fields = said.get("feature", said) if isinstance(said, dict) else {}
    named = fields.items() if isinstance(fields, dict) else ()
    return {name: each.get("feature", each) for name, each in named if isinstance(each, dict)}


def _class_names(features: dict[str, Any]) -> dict[str, list[str]]:
    """Return column -> the names of its classes."""
    named = {name: each for name, each in features.items() if isinstance(each, dict)}
    return {
        name: list(each["names"])
        for name, each in named.items()
        if each.get("_type") == "ClassLabel" and "names" in each
    }
