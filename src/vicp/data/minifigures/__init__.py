"""Photos of nine toy figures for `vicp demo`: eight are known, and a photo of each and of the ninth is asked about."""

from importlib.resources import as_file, files

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos

CATEGORY = "minifigure"
CREDIT = '"Lego Minifigures" by Y. Isaienkov, CC BY 4.0'
LICENCE = "https://creativecommons.org/licenses/by/4.0/"


def open_minifigures() -> tuple[PhotoTable, PhotoTable]:
    """Return the known photos and those to ask about, both with the names of the figures."""
    with as_file(files(__name__) / "photos.parquet") as path:
        table = open_photos(path)
    return _of_split(table, "gallery"), _of_split(table, "query")


def _of_split(table: PhotoTable, split: str) -> PhotoTable:
    frame: pd.DataFrame = table.frame[table.frame["split"] == split]
    return PhotoTable(frame.reset_index(drop=True), table.root)
