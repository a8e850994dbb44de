"""Labelled pairs as a CSV that grows: proposals are written, a person fills in `same`, and what is new is added."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vicp.adapt.encoded_support import pairs_within, relate_pairs
from vicp.data.records import PhotoTable
from vicp.data.sources.table import read_csv, require_columns
from vicp.data.support import Support
from vicp.data.support_file import parse_support, read_support
from vicp.errors import DataError
from vicp.gallery.labelling.active_learning import PairProposal

COLUMNS = ("left", "right", "same")
NO_PAIRS = Support(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_))


@dataclass(frozen=True)
class AddPairsResult:
    """What became of the rows of a file of labels.

    Attributes:
        new: pairs that were added.
        known: pairs that were there already, with the same label.
        unlabelled: rows whose `same` is empty.
        total: pairs in the file now.
        same: how many of those are same-pairs.
    """

    new: int
    known: int
    unlabelled: int
    total: int
    same: int

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return vars(self).copy()

    def lines(self) -> list[str]:
        """The facts, for people."""
        rest = [f"{self.known} were there already"] if self.known else []
        rest += [f"{self.unlabelled} have no label yet"] if self.unlabelled else []
        return [
            f"Added {self.new} pairs" + (f"; {', '.join(rest)}" if rest else "") + ".",
            f"{self.total} pairs now: {self.same} same, {self.total - self.same} different.",
        ]


def add_pairs(labelled: Path, target: Path, table: PhotoTable) -> AddPairsResult:
    """Adds the labelled rows of one file to another, made if absent; a second time it changes nothing.

    Args:
        labelled: a CSV with left, right and same; rows with an empty `same` wait.
        target: the CSV to grow; it changes as a whole or not at all, and what stands in it stays as it is.
        table: the photos the pairs speak of.

    Raises:
        DataError: a file that cannot be read or written, names no photo has, or labels that contradict each other or
            those there; then nothing is added.
    """
    frame = read_csv(labelled)
    require_columns(labelled, list(frame.columns), COLUMNS)
    given = frame[frame["same"].str.strip() != ""]
    unlabelled = len(frame) - len(given)
    there = read_pairs(target, table)
    if given.empty:
        return AddPairsResult(0, 0, unlabelled, len(there), int(there.same.sum()))
    fresh = parse_support(labelled, given.reset_index(drop=True), table)
    names = [str(name) for name in table.frame["path"]]
    new = new_pairs(labelled, fresh, str(target), there, names)
    if len(new):
        rows = zip(new.left, new.right, new.same, strict=True)
        _append(target, [(names[a], names[b], "1" if same else "0") for a, b, same in rows])
    num_same = int(there.same.sum() + new.same.sum())
    return AddPairsResult(len(new), len(fresh) - len(new), unlabelled, len(there) + len(new), num_same)


def new_pairs(labelled: Path, fresh: Support, holder: str, there: Support, names: list[str]) -> Support:
    """Those of the pairs read from `labelled` that the holder does not have.

    Args:
        labelled: the file the fresh pairs are from.
        fresh: these pairs.
        holder: what has pairs already, for messages.
        there: its pairs.
        names: of the photos.

    Raises:
        DataError: the holder has the opposite label for one, or all of them together contradict each other.
    """
    known = {(a, b): same for a, b, same in zip(there.left, there.right, there.same, strict=True)}
    pairs = list(zip(fresh.left.tolist(), fresh.right.tolist(), fresh.same.tolist(), strict=True))
    opposite = [f"{names[a]} and {names[b]}" for a, b, same in pairs if known.get((a, b), same) != same]
    if opposite:
        raise DataError(
            f"{labelled}: {holder} has the opposite label for {'; '.join(opposite[:20])}: correct one of the two"
        )
    check_consistent(Support(*(np.concatenate([getattr(there, key), getattr(fresh, key)]) for key in COLUMNS)), names)
    rows = np.array([(a, b) not in known for a, b, _ in pairs])
    return Support(fresh.left[rows], fresh.right[rows], fresh.same[rows])


def read_pairs(path: Path, table: PhotoTable) -> Support:
    """The pairs in a file; none where there is no such file.

    Raises:
        DataError: the file cannot be used.
    """
    if not path.exists():
        return NO_PAIRS
    return read_support(path, table)


def check_consistent(pairs: Support, names: list[str]) -> None:
    """Raises `DataError` for pairs labelled different whose photos other pairs make the same individual."""
    used = np.unique(np.concatenate([pairs.left, pairs.right]))
    relate_pairs(pairs_within(pairs, used), [names[i] for i in used])


def require_no_loss(path: Path, kept: Path | None) -> None:
    """Raises `DataError` for a file that proposals must not replace.

    Args:
        path: where proposals are to be written.
        kept: the file of pairs that labels are added to, if any: what it holds may go.
    """
    if not path.exists():
        return
    frame = read_csv(path)
    if not set(COLUMNS) <= set(frame.columns) or (kept is not None and kept.exists() and path.samefile(kept)):
        raise DataError(f"{path} is there and holds something else than proposals; give another --out")
    there = set() if kept is None or not kept.exists() else set(_pairs(read_csv(kept)))
    lost = [pair for pair in _pairs(frame[frame["same"].str.strip() != ""]) if pair not in there]
    if lost:
        raise DataError(
            f"{path} holds {len(lost)} labels that would be lost; add them with `vicp pairs add` to the file that "
            "--pairs names, or give another --out"
        )


def _pairs(frame: pd.DataFrame) -> list[frozenset[str]]:
    return [frozenset(names) for names in zip(frame["left"], frame["right"], strict=True)]


def write_proposals(path: Path, proposals: list[PairProposal], names: list[str]) -> None:
    """Writes proposed pairs with an empty column `same`, for a person to fill in.

    Raises:
        DataError: it cannot be written there.
    """
    rows = [(names[p.left], names[p.right], "", f"{p.similarity:.4f}", p.why) for p in proposals]
    _write(path, pd.DataFrame(rows, columns=[*COLUMNS, "similarity", "why"]))


def _append(target: Path, rows: list[tuple[str, str, str]]) -> None:
    fresh = pd.DataFrame(rows, columns=list(COLUMNS))
    _write(target, pd.concat([read_csv(target), fresh]).fillna("") if target.exists() else fresh)


def _write(path: Path, frame: pd.DataFrame) -> None:
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(part, index=False)
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error
