"""Deals the photos of a table into train, val and test, and its categories into folds.

Three ways, each within one category at a time:

- by identity: an identity lies wholly in one split, as in ShopID10K; shares are of identities. Tells how a method does
  on individuals it was never trained on.
- by time: val follows train and test follows val, cut between two days; shares are of photos. An identity may be on
  both sides of a cut (a closed set); one first seen after it is new there. Tells how a method does on later photos.
- by camera: a camera lies wholly in one split; shares are of photos, identities may be on both sides. Tells how a
  method does where it has never looked.

A photo without a date (or camera) comes into no split. The folds are ShopID10K's kind too: trained on all of them but
one, a model meets the categories of that one for the first time.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from vicp.data.assignment import assign_cameras, assign_days, assign_identities
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError, DataError

By = Literal["identity", "time", "camera"]
_ORDER = {"train": 0, "val": 1, "test": 2, "": 3}  # of splits; folds keep theirs


@dataclass(frozen=True)
class PhotoSplit:
    """A photo table with the columns `split` and, if there are folds, `fold`, and what is to be said about it."""

    table: PhotoTable
    by: By
    notes: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Photos and identities of every split and fold, for JSON."""
        frame = self.table.frame
        facts: dict[str, Any] = {"photos": len(frame), "by": self.by, "splits": [], "folds": []}
        for column, key in (("split", "splits"), ("fold", "folds")):
            values = set(frame[column]) if column in frame else set()
            for value in sorted(values, key=lambda value: (_ORDER.get(value, 0), len(value), value)):
                rows = frame[frame[column] == value]
                counts = {"photos": len(rows), "identities": len(_identities(rows))}
                facts[key].append({column: value, **counts, "categories": sorted(set(rows["category"]))})
        return {**facts, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """The same, for people."""
        facts = self.summary()
        lines = [f"{facts['photos']} photos split by {self.by}"]
        for row in facts["splits"]:
            lines.append(f"  {row['split'] or 'none'}: {row['photos']} photos of {row['identities']} identities")
        for row in facts["folds"]:
            counted = f"{row['photos']} photos of {row['identities']} identities"
            lines.append(f"  fold {row['fold']}: {counted} ({', '.join(row['categories'])})")
        return [*lines, *self.notes]


def split_photos(
    table: PhotoTable,
    *,
    folds: int = 5,
    val_share: float = 0.1,
    test_share: float = 0.5,
    by: By = "identity",
    seed: int = 0,
) -> PhotoSplit:
    """The table with every photo's split and fold, in the same order; what it had of either is replaced.

    The result depends on the seed and on what is in the table, not on the order of its rows.

    Args:
        table: photos with identities.
        folds: into how many folds the categories are dealt, balanced by photos; 0 for none.
        val_share: how much of each category is for validation; 0 for none.
        test_share: how much of each category is for the test; 0 for none.
        by: see the top of this file.
        seed: decides every draw.

    Raises:
        ConfigError: shares that leave nothing to train on, or a number below 0.
        DataError: a category that is too small, or without dates or cameras; all such in one message.
    """
    if min(val_share, test_share, folds) < 0 or val_share + test_share >= 1:
        raise ConfigError(
            f"val share {val_share:g}, test share {test_share:g}, {folds} folds: expected none below 0, and shares "
            "that sum to less than 1 (the rest is for training)"
        )
    all_shares = {"train": 1 - val_share - test_share, "val": val_share, "test": test_share}
    shares = {name: share for name, share in all_shares.items() if share > 0}
    splits = np.full(len(table), "", dtype=object)
    problems = []
    for category in table.categories:
        chosen = np.flatnonzero(table.frame["category"] == category)
        generator = np.random.default_rng(derive_seed(seed, "split", by, category))
        try:
            match by:
                case "identity":
                    splits[chosen] = assign_identities(table.select(chosen), shares, generator)
                case "time":
                    splits[chosen] = assign_days(table.select(chosen), shares)
                case "camera":
                    splits[chosen] = assign_cameras(table.select(chosen), shares, generator)
        except DataError as error:
            problems.append(f"{category}: {error}")
    if problems:
        raise DataError(f"cannot be split by {by}: {'; '.join(problems)}")
    frame = table.frame.drop(columns=["split", "fold"], errors="ignore").assign(split=splits)
    fold_of, note = _folds(frame["category"], folds, seed=seed)
    if fold_of:
        frame = frame.assign(fold=[fold_of[category] for category in frame["category"]])
    return PhotoSplit(replace(table, frame=frame), by, (*_shared(frame, by), *note))


def _folds(categories: pd.Series, folds: int, *, seed: int) -> tuple[dict[str, str], list[str]]:
    """The fold of every category, from "0", and what is to be said: the largest goes first, to the lightest fold."""
    counts = {str(name): int(count) for name, count in categories.value_counts().sort_index().items()}
    if folds == 0:
        return {}, []
    if len(counts) == 1:
        return {}, ["No folds: there is only one category."]
    number = min(folds, len(counts))
    order = np.random.default_rng(derive_seed(seed, "folds")).permutation(list(counts))
    photos, fold_of = [0] * number, {}
    for category in sorted(order.tolist(), key=lambda name: -counts[name]):
        lightest = photos.index(min(photos))
        fold_of[category] = str(lightest)
        photos[lightest] += counts[category]
    return fold_of, [f"{number} folds instead of {folds}: there are no more categories."] * (number < folds)


def _shared(frame: pd.DataFrame, by: By) -> list[str]:
    """How many identities of the test the training has seen, where a split is not by identity."""
    if by == "identity":
        return []
    trained, tested = (_identities(frame[frame["split"] == name]) for name in ("train", "test"))
    missing = int((frame["split"] == "").sum())
    known = f"{len(trained & tested)} of the {len(tested)} identities of the test are in train too (closed set)."
    return [known] + [f"{missing} photos without a {'date' if by == 'time' else by} are in no split."] * (missing > 0)


def _identities(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["category"], rows["identity"], strict=True))
