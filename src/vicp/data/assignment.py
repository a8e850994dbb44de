"""Deals the photos of one category into splits: by identity, by time or by camera."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vicp.data.dates import photo_dates
from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.errors import DataError

_LEAST_IDENTITIES = (
    2  # with two photos each, where there is more than one split: else one cannot make both kinds of pairs
)


def assign_identities(table: PhotoTable, shares: Mapping[str, float], generator: np.random.Generator) -> np.ndarray:
    """The split of every photo (N,), an identity wholly in one; shares are of identities.

    Identities of one photo are dealt apart from the others, so that every split can make pairs.

    Raises:
        DataError: too few identities.
    """
    codes, names = pd.factorize(table.frame["identity"], sort=True)
    counts = np.bincount(codes, minlength=len(names))
    several, single = np.flatnonzero(counts > 1), np.flatnonzero(counts == 1)
    least = _LEAST_IDENTITIES if len(shares) > 1 else 0
    needed = least * len(shares)
    if len(several) < needed:
        raise DataError(
            f"{len(several)} identities with two photos or more, expected {needed} or more ({least} in "
            f"each of {', '.join(shares)}): add photos, set a share to 0, or leave the category out"
        )
    split = np.full(len(names), "", dtype=object)
    for chosen, at_least in ((several, least), (single, 0)):
        parts = _parts(len(chosen), list(shares.values()), least=at_least)
        split[generator.permutation(chosen)] = np.repeat(list(shares), parts)
    return np.array(split[codes])


def assign_days(table: PhotoTable, shares: Mapping[str, float]) -> np.ndarray:
    """The split of every photo (N,), "" without a date; the splits follow each other, shares are of photos.

    Each cut falls between two days, where it comes closest to the share.

    Raises:
        DataError: no dates, dates that cannot be read, or fewer days than splits.
    """
    codes, days = pd.factorize(_days(table), sort=True)  # -1 where there is no date
    if len(days) < len(shares):
        raise DataError(f"photos of {len(days)} days, expected one or more for each of {', '.join(shares)}")
    done = np.bincount(codes[codes >= 0]).cumsum() / (codes >= 0).sum()
    ends = [0]
    for number, share in enumerate(np.cumsum(list(shares.values()))[:-1], 1):
        first, last = ends[-1] + 1, len(days) - (len(shares) - number)  # leaves a day for every later split
        ends.append(first + int(np.abs(done[first - 1 : last] - share).argmin()))
    split = np.repeat(list(shares), np.diff([*ends, len(days)]))
    return np.append(split, "").astype(object)[codes]


def assign_cameras(table: PhotoTable, shares: Mapping[str, float], generator: np.random.Generator) -> np.ndarray:
    """The split of every photo (N,), "" without a camera; a camera lies wholly in one, shares are of photos.

    The camera with most photos goes first, to the split that lacks most.

    Raises:
        DataError: fewer cameras than splits.
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
    for done, camera in enumerate(order):
        empty = [name for name in shares if name not in split]
        chosen = max(empty if len(empty) == len(order) - done else shares, key=lacking.__getitem__)
        split[camera] = chosen
        lacking[chosen] -= counts[camera]
    return np.array(split[codes])


def _parts(total: int, shares: list[float], *, least: int) -> np.ndarray:
    """Whole numbers in proportion to the shares that sum to `total`, each at least `least`."""
    exact = total * np.array(shares)
    parts: np.ndarray = np.floor(exact).astype(np.int64)
    parts[np.argsort(parts - exact, kind="stable")[: total - parts.sum()]] += 1
    while parts.min() < least:
        parts[parts.argmax()] -= 1
        parts[parts.argmin()] += 1
    return parts


def _days(table: PhotoTable) -> "pd.Series[pd.Timestamp]":
    """The day of every photo, NaT where no date stands."""
    if "date" not in table.frame or (table.frame["date"] == "").all():
        raise DataError("no dates, expected a column date (2025-04-01): add it, or split by identity")
    dates = photo_dates(table)
    unreadable = table.frame[dates.isna() & (table.frame["date"] != "")]
    if len(unreadable):
        rows = zip(unreadable["row"], unreadable["path"], unreadable["date"], strict=True)
        listed = list_rows([BadPhoto(row, path, f"date {date!r}") for row, path, date in rows])
        raise DataError(f"{len(unreadable)} dates are not written as 2025-04-01 or 2025-04-01 12:30: {listed}")
    days: pd.Series[pd.Timestamp] = dates.dt.floor("D")
    return days
