"""Photos and the boxes of their animals -> a row per animal, cropped to its box."""

import os
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from vicp.data.names import clean_name
from vicp.data.photos.crops import split_fragment
from vicp.data.records import OPTIONAL_COLUMNS, PhotoTable, usable_table
from vicp.data.sources.detections import BoxFile, Detections, find_detections, read_json
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.columns import read_columns
from vicp.data.sources.tables.table import with_repeats
from vicp.errors import DataError

_SAYS_NOTHING = ("", "photos")  # "photos" is the category of a source that tells none
_FACTS = ("category", "identity", *OPTIONAL_COLUMNS)


def read_boxes(
    boxes: BoxFile,
    options: ReadOptions = DEFAULTS,
) -> PhotoTable:
    """Return the animals that a file of boxes names; the photos lie where it says, seen from its folder.

    Args:
        boxes: The file.
        options: The category is kept or, where the file names one at most, that of all; columns are fields of the
            annotations, such as {"identity": "individual_id"}; bad photos are those of which the file says nothing.

    Raises:
        DataError: The file cannot be used, or names no animal.
        ConfigError: `columns` names a column that the photo table does not have.
    """
    path = Path(boxes.path)
    detections = find_detections(read_json(path), boxes)
    photos = [*dict.fromkeys(detections.frame["path"]), *detections.faults, *detections.empty]
    frame = pd.DataFrame({"row": range(1, len(photos) + 1), "path": pd.Series(photos, dtype=object)})
    table = PhotoTable(frame.assign(category="photos", identity=None), path.parent)
    return _cropped(table, detections, boxes, options)


def crop_table(table: PhotoTable, boxes: BoxFile, options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the animals on photos of a table: each photo once per box, with what the table says of it.

    What the file of boxes says of a photo fills in where the table says nothing.

    Args:
        table: Whole photos; rows that are cropped already stay as they are.
        boxes: A file that names these photos, as paths that end or begin as the table's do.
        options: As in `read_boxes`; the category is that of all animals where neither tells several.

    Raises:
        DataError: The file cannot be used, or says nothing of a photo.
        ConfigError: `columns` names a column that the photo table does not have.
    """
    detections = find_detections(read_json(Path(boxes.path)), boxes)
    return _cropped(table, detections, boxes, options)


def _cropped(table: PhotoTable, detections: Detections, boxes: BoxFile, options: ReadOptions) -> PhotoTable:
    path, category = Path(boxes.path), options.category
    read = read_columns(path, detections.frame.drop(columns="box"), options.columns)
    said = read.frame.astype(object).where(read.frame.notna(), None).assign(box=detections.frame["box"])
    rows = _rows(table, said, detections)
    if not rows.frame.shape[0]:
        photos = "photo" if rows.num_empty == 1 else "photos"
        raise DataError(
            f"{path}: no box of an animal with a confidence of {boxes.min_confidence:g} or more in {rows.num_empty} "
            f"{photos}: lower --min-confidence, in Python min_confidence"
        )
    frame = rows.frame
    if category is not None and frame["category"].nunique() == 1 and table.categories == ("photos",):
        frame = frame.assign(category=category)
    cropped = usable_table(
        path,
        frame,
        with_repeats(frame["path"], rows.reasons),
        root=table.root,
        skip_bad=options.skip_bad,
        need_identity=options.need_identity,
        notes=_notes(read.read_from, frame, rows.num_empty, boxes),
    )
    cropped = replace(cropped, skipped=(*table.skipped, *cropped.skipped), notes=(*table.notes, *cropped.notes))
    return cropped if category is None else cropped.of_category(category)


@dataclass(frozen=True, eq=False)
class _Rows:
    """A row per animal or photo of which nothing is said, why it cannot be used, and how many photos are left out."""

    frame: pd.DataFrame
    reasons: list[str]
    num_empty: int


def _rows(table: PhotoTable, said: pd.DataFrame, detections: Detections) -> _Rows:
    """Return the animals on the photos of a table, in its order."""
    animals = {str(name): rows.to_dict("records") for name, rows in said.groupby("path", sort=False)}
    find = _Finder([*animals, *detections.faults, *detections.empty])
    empty, rows, reasons = set(detections.empty), [], []
    num_empty = 0
    for photo in table.frame.to_dict("records"):
        name, cropped_already = split_fragment(str(photo["path"]))
        meant = None if cropped_already else find(table.root, name)
        if cropped_already:
            rows.append(photo)
            reasons.append("")
        elif meant in animals:
            rows += [_merged(photo, animal) for animal in animals[str(meant)]]
            reasons += [""] * len(animals[str(meant)])
        elif meant in empty:
            num_empty += 1
        else:
            rows.append(photo)
            reasons.append("the file of boxes does not name it" if meant is None else detections.faults[meant])
    columns = dict.fromkeys(name for row in rows for name in row if name != "row")
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in columns})
    optional = [name for name in OPTIONAL_COLUMNS if name in frame]
    return _Rows(frame.assign(**{name: frame[name].fillna("") for name in optional}), reasons, num_empty)


def _merged(photo: Mapping[Hashable, Any], animal: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    """Return a row for an animal: what is known of its photo first, then what the file of boxes says."""
    row = dict(photo)
    if animal["box"]:
        row["path"] = f"{photo['path']}#{animal['box']}"
    for name in _FACTS:
        value = animal.get(name)
        if value is not None and (not isinstance(row.get(name), str) or row[name] in _SAYS_NOTHING):
            row[name] = clean_name(str(value))
    return row


class _Finder:
    """Finds which photo of a file of boxes a path means: the path ends as the file has it, or the other way round.

    Args:
        names: The photos, as the file has them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = set(names)
        self._name_of = {PurePosixPath(name).parts: name for name in names}
        self._by_base = defaultdict(list)
        for parts in self._name_of:
            self._by_base[parts[-1]].append(parts)

    def __call__(self, root: Path | None, path: str) -> str | None:
        """Return the photo that is meant; None where there is none, or where several could be."""
        if path in self._exact:
            return path
        short = PurePosixPath(path.replace("\\", "/")).parts
        full = short if root is None else PurePosixPath(os.path.abspath(root / path)).parts
        same_base = self._by_base.get(short[-1], [])
        ends_so = [parts for parts in same_base if full[-len(parts) :] == parts]
        if ends_so:
            return self._name_of[max(ends_so, key=len)]
        elsewhere = [parts for parts in same_base if parts[-len(short) :] == short]  # the file is of another machine
        return self._name_of[elsewhere[0]] if len(elsewhere) == 1 else None


def _notes(read_from: Mapping[str, str], frame: pd.DataFrame, num_empty: int, boxes: BoxFile) -> list[str]:
    """Return what was read, and individuals that are named twice on one photo."""
    pictures = [split_fragment(str(path)) for path in frame["path"]]
    num_crops = sum(box != "" for _, box in pictures)
    notes = [f"{_counted(num_crops, 'crop')} from boxes with a confidence of {boxes.min_confidence:g} or more"]
    if read := [f"{ours} from {theirs}" for ours, theirs in read_from.items() if ours != theirs]:
        notes.append(f"read {', '.join(read)}")
    if num_empty:
        notes.append(f"{_counted(num_empty, 'photo')} without such a box {'is' if num_empty == 1 else 'are'} left out")
    named = frame.assign(picture=[name for name, _ in pictures])[frame["identity"].notna()]
    twice = named[named.duplicated(["picture", "category", "identity"])]
    for row in twice.head(1).itertuples():
        notes.append(
            f"{_counted(len(twice), 'photo')} named twice on one photo, first {row.identity} on {row.picture}: two "
            "boxes of one photo are never the same individual: correct one of them"
        )
    return notes


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
