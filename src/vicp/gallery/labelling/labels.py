"""The labelled pairs that a gallery keeps."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from vicp.data.records import PhotoTable
from vicp.data.support.labels import has_label
from vicp.data.support.support import Support
from vicp.data.support.support_file import LabelledPair, frame_of_pairs, parse_support
from vicp.data.write import write_frame
from vicp.gallery.contents import find_keys, photos
from vicp.gallery.labelling.pair_files import new_pairs, read_labels
from vicp.gallery.store.change import Change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import LABELLED, PAIRS, SCHEMAS
from vicp.phrases import counted


@dataclass(frozen=True)
class LabelResult:
    """What adding labels to a gallery did.

    Attributes:
        added: Pairs that were new.
        known: Pairs that were there already, with the same label.
        total: Pairs that the gallery holds now.
        same: Of these, same-pairs.
    """

    added: int
    known: int
    total: int
    same: int


def label_pairs(writer: Change, given: str | os.PathLike[str] | Sequence[LabelledPair]) -> LabelResult:
    """Add labelled pairs to a gallery, all or none; a second time it changes nothing.

    Args:
        writer: The change to write with.
        given: A CSV with left, right and same, or an export of Label Studio, whose rows without a label are left out;
            or such triples. Photos by key or by where they came from.

    Raises:
        DataError: A file that cannot be used, or labels that contradict each other or those in the gallery.
        GalleryError: Photos that are not in the gallery.
    """
    if isinstance(given, str | os.PathLike):
        file = Path(given)
        frame = read_labels(file)
    else:
        file, frame = Path("pairs"), frame_of_pairs(given)
    rows = frame[has_label(frame["same"])]
    names = sorted({*rows["left"], *rows["right"]})
    key_of = find_keys(writer.snapshot, names)
    paired = {key for pair in pairs_held(writer.snapshot) for key in pair} | set(key_of.values())
    table = _table_by_key(writer.snapshot, paired)
    held = labelled_pairs(writer.snapshot, table)
    if rows.empty:
        return LabelResult(0, 0, len(held), int(held.same.sum()))
    rows = rows.assign(left=rows["left"].map(key_of), right=rows["right"].map(key_of))
    pairs = parse_support(file, rows, table)
    new = new_pairs(file, pairs, "the gallery", held, [str(source) for source in table.frame["source"]])
    if len(new):
        category = table.select([int(new.left[0])]).categories[0]
        labelled = _pair_rows(new, table, {"category": category, **writer.signature()})
        _write_pairs(writer, labelled, f"{counted(len(new), 'labelled pair')} ({category})")
    num_same = int(held.same.sum() + new.same.sum())
    return LabelResult(len(new), len(pairs) - len(new), len(held) + len(new), num_same)


def pairs_held(snapshot: Snapshot) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows of the table of pairs by their two keys, those that could not be told among them."""

    def read() -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["left"], row["right"]): row for row in snapshot.read(PAIRS).to_pylist()}

    return snapshot.once(PAIRS, [PAIRS], read)


def _write_pairs(writer: Change, rows: Sequence[dict[str, Any]], summary: str) -> None:
    """Write rows into the table of pairs, and make them visible."""
    held = pairs_held(writer.snapshot)
    new = {(row["left"], row["right"]): row for row in rows}
    table = pa.Table.from_pylist(list(rows), schema=SCHEMAS[PAIRS])
    if held.keys() & new.keys():
        writer.update(PAIRS, table)
    else:  # which takes a fraction of the time
        writer.add(PAIRS, table)
    writer.commit(summary)
    writer.snapshot.put(PAIRS, [PAIRS], {**held, **new})


def labelled_pairs(snapshot: Snapshot, table: PhotoTable | None = None) -> Support:
    """Return a gallery's labelled pairs, as positions in its photos by key, less those of photos that are gone."""
    table = _table_by_key(snapshot) if table is None else table
    row_of = {key: row for row, key in enumerate(table.frame["path"])}
    rows = [
        (row_of[pair["left"]], row_of[pair["right"]], pair["same"])
        for pair in pairs_held(snapshot).values()
        if pair["same"] is not None and pair["left"] in row_of and pair["right"] in row_of
    ]
    left, right, same = (np.array([row[i] for row in sorted(rows)]) for i in range(3))
    return Support(left.astype(np.int64), right.astype(np.int64), same.astype(np.bool_))


def mark_unsure(writer: Change, given: Sequence[tuple[str, str]]) -> int:
    """Note pairs that the author could not tell, and returns how many; a pair with a label keeps it.

    Args:
        writer: The change to write with.
        given: Photos by key or by where they came from.

    Raises:
        GalleryError: Photos that are not in the gallery.
    """
    key_of = find_keys(writer.snapshot, [name for pair in given for name in pair])
    frame = photos(writer.snapshot, ["key", "category"])
    category_of = dict(zip(frame["key"], frame["category"], strict=True))
    number_of = dict(zip(frame["key"], frame["number"], strict=True))
    labelled = {pair for pair, row in pairs_held(writer.snapshot).items() if row["same"] is not None}
    pairs = {tuple(sorted((key_of[a], key_of[b]), key=lambda key: number_of[key])) for a, b in given}
    rows = [
        {"left": a, "right": b, "same": None, "category": category_of[a], **writer.signature()}
        for a, b in sorted(pairs - labelled)
    ]
    if rows:
        _write_pairs(writer, rows, f"{len(rows)} {'pair' if len(rows) == 1 else 'pairs'} that could not be told")
    return len(rows)


def unsure_pairs(snapshot: Snapshot, author: str | None = None) -> set[tuple[str, str]]:
    """Return the pairs, as keys, that somebody, or this author, could not tell."""
    rows = pairs_held(snapshot).items()
    return {pair for pair, row in rows if row["same"] is None and author in (None, row["author"])}


def export_pairs(snapshot: Snapshot, out: Path) -> int:
    """Write the labelled pairs, and returns how many.

    The columns are left and right (keys, the paths of an exported Parquet table), same, and category.

    Raises:
        DataError: Another ending than of a table, or it cannot be written.
        GalleryError: The gallery cannot be read.
    """
    frame = snapshot.read(PAIRS, where=LABELLED).to_pandas().sort_values(["category", "left", "right"])
    write_frame(frame.assign(same=frame["same"].astype(int))[["left", "right", "same", "category"]], out)
    return len(frame)


def _table_by_key(snapshot: Snapshot, keys: Collection[str] | None = None) -> PhotoTable:
    """Return the gallery's photos, or those of some keys, named by their keys."""
    frame = photos(snapshot, ("number", "key", "category", "identity", "source"))
    frame = frame if keys is None else frame[frame["key"].isin(list(keys))].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "row": range(1, len(frame) + 1),
            "path": frame["key"],
            "category": frame["category"],
            "identity": frame["identity"],
            "source": frame["source"],
        }
    )
    return PhotoTable(frame, Path())


def _pair_rows(pairs: Support, table: PhotoTable, facts: dict[str, object]) -> list[dict[str, Any]]:
    keys = table.frame["path"].to_numpy()
    return [
        {"left": str(keys[a]), "right": str(keys[b]), "same": bool(same), **facts}
        for a, b, same in zip(pairs.left, pairs.right, pairs.same, strict=True)
    ]
