"""A folder of photos -> the photo table; the depth of the photos says what the folders mean."""

import logging
import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif")
LAYOUTS = {1: "photo", 2: "identity/photo", 3: "category/identity/photo"}  # depth of a photo -> its path
_IGNORED_NAMES = ("__MACOSX", "Thumbs.db", "desktop.ini")

_log = logging.getLogger(__name__)


def read_folder(
    root: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
) -> PhotoTable:
    """Return the photos of `category/identity/photo`, `identity/photo` or, without identities, `photo`.

    Photos come in natural order (2 before 10). Hidden files are passed over, other files too but logged.

    Args:
        root: The folder.
        category: The category of an `identity/photo` folder ("photos" if None); of a folder with categories,
            the one to keep.
        need_identity: Whether a flat folder of photos is an error.
        skip_bad: Leave out photos at another depth than most, instead of raising.

    Raises:
        DataError: No photos, photos at several depths or too deep, or identities missing.
    """
    root = Path(root)
    photos = _photo_paths(root)
    if not photos:
        raise DataError(f"no photos in {root}: expected files ending in {' '.join(PHOTO_SUFFIXES)}")
    depth = _layout(root, photos, need_identity)
    bad = [bad for row, photo in enumerate(photos, 1) if (bad := _misplaced(row, photo, depth))]
    if bad and not skip_bad:
        raise DataError(f"{root}: {bad_photos_message(bad)}")
    left_out = {photo.row for photo in bad}
    parts = [(row, photo.parts) for row, photo in enumerate(photos, 1) if row not in left_out]
    frame = pd.DataFrame({"row": [row for row, _ in parts], "path": ["/".join(names) for _, names in parts]})
    frame["category"] = [names[0] if depth == 3 else category or "photos" for _, names in parts]
    frame["identity"] = pd.Series([names[-2] if depth > 1 else None for _, names in parts], dtype=object)
    table = PhotoTable(frame, root, tuple(bad))
    return table.of_category(category) if depth == 3 and category is not None else table


def _layout(root: Path, photos: list[Path], need_identity: bool) -> int:
    """Return the depth that most photos have, if that is a layout we read."""
    depth = Counter(len(photo.parts) for photo in photos).most_common(1)[0][0]
    expected = " or ".join(f"{root.name}/{layout}" for at, layout in LAYOUTS.items() if at > 1)
    if depth == 1 and need_identity:
        raise DataError(
            f"{root}: the {len(photos)} photos have no identities, expected {expected}: make a folder per "
            "identity, or a CSV with the columns path and identity"
        )
    if depth not in LAYOUTS:
        raise DataError(f"{root}: photos lie {depth - 1} folders deep ({photos[0]}), expected {expected}")
    return depth


def _misplaced(row: int, photo: Path, depth: int) -> BadPhoto | None:
    name = photo.as_posix()
    readable = name.encode("utf-8", "replace").decode()
    if readable != name:
        return BadPhoto(row, readable, "its name is not valid UTF-8: rename it")
    if len(photo.parts) != depth:
        return BadPhoto(row, name, f"not placed as most photos here are ({LAYOUTS[depth]})")
    return None


def _photo_paths(root: Path) -> list[Path]:
    """Return every photo below `root`, relative to it, in natural order; each real folder is entered once."""
    start = root.resolve()
    visited, waiting = {start}, [root]
    photos: list[Path] = []
    others: Counter[str] = Counter()
    while waiting:
        for entry in _entries(waiting.pop(0)):
            if entry.name.startswith(".") or entry.name in _IGNORED_NAMES:
                continue
            if entry.is_dir():
                real = entry.resolve()
                if real in visited or start.is_relative_to(real):
                    _log.warning("not entered, its photos are read elsewhere or it loops: %s -> %s", entry, real)
                    continue
                visited.add(real)
                waiting.append(entry)
            elif entry.suffix.lower() in PHOTO_SUFFIXES:
                photos.append(entry.relative_to(root))
            else:
                others[entry.suffix.lower() or "no ending"] += 1
    if others:
        kinds = ", ".join(f"{count} x {suffix}" for suffix, count in sorted(others.items()))
        _log.warning("%s: ignored %d files that are not photos (%s)", root, others.total(), kinds)
    return sorted(photos, key=_natural)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=_natural)
    except OSError as error:
        raise DataError(f"folder cannot be read ({error.strerror}): {folder}") from error


def _natural(path: Path) -> list[list[tuple[bool, int, str]]]:
    """Return a sort key that orders the numbers in names by value: cat2 before cat10."""
    return [
        [(not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in re.split(r"(\d+)", part)]
        for part in path.parts
    ]
