"""The labelled pairs of a gallery: what people said of two photos, whatever name either has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from vicp.data.records import PhotoTable
from vicp.data.sources.table import read_csv, require_columns
from vicp.data.support import Support
from vicp.data.support_file import parse_support
from vicp.data.write import write_frame
from vicp.gallery.contents import find_photos, photos, signed
from vicp.gallery.labelling.pair_files import COLUMNS, new_pairs
from vicp.gallery.store.database import change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PAIRS, SCHEMAS


@dataclass(frozen=True)
class LabelResult:
    """What adding labels has done.

    Attributes:
        added: pairs that were new.
        known: pairs that stood there already, with the same label.
        total: pairs that the gallery holds now.
        same: of these, same-pairs.
    """

    added: int
    known: int
    total: int
    same: int

    def summary(self) -> dict[str, Any]:
        """The facts, for programs."""
        return vars(self)

    def lines(self) -> list[str]:
        """The facts, for people."""
        return [
            f"{self.added} pairs added, {self.known} were there.",
            f"{self.total} labelled pairs now: {self.same} same, {self.total - self.same} different.",
        ]


def label_pairs(uri: str, file: Path, *, by: str, why: str = "", wait: bool = False) -> LabelResult:
    """Adds the labelled pairs of a file to a gallery, all or none; a second time it changes nothing.

    Args:
        uri: the gallery.
        file: a CSV with left, right and same; photos by key or by where they came from, and rows without a label wait.
        by: who says so.
        why: a note for the log.
        wait: for another writer, instead of raising.

    Raises:
        DataError: a file that cannot be used, or labels that contradict each other or those there.
        GalleryError: photos that are not in the gallery, or as `change`.
    """
    frame = read_csv(file)
    require_columns(file, list(frame.columns), COLUMNS)
    given = frame[frame["same"].str.strip() != ""].reset_index(drop=True)
    with change(uri, "label", by=by, why=why, wait=wait) as writer:
        table = _by_key(writer.snapshot)
        there = labelled_pairs(writer.snapshot, table)
        if given.empty:
            return LabelResult(0, 0, len(there), int(there.same.sum()))
        names = sorted({*given["left"], *given["right"]})
        keys = {name: str(find_photos(writer.snapshot, [name])["key"].iloc[0]) for name in names}
        given = given.assign(left=given["left"].map(keys), right=given["right"].map(keys))
        fresh = parse_support(file, given, table)
        new = new_pairs(file, fresh, "the gallery", there, [str(key) for key in table.frame["path"]])
        if len(new):
            category = table.select([int(new.left[0])]).categories[0]
            writer.update(PAIRS, _rows(new, table, {"category": category, **signed(writer)}))
            writer.commit(f"{len(new)} labelled pairs ({category})")
    same = int(there.same.sum() + new.same.sum())
    return LabelResult(len(new), len(fresh) - len(new), len(there) + len(new), same)


def labelled_pairs(snapshot: Snapshot, table: PhotoTable | None = None) -> Support:
    """A gallery's labelled pairs, as positions in its photos by key; those of photos that are gone are left out."""
    table = _by_key(snapshot) if table is None else table
    row_of = {key: row for row, key in enumerate(table.frame["path"])}
    rows = [
        (row_of[pair["left"]], row_of[pair["right"]], pair["same"])
        for pair in snapshot.read(PAIRS).to_pylist()
        if pair["left"] in row_of and pair["right"] in row_of
    ]
    left, right, same = (np.array([row[i] for row in sorted(rows)]) for i in range(3))
    return Support(left.astype(np.int64), right.astype(np.int64), same.astype(np.bool_))


def export_pairs(snapshot: Snapshot, out: Path) -> int:
    """Writes left, right (keys, the paths of an exported Parquet table), same and category; returns how many.

    Raises:
        DataError: another ending than of a table, or it cannot be written.
        GalleryError: the gallery cannot be read.
    """
    frame = snapshot.read(PAIRS).to_pandas().sort_values(["category", "left", "right"])
    write_frame(frame.assign(same=frame["same"].astype(int))[["left", "right", "same", "category"]], out)
    return len(frame)


def _by_key(snapshot: Snapshot) -> PhotoTable:
    """The gallery's photos, named by their keys."""
    frame = photos(snapshot, ("number", "key", "category", "identity"))
    frame = pd.DataFrame(
        {
            "row": range(1, len(frame) + 1),
            "path": frame["key"],
            "category": frame["category"],
            "identity": frame["identity"],
        }
    )
    return PhotoTable(frame, Path())


def _rows(pairs: Support, table: PhotoTable, facts: dict[str, object]) -> pa.Table:
    keys = table.frame["path"].to_numpy()
    rows = [
        {"left": str(keys[a]), "right": str(keys[b]), "same": bool(same), **facts}
        for a, b, same in zip(pairs.left, pairs.right, pairs.same, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS[PAIRS])
