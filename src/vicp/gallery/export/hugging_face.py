"""A gallery as a dataset of Hugging Face: an image folder with `metadata.csv`, or Parquet with an image column."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vicp.data.write import write_frame
from vicp.errors import DataError
from vicp.gallery.contents import optional_fact, photos
from vicp.gallery.export.originals import photo_files, photo_suffix, require_empty, require_originals, write_photos
from vicp.gallery.store.snapshot import Snapshot
from vicp.io import atomic_write

_FACTS = ("identity", "category", "date", "viewpoint")


def export_hugging_face(snapshot: Snapshot, out: Path) -> int:
    """Write a dataset that `datasets.load_dataset` reads, and return how many photos.

    Args:
        snapshot: The gallery.
        out: A .parquet with a column `image`, or a new folder for `load_dataset("imagefolder", data_dir=...)`.

    Raises:
        DataError: The folder holds something already, or it cannot be written.
        GalleryError: The gallery keeps no photos.
    """
    frame = photos(snapshot, ("key", "category", "identity", "date"))
    require_originals(snapshot, frame, "export a .csv")
    viewpoints = optional_fact(snapshot, "viewpoint")
    frame = frame.assign(viewpoint=[viewpoints.get(number, "") for number in frame["number"]])
    frame = frame.assign(identity=frame["identity"].fillna(""), date=frame["date"].fillna(""))
    try:
        if out.suffix.lower() == ".parquet":
            _write_parquet(snapshot, frame, out)
        else:
            require_empty(out)
            names = write_photos(snapshot, frame, out / "photos")
            files = [f"photos/{names[number]}" for number in frame["number"]]
            write_frame(frame.assign(file_name=files)[["file_name", *_FACTS]], out / "metadata.csv")
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror or error})") from error
    return len(frame)


def _write_parquet(snapshot: Snapshot, frame: pd.DataFrame, out: Path) -> None:
    numbers, keys = frame["number"].tolist(), dict(zip(frame["number"], frame["key"], strict=True))
    images = {
        number: {"bytes": image, "path": f"{keys[number]}.{photo_suffix(image)}"}
        for number, image in photo_files(snapshot, numbers)
    }
    text = {"dtype": "string", "_type": "Value"}
    features = {"image": {"_type": "Image"}, **dict.fromkeys(_FACTS, text)}
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array([images[number] for number in numbers], struct)}
    columns |= {name: pa.array(frame[name].astype(str), pa.string()) for name in _FACTS}
    table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    with atomic_write(out) as part:
        pq.write_table(table, part)
