"""Split the photos of a table into train, val and test, and its categories into folds.

Three ways, each within one category at a time:

- by identity: all photos of an identity are in one split, as in ShopID10K; shares are of identities. This measures
  performance on individuals that the model was never trained on.
- by time: val is later than train and test is later than val, cut between two days; shares are of photos. An identity
  may be on both sides of a cut (a closed set); one first seen after it is new there. This measures performance on
  later photos.
- by camera: all photos of a camera are in one split; shares are of photos, and identities may be on both sides. This
  measures performance with cameras that the model was never trained on.

A photo without a date (or camera) is in no split. The folds are of categories, as in ShopID10K: a model trained on all
folds but one has never seen the categories of that one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from vicp.data.dates import photo_dates, unreadable_dates, with_exif_dates
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError, DataError
from vicp.phrases import are, counted

By = Literal["identity", "time", "camera"]
_ORDER = {"train": 0, "val": 1, "test": 2, "": 3}  # of splits; folds keep theirs
_MIN_IDENTITIES = 2  # of two photos, in each of several splits: fewer cannot make both kinds of pairs


@dataclass(frozen=True)
class SplitPart:
    """The photos of one split or fold; `name` is "" for photos that are in none."""

    name: str
    photos: int
    identities: int
    categories: tuple[str, ...]


@dataclass(frozen=True)
class SplitReport:
    """How the photos of a table were split.

    Attributes:
        photos: Photos in the table.
        by: What the splits do not share.
        splits: Train, val and test, as far as there are any, and the photos in none of them.
        folds: The folds, empty if there are none.
        notes: Sentences on what the splits share, and on fewer folds than asked for.
    """

    photos: int
    by: By
    splits: tuple[SplitPart, ...]
    folds: tuple[SplitPart, ...]
    notes: tuple[str, ...]


def split_photos(
    table: PhotoTable,
    *,
    folds: int = 5,
    val_share: float = 0.1,
    test_share: float = 0.5,
    by: By = "identity",
    seed: int = 0,
) -> tuple[PhotoTable, SplitReport]:
    """Return the table with columns `split` and, if there are folds, `fold`, in the same order, and a report.

    Columns of these names that the table had are replaced. The result depends on the seed and on what is in the
    table, not on the order of its rows.

    Args:
        table: Photos with identities.
        folds: Number of folds, balanced by photos; 0 for none.
        val_share: Share of each category for validation; 0 for none.
        test_share: Share of each category for the test; 0 for none.
        by: See the top of this file.
        seed: Seed of all random choices.

    Raises:
        ConfigError: Shares that leave nothing to train on, or a number below 0.
        DataError: A category that is too small, or without dates or cameras; all such in one message.
    """
    if min(val_share, test_share, folds) < 0 or val_share + test_share >= 1:
        raise ConfigError(
            f"val share {val_share:g}, test share {test_share:g}, {folds} folds: expected none below 0, and shares "
            "that sum to less than 1 (the rest is for training)"
        )
    all_shares = {"train": 1 - val_share - test_share, "val": val_share, "test": test_share}
    shares = {name: share for name, share in all_shares.items() if share > 0}
    frame = table.frame.drop(columns=["split", "fold"], errors="ignore")
    frame = frame.assign(split=_assign_splits(table, shares, by=by, seed=seed))
    fold_of, fold_notes = _assign_folds(frame["category"], folds, seed=seed)
    if fold_of:
        frame = frame.assign(fold=[fold_of[category] for category in frame["category"]])
    notes = (*_closed_set_notes(frame, by), *fold_notes)
    report = SplitReport(len(frame), by, _parts(frame, "split"), _parts(frame, "fold"), notes)
    return replace(table, frame=frame), report


def _assign_splits(table: PhotoTable, shares: Mapping[str, float], *, by: By, seed: int) -> np.ndarray:
    """Return the split of every photo (N,), each category split on its own."""
    splits = np.full(len(table), "", dtype=object)
    problems = []
    for category in table.categories:
        rows = np.flatnonzero(table.frame["category"] == category)
        generator = np.random.default_rng(derive_seed(seed, "split", by, category))
        try:
            match by:
                case "identity":
                    splits[rows] = assign_identities(table.select(rows), shares, generator)
                case "time":
                    splits[rows] = assign_days(table.select(rows), shares)
                case "camera":
                    splits[rows] = assign_cameras(table.select(rows), shares, generator)
        except DataError as error:
            problems.append(f"{category}: {error}")
    if problems:
        raise DataError(f"cannot be split by {by}: {'; '.join(problems)}")
    return splits


def assign_identities(table: PhotoTable, shares: Mapping[str, float], generator: np.random.Generator) -> np.ndarray:
    """Return the split of every photo (N,) so that an identity is in one split; shares are of identities.

    Identities of one photo are distributed apart from the others, so that every split can make pairs.

    Raises:
        DataError: Too few identities.
    """
    codes, names = pd.factorize(table.frame["identity"], sort=True)
    counts = np.bincount(codes, minlength=len(names))
    repeated, single = np.flatnonzero(counts > 1), np.flatnonzero(counts == 1)
    least = _MIN_IDENTITIES if len(shares) > 1 else 0
    if len(repeated) < least * len(shares):
        raise DataError(
            f"{len(repeated)} identities with two photos or more, expected {least * len(shares)} or more ({least} in "
            f"each of {', '.join(shares)}): add photos, set a share to 0, or leave the category out"
        )
    split = np.full(len(names), "", dtype=object)
    for identities, at_least in ((repeated, least), (single, 0)):
        sizes = _apportion(len(identities), list(shares.values()), least=at_least)
        split[generator.permutation(identities)] = np.repeat(list(shares), sizes)
    return np.array(split[codes])


def assign_days(table: PhotoTable, shares: Mapping[str, float]) -> np.ndarray:
    """Return the split of every photo (N,), "" without a date; the splits follow each other, shares are of photos.

    Each cut falls between two days, where it comes closest to the share.

    Raises:
        DataError: No dates, dates that cannot be read, or fewer days than splits.
    """
    codes, days = pd.factorize(_days(table), sort=True)  # -1 where there is no date
    if len(days) < len(shares):
        raise DataError(f"photos of {len(days)} days, expected one or more for each of {', '.join(shares)}")
    cumulative = np.bincount(codes[codes >= 0]).cumsum() / (codes >= 0).sum()
    ends = [0]
    for number, share in enumerate(np.cumsum(list(shares.values()))[:-1], 1):
        first, last = ends[-1] + 1, len(days) - (len(shares) - number)  # leaves a day for every later split
        ends.append(first + int(np.abs(cumulative[first - 1 : last] - share).argmin()))
    split = np.repeat(list(shares), np.diff([*ends, len(days)]))
    return np.append(split, "").astype(object)[codes]


def assign_cameras(table: PhotoTable, shares: Mapping[str, float], generator: np.random.Generator) -> np.ndarray:
    """Return the split of every photo (N,), "" without a camera; a camera is in one split, shares are of photos.

    The camera with most photos goes first, to the split that lacks most.

    Raises:
        DataError: Fewer cameras than splits.
    """
    cameras = table.frame["camera"] if "camera" in table.frame else pd.Series("", index=table.frame.index)
    codes, names = pd.factorize(cameras.replace("", None), sort=True)  # -1 where there is no camera
    if len(names) < len(shares):
        raise DataError(
            f"{len(names)} cameras in the column camera, expected one or more for each of {', '.join(shares)}: "
            "split by identity, or set a share to 0"
        )
    counts = np.bincount(codes[codes >= 0])
    order = generator.permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    lacking = {name: share * counts.sum() for name, share in shares.items()}
    split = np.full(len(names) + 1, "", dtype=object)
    for num_assigned, camera in enumerate(order):
        empty = [name for name in shares if name not in split]
        chosen = max(empty if len(empty) == len(order) - num_assigned else shares, key=lacking.__getitem__)
        split[camera] = chosen
        lacking[chosen] -= counts[camera]
    return np.array(split[codes])


def _apportion(total: int, shares: list[float], *, least: int) -> np.ndarray:
    """Return whole numbers in proportion to the shares that sum to `total`, each at least `least`."""
    exact = total * np.array(shares)
    sizes: np.ndarray = np.floor(exact).astype(np.int64)
    sizes[np.argsort(sizes - exact, kind="stable")[: total - sizes.sum()]] += 1
    while sizes.min() < least:
        sizes[sizes.argmax()] -= 1
        sizes[sizes.argmin()] += 1
    return sizes


def _days(table: PhotoTable) -> "pd.Series[pd.Timestamp]":
    """Return the day of every photo, as the table or the camera says, NaT without a date.

    Raises:
        DataError: No dates, or dates that cannot be read.
    """
    if "date" in table.frame and (wrong := unreadable_dates(table)):
        raise DataError(wrong)
    table = with_exif_dates(table)
    if (table.frame["date"] == "").all():
        raise DataError(
            "no dates, expected a column date (2025-04-01) or dates in the photos' metadata: add it, or split by "
            "identity"
        )
    days: pd.Series[pd.Timestamp] = photo_dates(table).dt.floor("D")
    return days


def _assign_folds(categories: pd.Series, folds: int, *, seed: int) -> tuple[dict[str, str], list[str]]:
    """Return the fold of every category, from "0", and notes; the largest goes first, to the smallest fold."""
    counts = {str(name): int(count) for name, count in categories.value_counts().sort_index().items()}
    if folds == 0:
        return {}, []
    if len(counts) == 1:
        return {}, ["No folds: there is only one category."]
    number = min(folds, len(counts))
    order = np.random.default_rng(derive_seed(seed, "folds")).permutation(list(counts))
    photos, fold_of = [0] * number, {}
    for category in sorted(order.tolist(), key=lambda name: -counts[name]):
        smallest = photos.index(min(photos))
        fold_of[category] = str(smallest)
        photos[smallest] += counts[category]
    return fold_of, [f"{number} folds instead of {folds}: there are no more categories."] * (number < folds)


def _closed_set_notes(frame: pd.DataFrame, by: By) -> list[str]:
    """Return how many identities of the test are in train too, where a split is not by identity."""
    if by == "identity":
        return []
    train, test = (_identities(frame[frame["split"] == name]) for name in ("train", "test"))
    missing = int((frame["split"] == "").sum())
    shared = f"{len(train & test)} of the {len(test)} identities of the test are in train too (closed set)."
    undated = f"{counted(missing, 'photo')} without a {'date' if by == 'time' else by} {are(missing)} in no split."
    return [shared] + [undated] * (missing > 0)


def _parts(frame: pd.DataFrame, column: str) -> tuple[SplitPart, ...]:
    """Return the counts of every split, in the order train, val, test, none, or of every fold."""
    if column not in frame:
        return ()
    parts = []
    for name in sorted(set(frame[column]), key=lambda name: (_ORDER.get(name, 0), len(name), name)):
        rows = frame[frame[column] == name]
        parts.append(SplitPart(name, len(rows), len(_identities(rows)), tuple(sorted(set(rows["category"])))))
    return tuple(parts)


def _identities(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["category"], rows["identity"], strict=True))
