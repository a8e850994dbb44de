"""The photo files that a gallery keeps, written into a folder."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from vicp.errors import DataError, GalleryError
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import ORIGINALS

_BATCH = 256  # photo files in memory at a time
_SUFFIX_BY_SIGNATURE = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG": "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"RIFF": "webp",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}


def require_originals(snapshot: Snapshot, frame: pd.DataFrame, advice: str) -> None:
    """Check that a gallery keeps the files of these photos.

    Raises:
        GalleryError: It keeps thumbnails alone; `advice` is what to do.
    """
    if not snapshot.count(ORIGINALS) and len(frame):
        raise GalleryError(f"{snapshot.uri}: keeps no photos, only their thumbnails: {advice}")


def require_empty(folder: Path) -> None:
    """Check that a folder is new or empty.

    Raises:
        DataError: It holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: holds something already: give a new or an empty folder")


def write_photos(snapshot: Snapshot, frame: pd.DataFrame, folder: Path) -> dict[int, str]:
    """Write the photos (`number`, `key`) into a folder, and return number -> the name of its file.

    A file is named by the photo's content hash, so no name of an individual ever becomes a path.

    Raises:
        OSError: They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    keys = dict(zip(frame["number"], frame["key"], strict=True))
    for number, image in photo_files(snapshot, list(keys)):
        names[number] = f"{keys[number]}.{photo_suffix(image)}"
        (folder / names[number]).write_bytes(image)
    return names


def photo_files(snapshot: Snapshot, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield number and file of each photo."""
    for start in range(0, len(numbers), _BATCH):
        rows = snapshot.of_numbers(ORIGINALS, numbers[start : start + _BATCH], ["number", "image"])
        for row in rows.to_pylist():
            yield int(row["number"]), row["image"]


def photo_suffix(image: bytes) -> str:
    """Return the ending of a photo's file, by its first bytes."""
    return next((suffix for start, suffix in _SUFFIX_BY_SIGNATURE.items() if image.startswith(start)), "heic")
