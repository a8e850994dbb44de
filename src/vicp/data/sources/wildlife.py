"""A folder with a `metadata.csv` as WildlifeDatasets writes it -> the photo table.

Columns that are read: `identity` and `path` (relative to the folder) and, where there are such, `species` ->
category, `split` or `original_split` -> split, `orientation` or `position` -> viewpoint, `video` -> sequence,
`dataset` -> domain, `date`, `camera`.
"""

import logging
import os
from pathlib import Path

from vicp.data.records import OPTIONAL_COLUMNS, PhotoTable
from vicp.data.sources.table import clean_table, read_csv, require_columns
from vicp.errors import DataError

FILE = "metadata.csv"
UNKNOWN = "unknown"  # the identity of individuals nobody could name
_NAMES = {
    "category": ("species",),
    "split": ("split", "original_split"),
    "viewpoint": ("viewpoint", "orientation", "position"),
    "sequence": ("sequence", "video"),
    "domain": ("domain", "dataset"),
}  # our column -> theirs, the first that is there

_log = logging.getLogger(__name__)


def is_wildlife(root: Path) -> bool:
    """Return whether a folder has a `metadata.csv` with the columns path and identity."""
    if not (root / FILE).is_file():
        return False
    try:
        with (root / FILE).open(encoding="utf-8-sig", errors="replace") as file:
            columns = {name.strip().strip('"') for name in file.readline().split(",")}
    except OSError:
        return True  # and the reader will say why it cannot be read
    return {"path", "identity"} <= columns


def read_wildlife(
    root: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
) -> PhotoTable:
    """Return the photos that `metadata.csv` lists; individuals nobody could name only if none needs a name.

    Args:
        root: The folder of `metadata.csv`.
        category: Without a species column, the category of all photos (the folder's name if None); with one,
            the species to keep.
        need_identity: Leave out photos whose identity is "unknown"; one that says nothing is a bad row.
        skip_bad: Leave out bad rows instead of raising.

    Raises:
        DataError: The file cannot be read, columns are missing, or rows are bad; see `read_table`.
    """
    file = Path(root) / FILE
    frame = read_csv(file)
    require_columns(file, list(frame.columns), ("path", "identity"))
    for ours, theirs in _NAMES.items():
        there = [name for name in theirs if name in frame]
        if there:
            frame[ours] = frame[there[0]]
    frame = frame[[name for name in frame if name in ("path", "identity", "category", *OPTIONAL_COLUMNS)]]
    if "species" not in frame and "category" not in frame:
        category = category or file.parent.resolve().name
    if not need_identity:
        frame["identity"] = frame["identity"].mask(frame["identity"] == UNKNOWN, "")
    table = clean_table(file, frame, category=category, need_identity=need_identity, skip_bad=skip_bad)
    known = (table.frame["identity"] != UNKNOWN).to_numpy(dtype=bool)
    if not known.any():
        raise DataError(f"{file}: every identity is {UNKNOWN!r}, expected the names of individuals")
    if not known.all():
        _log.info("%s: left out %d photos whose identity is %r", file, len(known) - known.sum(), UNKNOWN)
    return table.select(known)
