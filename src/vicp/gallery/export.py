"""Exports of a gallery: a table, or a folder of photos as FiftyOne reads it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.data.write import write_frame
from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import embedded_photos, photo_viewpoints, photos
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


def export_table(snapshot: Snapshot, out: Path) -> int:
    """Write a row per photo, and returns how many.

    CSV holds the facts, and as `path` where each photo came from. Parquet holds the photo files (`image`) and
    embeddings too. Both are photo tables that every command of this program reads.

    Raises:
        DataError: Another ending, or it cannot be written.
        GalleryError: The gallery cannot be read.
    """
    frame = photos(snapshot).rename(columns={"key": "photo"})
    frame = frame.assign(identity=frame["identity"].fillna("").to_numpy())
    if viewpoints := photo_viewpoints(snapshot):
        frame = frame.assign(viewpoint=[viewpoints.get(number, "") for number in frame["number"]])
    if out.suffix.lower() == ".csv":
        frame = frame.rename(columns={"source": "path"})
    if out.suffix.lower() != ".csv":
        frame = frame.assign(path=frame["photo"], embedding=pd.Series(_embeddings(snapshot, frame), dtype=object))
        if snapshot.count(ORIGINALS):
            frame = frame.merge(snapshot.read(ORIGINALS).to_pandas(), on="number", how="left")
    write_frame(frame.drop(columns="number"), out)
    return len(frame)


def export_fiftyone(snapshot: Snapshot, folder: Path) -> int:
    """Write `data/` and `labels.json`, FiftyOneImageClassificationDataset's layout, and returns how many photos.

    A file is named by the photo's content hash, so no name of an individual ever becomes a path. Photos without a name
    have no label.

    Raises:
        DataError: The folder holds something already, or cannot be written.
        GalleryError: The gallery keeps no photos.
    """
    frame = photos(snapshot, ("key", "category", "identity"))
    if not snapshot.count(ORIGINALS) and len(frame):
        raise GalleryError(f"{snapshot.uri}: keeps no photos, only their thumbnails: export a .csv or .parquet")
    labels = {
        str(row.key): f"{row.category}/{row.identity}" if isinstance(row.identity, str) else None
        for row in frame.itertuples()
    }
    classes = sorted({label for label in labels.values() if label is not None})
    position = {label: number for number, label in enumerate(classes)}
    targets = {key: None if label is None else position[label] for key, label in labels.items()}
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder}: holds something already: give a new or an empty folder")
        (folder / "data").mkdir(parents=True, exist_ok=True)
        for key, image in _images(snapshot, frame):
            (folder / "data" / f"{key}.{_suffix(image)}").write_bytes(image)
        text = json.dumps({"classes": classes, "labels": targets}, ensure_ascii=False, indent=1)
        (folder / "labels.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return len(frame)


def _images(snapshot: Snapshot, frame: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    """Yield key and photo file."""
    for start in range(0, len(frame), _BATCH):
        part = frame.iloc[start : start + _BATCH]
        keys = dict(zip(part["number"], part["key"], strict=True))
        for row in snapshot.of_numbers(ORIGINALS, list(keys), ["number", "image"]).to_pylist():
            yield str(keys[row["number"]]), row["image"]


def _embeddings(snapshot: Snapshot, frame: pd.DataFrame) -> list[np.ndarray]:
    """Return the embedding of each photo; widths may differ between categories."""
    embedding_of: dict[int, np.ndarray] = {}
    for category in gallery_categories(snapshot).values():
        embedded = embedded_photos(snapshot, category)
        embedding_of.update(zip(embedded.frame["number"], embedded.embeddings, strict=True))
    return [embedding_of[number] for number in frame["number"]]


def _suffix(image: bytes) -> str:
    return next((suffix for start, suffix in _SUFFIX_BY_SIGNATURE.items() if image.startswith(start)), "heic")
