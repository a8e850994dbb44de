"""Re-identification sets that write identity and camera into file names -> the photo table.

Market-1501 (and others named like it), VeRi-776 and MSMT17. The splits are "train", "query" and "gallery", in
MSMT17 also "val". Their protocol ranks the gallery for each query, without the gallery photos of the query's own
identity and camera: that is what the column `camera` is for.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vicp.data.records import PhotoTable, usable_table
from vicp.data.sources.datasets.splits import SplitList, assign_splits, one_side_each, read_lines
from vicp.data.sources.folders.disk import list_photos
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.errors import DataError

_MARKET = {"bounding_box_train": "train", "query": "query", "bounding_box_test": "gallery"}
_VERI = {"image_train": "train", "image_query": "query", "image_test": "gallery"}
_MSMT17 = {"list_train.txt": "train", "list_val.txt": "val", "list_query.txt": "query", "list_gallery.txt": "gallery"}
_MSMT17_FOLDERS = {"train": "mask_train_v2", "test": "mask_test_v2"}  # ours -> that of version 2, with masked faces
_NAME = re.compile(r"(?P<identity>-1|\d+)_c(?P<camera>\d+)(?:s(?P<sequence>\d+))?_.+")
_MSMT17_NAME = re.compile(r"(?P<identity>\d+)_\d+_(?P<camera>\d+)_(?P<session>\d{4}[a-z]+)_.+")

_COLUMNS = ("path", "category", "identity", "split", "camera", "sequence")

_log = logging.getLogger(__name__)


def is_market(root: Path) -> bool:
    """Return whether a folder has the folders of Market-1501."""
    return (root / "bounding_box_train").is_dir() or (root / "bounding_box_test").is_dir()


def is_veri(root: Path) -> bool:
    """Return whether a folder has the folders of VeRi-776."""
    return (root / "image_train").is_dir() or (root / "image_query").is_dir()


def is_msmt17(root: Path) -> bool:
    """Return whether a folder has a list of MSMT17 and the folder `train` or `test`, or a folder of version 2."""
    if any((root / name).is_dir() for name in _MSMT17_FOLDERS.values()):
        return True
    folders = (root / "train").is_dir() or (root / "test").is_dir()
    return folders and any((root / name).is_file() for name in _MSMT17)


def read_market(root: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the photos of Market-1501: `bounding_box_train`, `query`, `bounding_box_test`.

    Names read `0002_c1s1_000451_03.jpg`: identity, camera and sequence, frame, box. Identity -1 (junk, which the
    protocol ignores) is left out. Identity 0000 of the gallery marks distractors: photos that match nothing. Each
    becomes an identity of its own, so that no two of them count as the same individual either.

    Args:
        root: The folder of the three folders.
        options: Its category is that of all photos, "person" if None; every photo has an identity.

    Raises:
        DataError: A folder is missing, or photos are bad: named differently, or of an identity that is in
            training and test.
    """
    return _read_named(Path(root), _MARKET, category=options.category or "person", skip_bad=options.skip_bad)


def read_veri(root: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the photos of VeRi-776: `image_train`, `image_query`, `image_test`, as `read_market` does.

    Names read `0001_c001_00016450_0.jpg`: identity, camera, frame, number. The category is "vehicle" if None.

    Raises:
        DataError: See `read_market`.
    """
    return _read_named(Path(root), _VERI, category=options.category or "vehicle", skip_bad=options.skip_bad)


def read_msmt17(root: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the photos of MSMT17: folders `train` and `test`, and `list_{train,val,query,gallery}.txt`.

    In version 2, whose faces are masked, the folders are `mask_train_v2` and `mask_test_v2`. A list has a line
    `0000/0000_000_01_0303morning_0015_0.jpg 0` per photo; the name holds identity, number, camera, session (month,
    day, time of day), frame and box. `train` and `test` both count identities from
    0000 and mean different people, so identities read train-0000 and test-0000. `list_val.txt` names photos
    of `train`, and may name identities of `list_train.txt`. Photos in no list are kept with the split "", and without
    lists those of `train` with the split "train".

    Args:
        root: The folder of `train`, `test` and the lists.
        options: Its category is that of all photos, "person" if None; every photo has an identity.

    Raises:
        DataError: A folder is missing, or photos are bad: named in a list but not there, in two splits, or
            named differently.
    """
    root = Path(root)
    second = any((root / name).is_dir() for name in _MSMT17_FOLDERS.values())
    folder_of = _MSMT17_FOLDERS if second else {name: name for name in _MSMT17_FOLDERS}
    _require_folders(root, tuple(folder_of.values()))
    lists = []
    for name, split in _MSMT17.items():
        folder = folder_of["train" if split in ("train", "val") else "test"]
        lines = read_lines(root / name) if (root / name).is_file() else []
        lists.append(SplitList(name, split, [f"{folder}/{line.rsplit(maxsplit=1)[0]}" for line in lines]))
    photos = [f"{folder}/{photo}" for folder in folder_of.values() for photo in list_photos(root / folder)]
    if not any(given.photos for given in lists):
        lists = [SplitList("train", "train", [photo for photo in photos if photo.startswith(f"{folder_of['train']}/")])]
    rows, reasons = [], []
    for photo, (split, reason) in assign_splits(photos, lists).items():
        match = _MSMT17_NAME.fullmatch(photo.rsplit("/", 1)[-1])
        identity, camera, session = match.groups() if match else ("", "", "")
        side = "train" if photo.split("/")[0] == folder_of["train"] else "test"
        rows.append((photo, options.category or "person", f"{side}-{identity}", split, camera, f"c{camera}-{session}"))
        expected = "0000_000_01_0303morning_0015_0.jpg"
        reasons.append(reason or ("" if match else f"its name is not as expected (such as {expected})"))
    frame = pd.DataFrame(rows, columns=_COLUMNS, dtype=object)
    return usable_table(root, frame, reasons, root=root, skip_bad=options.skip_bad)


def _read_named(root: Path, folders: Mapping[str, str], *, category: str, skip_bad: bool) -> PhotoTable:
    _require_folders(root, tuple(folders))
    rows, wrong, junk = [], [], 0
    for folder, split in folders.items():
        for photo in list_photos(root / folder):
            name = photo.rsplit("/", 1)[-1]
            match = _NAME.fullmatch(name)
            identity, camera, sequence = match.groups() if match else ("", "", None)
            if identity == "-1":
                junk += 1
                continue
            if split == "gallery" and identity and int(identity) == 0:
                identity = f"distractor-{name.rsplit('.', 1)[0]}"
            recording = f"c{camera}s{sequence}" if sequence else ""
            rows.append((f"{folder}/{photo}", category, identity, split, camera, recording))
            wrong.append("" if match else "its name is not as expected (such as 0002_c1s1_000451_03.jpg)")
    if junk:
        _log.info("%s: left out %d junk photos (identity -1)", root, junk)
    frame = pd.DataFrame(rows, columns=_COLUMNS, dtype=object)
    if (frame["sequence"] == "").all():
        frame = frame.drop(columns="sequence")
    sides = (("train",), ("query", "gallery"))
    reasons = one_side_each(list(frame["identity"]), list(frame["split"]), wrong, sides=sides)
    return usable_table(root, frame, reasons, root=root, skip_bad=skip_bad)


def _require_folders(root: Path, names: tuple[str, ...]) -> None:
    missing = [name for name in names if not (root / name).is_dir()]
    if missing:
        raise DataError(
            f"{root}: no folder {', '.join(missing)}, expected {', '.join(names)}: unpack all of the data set"
        )
