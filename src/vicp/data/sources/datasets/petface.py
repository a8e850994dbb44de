"""PetFace (arXiv 2407.13555): faces of 257,484 pets of 13 families -> the photo table.

    images/<family>/<identity>/<photo>
    split/<family>/train.csv             filename, label
                   val.txt, test.txt     a photo, or an identity, per line
                   reidentification.csv  filename, label: further photos of the identities of train.csv
                   verification.csv      filename1, filename2, label: pairs, 1 if the same identity

ShopID10K has the same layout, see `shopid10k.py`.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from vicp.data.records import BadPhoto, PhotoTable, list_rows, nearest, usable_table
from vicp.data.sources.datasets.splits import SplitList, assign_splits, one_side_each, read_lines
from vicp.data.sources.folders.disk import list_folders, list_photos
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.delimited import read_csv, require_columns
from vicp.data.support.labels import read_same
from vicp.errors import DataError
from vicp.phrases import counted

FAMILIES = (
    *("cat", "chimp", "chinchilla", "degus", "dog", "ferret", "guineapig"),
    *("hamster", "hedgehog", "javasparrow", "parakeet", "pig", "rabbit"),
)
CLOSED_SET = "reidentification"  # the split of test photos whose identities are trained on
_LISTS = {"train.csv": "train", "val.txt": "val", "test.txt": "test", "reidentification.csv": CLOSED_SET}
_SIDES = (("train", CLOSED_SET), ("val",), ("test",))

_log = logging.getLogger(__name__)


def is_petface(root: Path) -> bool:
    """Return whether a folder has this layout: photos in `images`, and lists of them in `split/<category>`."""
    if not (root / "images").is_dir():
        return False
    return any((root / "split" / name / file).is_file() for name in list_folders(root / "split") for file in _LISTS)


def read_petface(root: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the photos with category = family, identity = their folder, and the split "train", "val" or "test".

    A photo in `reidentification.csv` has the split "reidentification", also if `train.csv` names it too: it is
    a test photo and not to be trained on. Photos in no list are kept with the split "".

    Args:
        root: The folder of `images` and `split`.
        options: Its category is the one family to read; every photo has an identity.

    Raises:
        DataError: There is no such family, or photos are bad: named but not there, at another depth, in two
            splits, or of an identity that is in two splits.
    """
    root = Path(root)
    rows: list[tuple[str, ...]] = []
    reasons: list[str] = []
    for family in _families(root, options.category):
        photos = list_photos(root / "images" / family)
        placed = assign_splits(photos, _split_lists(root, family, photos))
        identities = [photo.split("/")[0] for photo in placed]
        splits = [split for split, _ in placed.values()]
        wrong = [reason or _misplaced(photo, family) for photo, (_, reason) in placed.items()]
        reasons += one_side_each(identities, splits, wrong, sides=_SIDES)
        paths = [f"images/{family}/{photo}" for photo in placed]
        rows += zip(paths, [family] * len(paths), identities, splits, strict=True)
    frame = pd.DataFrame(rows, columns=["path", "category", "identity", "split"], dtype=object)
    return usable_table(root, frame, reasons, root=root, skip_bad=options.skip_bad)


def read_verification(root: str | os.PathLike[str], category: str) -> pd.DataFrame:
    """Return the pairs of a family's `verification.csv`: `path1`, `path2` (as in the photo table), `same` (bool).

    The columns may be called filename1 and filename2 or file1 and file2.

    Raises:
        DataError: The file cannot be read or lacks columns, or pairs are bad: a photo that is not there, or a
            label other than 0 and 1. All of them in one message.
    """
    root = Path(root)
    (family,) = _families(root, category)
    file = root / "split" / family / "verification.csv"
    frame = read_csv(file).rename(columns={"file1": "filename1", "file2": "filename2"})
    require_columns(file, list(frame.columns), ("filename1", "filename2", "label"))
    there = set(list_photos(root / "images" / family))
    photos = [[_below(name, family) for name in frame[column]] for column in ("filename1", "filename2")]
    labels = [_label(word) for word in frame["label"]]
    bad = []
    for row, (one, two, same) in enumerate(zip(*photos, labels, strict=True), 1):
        missing = [photo for photo in (one, two) if photo not in there]
        if missing or same is None:
            reason = f"no such file: {', '.join(missing)}" if missing else "its label is neither 0 nor 1"
            bad.append(BadPhoto(row, f"{one}, {two}", reason))
    if bad:
        raise DataError(f"{file}: {counted(len(bad), 'pair')} cannot be used: {list_rows(bad)}. Correct or remove them")
    paths = [[f"images/{family}/{photo}" for photo in column] for column in photos]
    return pd.DataFrame({"path1": paths[0], "path2": paths[1], "same": pd.Series(labels, dtype=bool)})


def _label(word: str) -> bool | None:
    try:
        return read_same(word)
    except DataError:
        return None


def _families(root: Path, category: str | None) -> list[str]:
    """Return the families that have photos, or the one that is asked for."""
    found = list_folders(root / "images")
    if category is not None and category not in found:
        raise DataError(f"{root}: no category {category!r}{nearest(category, found)}")
    if without := sorted(set(list_folders(root / "split")) - set(found)):
        _log.warning("%s: lists without photos, passed over: %s", root, ", ".join(without))
    return found if category is None else [category]


def _split_lists(root: Path, family: str, photos: list[str]) -> Iterable[SplitList]:
    """Return the lists of a family that are there, as photos relative to its folder."""
    of_identity: dict[str, list[str]] = {}
    for photo in photos:
        of_identity.setdefault(photo.split("/")[0], []).append(photo)
    listed: dict[str, list[str]] = {}
    for name in _LISTS:
        entries = [_below(entry, family) for entry in _entries(root / "split" / family / name)]
        listed[name] = [photo for entry in entries for photo in of_identity.get(entry, [entry])]
    tested = set(listed["reidentification.csv"])
    if both := tested.intersection(listed["train.csv"]):
        count = counted(len(both), "photo")
        them = "it" if len(both) == 1 else "them"
        _log.warning("%s: left out %s of train.csv, for reidentification.csv tests with %s", family, count, them)
        listed["train.csv"] = [photo for photo in listed["train.csv"] if photo not in tested]
    return [SplitList(f"split/{family}/{name}", _LISTS[name], found) for name, found in listed.items()]


def _entries(file: Path) -> list[str]:
    """Return what a list names; nothing if there is no such list."""
    if not file.is_file():
        return []
    if file.suffix == ".txt":
        return read_lines(file)
    frame = read_csv(file)
    require_columns(file, list(frame.columns), ("filename",))
    return list(frame["filename"])


def _below(name: str, family: str) -> str:
    """Return a photo or identity relative to the family's folder, however much of the path its list writes."""
    return name.strip().removeprefix("images/").removeprefix(f"{family}/")


def _misplaced(photo: str, family: str) -> str:
    return "" if photo.count("/") == 1 else f"not placed as images/{family}/<identity>/<photo>"
