"""What lies in a folder: its photos, in natural order, however many there are."""

import logging
import os
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from vicp.data.decoding.formats import PHOTO_SUFFIXES, RAW_SUFFIXES, SNIFFED, is_photo
from vicp.errors import DataError

_IGNORED_NAMES = (  # in lower case: what systems and network drives put beside photos
    *("__macosx", "thumbs.db", "desktop.ini", "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("$recycle.bin", "system volume information", "lost+found"),
)
_BACKUP = "_original"  # what exiftool appends to the name of the file that it changes

_log = logging.getLogger(__name__)


def list_photos(root: Path) -> list[str]:
    """Return every photo below a folder, as a path relative to it with "/", in natural order (2 before 10).

    Each folder is listed once and each real folder entered once, links followed. A photo is known by its ending and,
    without one that is a photo's, by its first bytes. Hidden files are passed over, raw files and files that are not
    photos too, but those are counted in the log.

    Raises:
        DataError: A folder cannot be read.
    """
    start = root.resolve()
    visited = {_file_id(folder) for folder in (start, *start.parents)}
    waiting = deque([""])
    contents: dict[str, list[str]] = {}  # folder -> its photos and, ending in "/", the folders to enter
    others: Counter[str] = Counter()
    raw: Counter[str] = Counter()
    while waiting:
        folder = waiting.popleft()
        names = contents.setdefault(folder, [])
        for entry in _entries(root / folder):
            if _is_hidden(entry.name):
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            if _is_folder(entry):
                if (real := _file_id(entry.path)) in visited:
                    _log.warning("not entered, its photos are read elsewhere or it loops: %s", entry.path)
                    continue
                visited.add(real)
                names.append(f"{entry.name}/")
                waiting.append(f"{folder}{entry.name}/")
            elif suffix in RAW_SUFFIXES:
                raw[suffix] += 1
            elif suffix in PHOTO_SUFFIXES or (not suffix.endswith(_BACKUP) and begins_as_photo(entry.path)):
                names.append(entry.name)
            else:
                others[suffix or "no ending"] += 1
    if others:
        _log.warning("%s: ignored %d files that are not photos (%s)", root, others.total(), _kinds(others))
    if raw:
        advice = "save them as JPEG or TIFF"
        _log.warning("%s: left out %d raw files (%s): %s", root, raw.total(), _kinds(raw), advice)
    return list(_in_order(contents, ""))


def list_folders(root: Path) -> list[str]:
    """Return the names of the folders in a folder, in natural order; none if there is no such folder.

    Raises:
        DataError: It cannot be read.
    """
    if not root.is_dir():
        return []
    return [entry.name for entry in _entries(root) if not _is_hidden(entry.name) and _is_folder(entry)]


def _is_hidden(name: str) -> bool:
    """Return whether a file or folder is none that a person put there."""
    return name.startswith(".") or name.lower() in _IGNORED_NAMES


def begins_as_photo(path: str | Path) -> bool:
    """Return whether a file, whatever its ending, clearly begins as a photo does."""
    try:
        if not os.path.isfile(path) or not os.path.getsize(path):
            return False
        with open(path, "rb") as file:
            return is_photo(file.read(SNIFFED))
    except OSError:
        return False


def _kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{count} x {suffix}" for suffix, count in sorted(counts.items()))


def _in_order(contents: Mapping[str, list[str]], folder: str) -> Iterator[str]:
    for name in contents[folder]:
        if name.endswith("/"):
            yield from _in_order(contents, folder + name)
        else:
            yield folder + name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: _natural_key(entry.name))
    except OSError as error:
        raise DataError(f"folder cannot be read ({error.strerror}): {folder}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or leads to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _file_id(folder: str | Path) -> tuple[int, int]:
    """Return what two names of the same real folder have in common."""
    try:
        found = os.stat(folder)
    except OSError as error:
        raise DataError(f"folder cannot be read ({error.strerror}): {folder}") from error
    return found.st_dev, found.st_ino


def _natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that orders the numbers in names by value: cat2 before cat10."""
    pieces = re.split(r"(\d+)", name)
    return [(not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]
