"""The photos of one category, with the columns that protocols split by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.data.dates import photo_dates
from vicp.data.photos.content_order import Hashes, content_order
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.support.support import split_identities
from vicp.evaluation.task import Rows

Mask = NDArray[np.bool_]


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
        seed: Of this category's draws.
    """

    category: str
    rows: Rows
    frame: pd.DataFrame
    identities: Rows
    groups: Rows
    days: Rows
    trained: Mask
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
    table: PhotoTable, groups: Rows, *, trained: Mask | None = None, hashes: Hashes | None = None, seed: int
) -> Iterator[CategoryPhotos]:
    """Yield every category, by name.

    Args:
        table: n photos.
        groups: A code per photo (n,).
        trained: As of `CategoryPhotos`, (n,); None for none.
        hashes: Of the photos' files (n,), as of `content_order`.
        seed: Of every draw.

    Raises:
        DataError: A photo has no identity.
    """
    frame = table.frame.drop(columns="image", errors="ignore")
    order = content_order(table, hashes)
    identities = sorted_codes(pd.Series(table.identities, dtype=object))
    days = day_codes(table)
    trained = np.zeros(len(frame), dtype=bool) if trained is None else trained
    categories = sorted_codes(frame["category"])
    for code, name in enumerate(table.categories):
        rows = order[categories[order] == code]
        _, own = np.unique(identities[rows], return_inverse=True)
        of_category = frame.iloc[rows]
        seed_of_category = derive_seed(seed, name)
        yield CategoryPhotos(name, rows, of_category, own, groups[rows], days[rows], trained[rows], seed_of_category)


def day_codes(table: PhotoTable) -> Rows:
    """Return a code per photo (n,) in the order of days, -1 where no date stands that can be read."""
    if "date" not in table.frame:
        return np.full(len(table), -1)
    return sorted_codes(photo_dates(table).dt.floor("D"))


def sorted_codes(values: "pd.Series[Any]") -> Rows:
    """Return a code per value (n,) in the order of values; -1 where there is none."""
    codes, _ = pd.factorize(values, sort=True)
    return codes.astype(np.int64)
