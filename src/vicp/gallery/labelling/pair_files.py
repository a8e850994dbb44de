"""CSV files of labelled pairs: write proposals, read labels, and add the new ones to a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.adapt.encoded_support import pairs_within, relate_pairs
from vicp.data.label_studio import annotated_pairs
from vicp.data.records import PhotoTable
from vicp.data.sources.detections import read_json
from vicp.data.sources.tables.delimited import read_csv, require_columns
from vicp.data.support.labels import has_label
from vicp.data.support.support import Support
from vicp.data.support.support_file import find_bad_pairs, labels_against_names, parse_support, read_support
from vicp.errors import DataError
from vicp.io import atomic_write

_MAX_LISTED = 5
COLUMNS = ("left", "right", "same")
NO_PAIRS = Support(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_))


@dataclass(frozen=True)
class AddPairsResult:
    """What became of the rows of a file of labels.

    Attributes:
        new: Pairs that were added.
        known: Pairs that were there already, with the same label.
        unlabelled: Rows whose `same` is empty.
        total: Pairs in the file now.
        same: How many of those are same-pairs.
        bad: Rows that were left out because they cannot be used.
    """

    new: int
    known: int
    unlabelled: int
    total: int
    same: int
    bad: int = 0


def add_pairs(
    labelled: Path, target: Path, table: PhotoTable, *, skip_bad: bool = False, use_names: bool = True
) -> AddPairsResult:
    """Add the labelled rows of one file to another, made if absent; a second time it changes nothing.

    Args:
        labelled: A CSV with left, right and same, or an export of Label Studio; rows with an empty `same` are left out.
        target: The CSV to grow; it changes as a whole or not at all, and the rows that it has stay as they are.
        table: The photos that the pairs name.
        skip_bad: Leave out rows that cannot be used, instead of raising.
        use_names: Refuse labels that contradict the identities of the photos.

    Raises:
        DataError: A file that cannot be read or written, names that no photo has, or labels that contradict each
            other, those in the target, or the identities of the photos; then nothing is added.
    """
    frame = read_labels(labelled)
    rows = frame[has_label(frame["same"])]
    num_unlabelled = len(frame) - len(rows)
    held = read_pairs(target, table)
    bad = find_bad_pairs(rows, table) if skip_bad else []
    rows = rows.drop(index=[photo.row - 1 for photo in bad])
    if rows.empty:
        return AddPairsResult(0, 0, num_unlabelled, len(held), int(held.same.sum()), len(bad))
    pairs = parse_support(labelled, rows, table)
    names = [str(name) for name in table.frame["path"]]
    new = new_pairs(labelled, pairs, str(target), held, names)
    if use_names:
        check_names(labelled, pairs, table)
    if len(new):
        labels = zip(new.left, new.right, new.same, strict=True)
        _append(target, [(names[a], names[b], "1" if same else "0") for a, b, same in labels])
    num_same = int(held.same.sum() + new.same.sum())
    total = len(held) + len(new)
    return AddPairsResult(len(new), len(pairs) - len(new), num_unlabelled, total, num_same, len(bad))


def read_labels(path: Path) -> pd.DataFrame:
    """Return left, right and same of a CSV, or of an export of Label Studio.

    Raises:
        DataError: It cannot be read, or is of something else.
    """
    if path.suffix.lower() != ".json":
        frame = read_csv(path)
        require_columns(path, list(frame.columns), COLUMNS)
        return frame
    try:
        return pd.DataFrame(list(annotated_pairs(read_json(path))), columns=list(COLUMNS), dtype=object)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: no annotated pairs of Label Studio ({error!r} in a task)") from error
    except ValueError as error:
        raise DataError(f"{path}: {error}: correct one of them") from error


def check_names(labelled: Path, pairs: Support, table: PhotoTable) -> None:
    """Check that no label contradicts the identities that the table gives the photos.

    Raises:
        DataError: Some do: all of them counted, the first five named.
    """
    contradicted = labels_against_names(pairs, table)
    if contradicted:
        more = f"; and {len(contradicted) - _MAX_LISTED} more" if len(contradicted) > _MAX_LISTED else ""
        raise DataError(
            f"{labelled}: labels against names: {'; '.join(contradicted[:_MAX_LISTED])}{more}. Correct the labels or "
            "the names, or give --no-names where folders and identities name no individuals"
        )


def new_pairs(labelled: Path, pairs: Support, holder: str, held: Support, names: list[str]) -> Support:
    """Return those of the pairs read from a file that the holder does not have.

    Args:
        labelled: The file, for messages.
        pairs: Its pairs.
        holder: What has pairs already, for messages.
        held: The pairs it has.
        names: Of the photos.

    Raises:
        DataError: The holder has the opposite label for one, or all of them together contradict each other.
    """
    label_of = {(a, b): same for a, b, same in zip(held.left, held.right, held.same, strict=True)}
    triples = list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.same.tolist(), strict=True))
    opposite = [f"{names[a]} and {names[b]}" for a, b, same in triples if label_of.get((a, b), same) != same]
    if opposite:
        raise DataError(
            f"{labelled}: {holder} has the opposite label for {'; '.join(opposite[:20])}: correct one of the two"
        )
    check_consistent(Support(*(np.concatenate([getattr(held, key), getattr(pairs, key)]) for key in COLUMNS)), names)
    is_new = np.array([(a, b) not in label_of for a, b, _ in triples])
    return Support(pairs.left[is_new], pairs.right[is_new], pairs.same[is_new])


def read_pairs(path: Path, table: PhotoTable) -> Support:
    """Return the pairs in a file; none where there is no such file.

    Raises:
        DataError: The file cannot be used.
    """
    return read_support(path, table) if path.exists() else NO_PAIRS


def check_consistent(pairs: Support, names: list[str]) -> None:
    """Check that no pair labelled different has photos that other pairs make the same individual.

    Raises:
        DataError: One has.
    """
    rows = np.unique(np.concatenate([pairs.left, pairs.right]))
    relate_pairs(pairs_within(pairs, rows), [names[i] for i in rows])


def require_no_loss(path: Path, pairs_file: Path | None) -> None:
    """Check that proposals written to a file replace no label and nothing else than proposals.

    Args:
        path: Where proposals are to be written.
        pairs_file: The file that labels are added to, if any: labels that it holds may go.

    Raises:
        DataError: They would.
    """
    if not path.exists():
        return
    frame = read_csv(path)
    pairs_file = None if pairs_file is None or not pairs_file.exists() else pairs_file
    if not set(COLUMNS) <= set(frame.columns) or (pairs_file is not None and path.samefile(pairs_file)):
        raise DataError(f"{path} is there and holds something else than proposals; give another --out")
    saved = set() if pairs_file is None else set(_name_pairs(read_csv(pairs_file)))
    lost = [pair for pair in _name_pairs(frame[frame["same"].str.strip() != ""]) if pair not in saved]
    if lost:
        raise DataError(
            f"{path} holds {len(lost)} labels that would be lost; add them with `vicp pairs add` to the file that "
            "--pairs names, or give another --out"
        )


def write_pairs(path: Path, frame: pd.DataFrame) -> None:
    """Write pairs as a CSV, whole or not at all.

    Raises:
        DataError: It cannot be written there.
    """
    try:
        with atomic_write(path) as part:
            frame.to_csv(part, index=False)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def _name_pairs(frame: pd.DataFrame) -> list[frozenset[str]]:
    return [frozenset(names) for names in zip(frame["left"], frame["right"], strict=True)]


def _append(target: Path, rows: list[tuple[str, str, str]]) -> None:
    new_rows = pd.DataFrame(rows, columns=list(COLUMNS))
    write_pairs(target, pd.concat([read_csv(target), new_rows]).fillna("") if target.exists() else new_rows)
