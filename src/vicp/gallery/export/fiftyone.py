"""A gallery as FiftyOne reads it: FiftyOneImageClassificationDataset's layout."""

import json
from pathlib import Path

from vicp.errors import DataError
from vicp.gallery.contents import photos
from vicp.gallery.export.originals import require_empty, require_originals, write_photos
from vicp.gallery.store.snapshot import Snapshot


def export_fiftyone(snapshot: Snapshot, folder: Path) -> int:
    """Write `data/` and `labels.json`, and returns how many photos; photos without a name have no label.

    Raises:
        DataError: The folder holds something already, or cannot be written.
        GalleryError: The gallery keeps no photos.
    """
    frame = photos(snapshot, ("key", "category", "identity"))
    require_originals(snapshot, frame, "export a .csv or .parquet")
    labels = {
        str(row.key): f"{row.category}/{row.identity}" if isinstance(row.identity, str) else None
        for row in frame.itertuples()
    }
    classes = sorted({label for label in labels.values() if label is not None})
    position = {label: number for number, label in enumerate(classes)}
    targets = {key: None if label is None else position[label] for key, label in labels.items()}
    try:
        require_empty(folder)
        write_photos(snapshot, frame, folder / "data")
        text = json.dumps({"classes": classes, "labels": targets}, ensure_ascii=False, indent=1)
        (folder / "labels.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return len(frame)
