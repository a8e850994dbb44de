"""The photos of an evaluation by category, with the codes that protocols split and leave out by."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.data.dates import photo_dates
from vicp.data.moments import joined_codes, num_shared
from vicp.data.photo_check import content_order
from vicp.data.records import PhotoTable, nearest
from vicp.data.seeds import derive_seed
from vicp.data.sides import side_codes
from vicp.data.support.support import split_identities
from vicp.errors import DataError
from vicp.evaluation.photos import EvaluationPhotos, Mask
from vicp.evaluation.task import Rows

EXCLUDABLE = ("camera", "sequence", "viewpoint", "domain", "date")


@dataclass(frozen=True, eq=False)
class PhotoCodes:
    """What tells photos of a table apart in a protocol; codes (n,).

    Attributes:
        identities: Of the individual.
        sides: Of the side, see `data.sides`.
        days: In the order of days, -1 without a date that can be read.
        moments: None where every photo is a moment of its own.
        groups: No gallery photo of the query's individual and group counts; -1 where that leaves out none.
        is_grouped: Whether any are left out so.
    """

    identities: Rows
    sides: Rows
    days: Rows
    moments: Rows | None
    groups: Rows
    is_grouped: bool

    @classmethod
    def of(cls, photos: EvaluationPhotos, exclude: str | None) -> "PhotoCodes":
        """Return the codes of photos, of which those of one value in a column, and of one moment, do not count.

        Args:
            photos: n photos.
            exclude: One of EXCLUDABLE; None for no column.

        Raises:
            DataError: A photo has no identity, or the photos have no such column, or nothing in it.
        """
        table = photos.table
        identities = sorted_codes(pd.Series(table.identities, dtype=object))
        days = _day_codes(table)
        groups = _group_codes(table, exclude, days)
        moments = None if num_shared(photos.moments) == 0 else photos.moments
        groups = groups if moments is None else joined_codes(identities, groups, moments)
        return cls(identities, side_codes(table), days, moments, groups, exclude is not None or moments is not None)


@dataclass(frozen=True, eq=False)
class CategoryPhotos:
    """The m photos of one category by content, so that no draw depends on the order of the table or on names of files.

    Attributes:
        category: Its name.
        rows: Of the photo table (m,).
        frame: These rows of it.
        identities: A code per photo (m,), from 0.
        groups: A code per photo (m,), -1 where it belongs to none; see `EvaluationTask.groups`.
        days: A code per photo (m,) in the order of days, -1 without a date.
        trained: Photos (m,) of individuals that a checkpoint was trained on, which are not looked up or looked in.
        source: The data set's folder, for the lists of pairs in it; None for photos from elsewhere.
        seed: Of this category's draws.
    """

    category: str
    rows: Rows
    frame: pd.DataFrame
    identities: Rows
    groups: Rows
    days: Rows
    trained: Mask
    source: Path | None
    seed: int

    def split(self, *names: str) -> Mask:
        """Return which photos (m,) are of one of these splits."""
        return np.isin(self.column("split"), names)

    def column(self, name: str) -> NDArray[np.str_]:
        """Return the text of a column (m,), "" where there is none."""
        values = self.frame[name] if name in self.frame else [""] * len(self.frame)
        return np.array(values, dtype=str)

    def of_identities(self, photos: Mask) -> Mask:
        """Return all photos (m,) of the identities that these photos show."""
        return np.isin(self.identities, self.identities[photos])

    def seed_of(self, purpose: str) -> int:
        """Return the seed of this category's draws for a purpose."""
        return derive_seed(self.seed, purpose)

    def set_apart(self, photos: Mask, share: float) -> tuple[Mask, Mask]:
        """Return which of these photos (m,) are of the support's identities, and which are of others.

        Raises:
            DataError: Too few identities.
        """
        positions = np.flatnonzero(photos)
        names = [str(code) for code in self.identities[positions]]
        apart, _ = split_identities(names, share_support=share, seed=self.seed)
        support = np.zeros_like(photos)
        support[positions[apart]] = True
        return support, photos & ~support


def photos_by_category(
    photos: EvaluationPhotos, codes: PhotoCodes, *, trained: Mask | None = None, seed: int
) -> Iterator[CategoryPhotos]:
    """Yield every category, by name.

    Args:
        photos: n photos.
        codes: Theirs.
        trained: As of `CategoryPhotos`, (n,); None for none.
        seed: Of every draw.
    """
    table = photos.table
    order = content_order(table, photos.hashes)
    frame = table.frame.drop(columns="image", errors="ignore")
    trained = np.zeros(len(frame), dtype=bool) if trained is None else trained
    categories = sorted_codes(frame["category"])
    for code, name in enumerate(table.categories):
        rows = order[categories[order] == code]
        _, own = np.unique(codes.identities[rows], return_inverse=True)
        yield CategoryPhotos(
            category=name,
            rows=rows,
            frame=frame.iloc[rows],
            identities=own,
            groups=codes.groups[rows],
            days=codes.days[rows],
            trained=trained[rows],
            source=photos.source,
            seed=derive_seed(seed, name),
        )


def sorted_codes(values: "pd.Series[Any]") -> Rows:
    """Return a code per value (n,) in the order of values; -1 where there is none."""
    codes, _ = pd.factorize(values, sort=True)
    return codes.astype(np.int64)


def _day_codes(table: PhotoTable) -> Rows:
    """Return a code per photo (n,) in the order of days, -1 where no date stands that can be read."""
    if "date" not in table.frame:
        return np.full(len(table), -1)
    return sorted_codes(photo_dates(table).dt.floor("D"))


def _group_codes(table: PhotoTable, column: str | None, days: Rows) -> Rows:
    """Return a code per photo (n,) for its value in a column, -1 where that is unknown; a date is a day."""
    if column is None:
        return np.full(len(table), -1, dtype=np.int64)
    there = [name for name in EXCLUDABLE if name in table.frame]
    if column not in there:
        raise DataError(f"photos cannot be left out by {column!r}, no such column{nearest(column, there)}")
    codes = days if column == "date" else sorted_codes(table.frame[column].replace("", None))
    if len(codes) and codes.max() < 0:
        raise DataError(
            f"photos cannot be left out by {column!r}, which no photo tells: fill the column, or exclude none"
        )
    return codes
