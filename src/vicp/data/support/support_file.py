"""The support as people write it: a CSV of labelled pairs, or the pairs themselves."""

import logging
import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.data.sources.tables.delimited import read_csv, require_columns
from vicp.data.support.labels import has_label, read_same
from vicp.data.support.support import Support
from vicp.errors import DataError

LabelledPair = tuple[str, str, bool]  # names of two photos, and whether they show the same individual
GivenPairs = str | os.PathLike[str] | Sequence[LabelledPair]

_MOST_LISTED = 5

_log = logging.getLogger(__name__)


def given_support(pairs: GivenPairs, table: PhotoTable) -> Support:
    """Return the labelled pairs that a user gives: a CSV as in `read_support`, or a sequence of pairs.

    Raises:
        DataError: Pairs that cannot be used, all of them in one message.
    """
    if isinstance(pairs, str | os.PathLike):
        support = read_support(pairs, table)
    else:
        support = parse_support(Path("pairs"), frame_of_pairs(pairs), table)
    warn_of_names(support, table)
    return support


def read_support(path: str | os.PathLike[str], table: PhotoTable) -> Support:
    """Return the labelled pairs of a CSV with the columns left, right, same.

    `left` and `right` are `path` names of the table, or file names alone where only one photo has that name;
    `same` is one of 1, true, yes, same, 0, false, no, different, as a spreadsheet may write them (1.0, TRUE, y); rows
    without a label are left out. A pair given twice counts once.

    Args:
        path: The CSV file.
        table: The photos the pairs speak of.

    Raises:
        DataError: The file cannot be read, is empty or has bad rows: all of them in one message.
    """
    path = Path(path)
    frame = read_csv(path)
    require_columns(path, list(frame.columns), ("left", "right", "same"))
    labelled = frame[has_label(frame["same"])]
    if len(labelled) < len(frame):
        _log.info("%s: %d of %d pairs have no label yet and are left out", path, len(frame) - len(labelled), len(frame))
    return parse_support(path, labelled, table)


def frame_of_pairs(pairs: Sequence[LabelledPair]) -> pd.DataFrame:
    """Return labelled pairs as the frame of text that a CSV of them gives, with the columns left, right and same.

    Raises:
        DataError: Something that is no sequence of (left, right, same).
    """
    rows = list(pairs) if isinstance(pairs, Sequence) else [pairs]
    if not all(isinstance(row, tuple | list) and len(row) == 3 for row in rows):
        raise DataError("pairs: expected (left, right, same) each, names of two photos and True or False")
    texts = [(os.fspath(left), os.fspath(right), str(same)) for left, right, same in rows]
    return pd.DataFrame(texts, columns=["left", "right", "same"], dtype=str)


def find_bad_pairs(frame: pd.DataFrame, table: PhotoTable) -> list[BadPhoto]:
    """Return the rows of a frame of text with the columns left, right and same that cannot be used."""
    return _read_rows(Path("pairs"), frame, table)[1]


def parse_support(path: Path, frame: pd.DataFrame, table: PhotoTable) -> Support:
    """Return the pairs in a frame of text with the columns left, right and same, read from `path`.

    Raises:
        DataError: It is empty or has bad rows: all of them in one message.
    """
    labels, bad = _read_rows(path, frame, table)
    if bad:
        raise DataError(
            f"{path}: {len(bad)} of {len(frame)} pairs cannot be used: {list_rows(bad)}. Photos are named as the table "
            "names them, in the column path"
        )
    if not labels:
        raise DataError(f"{path}: no pairs, expected one per row")
    categories = table.select([a for a, _ in labels]).categories
    if len(categories) > 1:
        raise DataError(f"{path}: pairs of several categories ({', '.join(categories)}): write a file for each")
    left, right = np.array(list(labels), dtype=np.int64).T  # (K,), (K,)
    return Support(left.copy(), right.copy(), np.array(list(labels.values())))


def labels_against_names(pairs: Support, table: PhotoTable) -> list[str]:
    """Return the pairs whose label contradicts the identities that the table gives their photos, each in words."""
    identities, paths = list(table.frame["identity"]), list(table.frame["path"])
    return [
        f"{paths[a]} ({identities[a]}) and {paths[b]} ({identities[b]}) labelled {'same' if same else 'different'}"
        for a, b, same in zip(pairs.left, pairs.right, pairs.same, strict=True)
        if isinstance(identities[a], str)
        and isinstance(identities[b], str)
        and (identities[a] == identities[b]) != bool(same)
    ]


def warn_of_names(pairs: Support, table: PhotoTable) -> None:
    """Say which labels contradict the identities that the table gives the photos; the labels hold."""
    if contradicted := labels_against_names(pairs, table):
        count = "1 label is" if len(contradicted) == 1 else f"{len(contradicted)} labels are"
        more = f"; and {len(contradicted) - _MOST_LISTED} more" if len(contradicted) > _MOST_LISTED else ""
        listed = "; ".join(contradicted[:_MOST_LISTED])
        _log.warning("%s against the names of the photos, and taken all the same: %s%s", count, listed, more)


def _read_rows(
    path: Path, frame: pd.DataFrame, table: PhotoTable
) -> tuple[dict[tuple[int, int], bool], list[BadPhoto]]:
    """Return the label of each pair of photos, and the rows that cannot be used."""
    photos = _Photos(table)
    labels: dict[tuple[int, int], bool] = {}
    bad: list[BadPhoto] = []
    for row, left, right, word in zip(frame.index + 1, frame["left"], frame["right"], frame["same"], strict=True):
        try:
            pair, same = photos.pair(left, right), read_same(word)
            if pair in labels:
                _log.warning("%s: row %d (%s, %s) repeats a pair", path, row, left, right)
            if labels.setdefault(pair, same) != same:
                raise DataError("the same pair stands above with the opposite label")
        except DataError as error:
            bad.append(BadPhoto(row, f"{left}, {right}", str(error)))
    return labels, bad


class _Photos:
    """Finds the photos of a table by the names people write."""

    def __init__(self, table: PhotoTable) -> None:
        self._categories = list(table.frame["category"])
        self._by_path = {path: index for index, path in enumerate(table.frame["path"])}
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for path, index in self._by_path.items():
            file = path.split("#xywh=")[0]
            for name in {file, file.rsplit("/", 1)[-1], path.rsplit("/", 1)[-1]} - {path}:
                self._by_name[name].append(index)
            if "/" not in path:
                self._by_name[path].append(index)

    def pair(self, left: str, right: str) -> tuple[int, int]:
        """Return the indices of two photos, the lower first."""
        a, b = self._find(left), self._find(right)
        if a == b:
            raise DataError("a photo paired with itself")
        if self._categories[a] != self._categories[b]:
            raise DataError(f"two categories, {self._categories[a]} and {self._categories[b]}: pairs need one")
        return min(a, b), max(a, b)

    def _find(self, name: str) -> int:
        for form in (name, name.strip(), name.strip().replace("\\", "/"), unicodedata.normalize("NFC", name)):
            if form in self._by_path:
                return self._by_path[form]
        found = self._by_name.get(name.strip(), [])
        if len(found) > 1:
            raise DataError(f"{len(found)} photos are named {name!r}: write the path, as the table does")
        if not found:
            raise DataError(
                f"no photo {name!r} in the table (which has, for example, {next(iter(self._by_path), '')!r})"
            )
        return found[0]
