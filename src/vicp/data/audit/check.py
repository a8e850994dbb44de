"""Check a source of photos before it is used: what it holds, what cannot be used, what leaks between its splits."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.data.audit.leaks import Leaks, find_leaks
from vicp.data.dates import unreadable_dates
from vicp.data.decoding.decode import PLAIN, decode_with_remarks
from vicp.data.moments import moment_codes
from vicp.data.photo_check import read_photos
from vicp.data.photos.fingerprints import DECODED_SIDE, PhotoFingerprint, image_fingerprint
from vicp.data.records import BadPhoto, PhotoRemark, PhotoTable, check_enough
from vicp.data.sources import read_source
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.errors import DataError
from vicp.progress import Progress


@dataclass(frozen=True)
class GroupCounts:
    """Photos and identities of one category or split.

    Attributes:
        name: Of the category or split.
        photos: Photos in it.
        identities: Identities in it; photos without identity are left out here and below.
        min_photos: Photos of the identity with the fewest; 0 without identities.
        median_photos: Median over identities; 0 without identities.
        max_photos: Photos of the identity with the most; 0 without identities.
    """

    name: str
    photos: int
    identities: int
    min_photos: int
    median_photos: float
    max_photos: int


@dataclass(frozen=True)
class CheckReport:
    """What a source of photos holds.

    Attributes:
        photos: Rows of the source.
        categories: Counts of each category.
        splits: Counts of each split, empty without a column `split`.
        bad: Rows and photos that cannot be used.
        warning: Why the photos are not enough to teach from; empty if they are.
        leaks: What splits and labels share but should not.
        moments: Number of moments that the usable photos are of: a burst or sequence is one, see `data.moments`.
        dates: Why dates cannot be read, in one sentence; empty if they can.
        notes: What was understood of the source, and questions about names.
        remarks: Photos that can be used but may not be the pictures that were meant.
    """

    photos: int
    categories: tuple[GroupCounts, ...]
    splits: tuple[GroupCounts, ...]
    bad: tuple[BadPhoto, ...]
    warning: str
    leaks: Leaks
    moments: int
    dates: str = ""
    notes: tuple[str, ...] = ()
    remarks: tuple[PhotoRemark, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether every photo can be used and nothing leaks between splits."""
        return not self.bad and not self.leaks.between_splits


def check_source(
    source: Path,
    options: ReadOptions = DEFAULTS,
    *,
    progress: Progress,
) -> CheckReport:
    """Return the report on a source, of which the table and every photo are read once.

    Args:
        source: A folder of photos, or a CSV or Parquet table.
        options: How it is read; bad photos are reported, not raised.
        progress: Called with photos done and photos in all.

    Raises:
        ConfigError: See `open_photos`.
        DataError: There is no such source, or nothing in it can be used.
    """
    table, warning = _open(source, replace(options, skip_bad=True))
    damaged: list[BadPhoto] = []
    good = list(read_photos(table, _look_at, progress=progress, bad=damaged))
    remarks = [remark for index, (_, said) in good for remark in table.remarks_on(index, said)]
    pictures = [(index, fingerprint) for index, (fingerprint, said) in good if PLAIN not in said]
    usable, fingerprints = table.select([index for index, _ in pictures]), [each for _, each in pictures]
    leaks = find_leaks(usable, fingerprints)
    if not warning:
        try:
            check_enough(table)
        except DataError as error:
            warning = str(error)
    return CheckReport(
        photos=len(table) + len(table.skipped),
        categories=_count_groups(table.frame, "category"),
        splits=_count_groups(table.frame, "split"),
        bad=(*table.skipped, *damaged),
        remarks=tuple(remarks),
        warning=warning,
        leaks=leaks,
        moments=len(np.unique(moment_codes(usable, fingerprints))),
        dates=unreadable_dates(table) if "date" in table.frame else "",
        notes=table.notes,
    )


def _open(source: Path, options: ReadOptions) -> tuple[PhotoTable, str]:
    """Return the table of a source, and why it has no identities: it can still be a gallery's queries."""
    try:
        return read_source(source, options), ""
    except DataError as error:
        try:
            return read_source(source, replace(options, need_identity=False)), str(error)
        except DataError:
            raise error from None  # which names all that is missing


def _look_at(data: bytes) -> tuple[PhotoFingerprint, tuple[str, ...]]:
    """Return the fingerprint of an encoded photo, and what there is to say of it."""
    decoded = decode_with_remarks(data, min_side=DECODED_SIDE)
    return image_fingerprint(decoded.image), decoded.remarks


def _count_groups(frame: pd.DataFrame, column: str) -> tuple[GroupCounts, ...]:
    """Return the counts of each value of a column, "" left out; nothing without that column."""
    if column not in frame:
        return ()
    groups = []
    for name, photos in frame[frame[column] != ""].groupby(column):
        sizes = photos.groupby(["category", "identity"]).size()  # photos without identity are left out
        if len(sizes):
            least, median, most = int(sizes.min()), float(sizes.median()), int(sizes.max())
        else:
            least, median, most = 0, 0.0, 0
        groups.append(GroupCounts(str(name), len(photos), len(sizes), least, median, most))
    return tuple(groups)
