"""A gallery as a photo table: its facts as CSV, everything as Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd

from vicp.data.write import write_frame
from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import embedded_photos, optional_fact, photos
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import OPTIONAL_FACTS, ORIGINALS


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
    for column in OPTIONAL_FACTS:
        if facts := optional_fact(snapshot, column):
            frame[column] = [facts.get(number, "") for number in frame["number"]]
    if out.suffix.lower() == ".csv":
        frame = frame.rename(columns={"source": "path"})
    if out.suffix.lower() != ".csv":
        frame = frame.assign(path=frame["photo"], embedding=pd.Series(_embeddings(snapshot, frame), dtype=object))
        if snapshot.count(ORIGINALS):
            frame = frame.merge(snapshot.read(ORIGINALS).to_pandas(), on="number", how="left")
    write_frame(frame.drop(columns="number"), out)
    return len(frame)


def _embeddings(snapshot: Snapshot, frame: pd.DataFrame) -> list[np.ndarray]:
    """Return the embedding of each photo; widths may differ between categories."""
    embedding_of: dict[int, np.ndarray] = {}
    for category in gallery_categories(snapshot).values():
        embedded = embedded_photos(snapshot, category)
        embedding_of.update(zip(embedded.frame["number"], embedded.embeddings, strict=True))
    return [embedding_of[number] for number in frame["number"]]
