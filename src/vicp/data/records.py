"""The photo table: one row per photo, whatever it was read from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from vicp.data.names import clean_name, name_fault, name_questions, nobodies, nobody_note
from vicp.data.photos.files import read_photo_file
from vicp.errors import DataError
from vicp.phrases import counted

OPTIONAL_COLUMNS = ("split", "fold", "camera", "sequence", "date", "domain", "viewpoint")
_MAX_LISTED = 20
_MAX_ROWS = 5
_LONGEST_SHOWN = 200
_MAX_REMARKS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BadPhoto:
    """A photo that cannot be used: its number and name in the source, and why."""

    row: int
    path: str
    reason: str


@dataclass(frozen=True)
class PhotoRemark:
    """A photo that can be used but may not be the picture that was meant: its number and name, and why."""

    row: int
    path: str
    remark: str


@dataclass(frozen=True, eq=False)
class PhotoTable:
    """Photos in a fixed order; an index below is a position in it, 0 to len - 1.

    Columns of `frame`: `row` (number in the source, from 1), `path` (a unique name), `category`, `identity`
    (None if unknown), those of OPTIONAL_COLUMNS that the source has ("" if unknown), and `image` (bytes) if
    `root` is None. A path that ends in a box, such as `herd.jpg#xywh=30,300,200,150`, is that part of the photo.

    Attributes:
        frame: The table; not to be changed in place.
        root: The folder `path` is relative to; None when `image` holds the photos.
        skipped: What was left out because the user asked to go on without bad photos.
        notes: Sentences on what was understood of the source, and questions about it.
    """

    frame: pd.DataFrame
    root: Path | None
    skipped: tuple[BadPhoto, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the distinct categories, sorted."""
        return tuple(sorted(set(self.frame["category"])))

    @property
    def identities(self) -> tuple[str, ...]:
        """Return "category/identity" of every row: the pair is the identity ("/" in a category reads "%2F").

        Raises:
            DataError: A photo has no identity.
        """
        unknown = self.frame["identity"].isna()
        if unknown.any():
            first = self.frame.loc[unknown, "path"].iloc[0]
            have = f"{counted(int(unknown.sum()), 'photo')} {'has' if unknown.sum() == 1 else 'have'} no identity"
            raise DataError(f"{have} (first: {first}): give every photo one")
        escaped = [category.replace("%", "%25").replace("/", "%2F") for category in self.frame["category"]]
        return tuple(f"{c}/{i}" for c, i in zip(escaped, self.frame["identity"], strict=True))

    def photo_bytes(self, index: int) -> bytes:
        """Return the encoded photo at this index.

        Raises:
            DataError: It cannot be read; the message is the reason and, for a file, where it was looked for.
        """
        path, box = str(self.frame["path"].iloc[index]), ""
        if "#xywh=" in path:
            from vicp.data.photos.crops import crop_photo, split_fragment

            path, box = split_fragment(path)
        data = bytes(self.frame["image"].iloc[index]) if self.root is None else read_photo_file(self.root / path)
        return crop_photo(data, box) if box else data

    def remarks_on(self, index: int, remarks: Sequence[str]) -> list[PhotoRemark]:
        """Return what there is to say of the photo at this index, with its row and path."""
        row, path = self.frame["row"].iloc[index], self.frame["path"].iloc[index]
        return [PhotoRemark(int(row), str(path), remark) for remark in remarks]

    def bad_photo(self, index: int, error: DataError) -> BadPhoto:
        """Return the photo at this index as one that cannot be used, for the reason that the error gives."""
        row, path = self.frame["row"].iloc[index], self.frame["path"].iloc[index]
        return BadPhoto(int(row), str(path), str(error))

    def select(self, indices: Sequence[int] | np.ndarray) -> "PhotoTable":
        """Return the rows at these indices, in this order; a boolean mask works too."""
        positions = np.asarray(indices)
        if positions.dtype == np.bool_:
            positions = np.flatnonzero(positions)
        return replace(self, frame=self.frame.iloc[positions.astype(np.int64)].reset_index(drop=True))

    def of_category(self, name: str) -> "PhotoTable":
        """Return the rows of one category.

        Raises:
            DataError: There is none.
        """
        if name not in self.categories:
            raise DataError(f"no category {name!r}{nearest(name, self.categories)}")
        return self.of_categories([name])

    def of_categories(self, names: Sequence[str]) -> "PhotoTable":
        """Return the rows of some categories."""
        return self.select(self.frame["category"].isin(names).to_numpy(dtype=bool))


def usable_table(
    source: Path,
    frame: pd.DataFrame,
    reasons: Sequence[str],
    *,
    root: Path | None,
    skip_bad: bool,
    need_identity: bool = True,
    notes: Sequence[str] = (),
) -> PhotoTable:
    """Return the rows of a source that nothing speaks against, as the photo table; the one check of names.

    A name that stands for nobody ("unknown") is no identity. Names that may be one individual are asked about.

    Args:
        source: What was read, for messages.
        frame: All rows of the source, with the columns of the photo table but `row`; a bad row may hold None.
        reasons: Why a row cannot be used; "" where it can.
        root: See `PhotoTable`.
        skip_bad: Leave out bad rows and list them in `skipped`, instead of raising.
        need_identity: Leave out photos of nobody, and refuse those without a name.
        notes: What was understood of the source.

    Raises:
        DataError: Rows are bad (all of them in one message), or none is left.
    """
    names = [clean_name(name) if isinstance(name, str) else None for name in frame["identity"]]
    frame = frame.assign(identity=pd.Series(names, index=frame.index, dtype=object))
    bad = _bad_rows(frame, reasons, need_identity=need_identity)
    if bad and not skip_bad:
        relative = f". Paths are relative to {root.absolute()}" if root is not None and root != source else ""
        raise DataError(f"{source}: {bad_photos_message(bad)}{relative}")
    if len(bad) == len(reasons):
        raise DataError(f"{source}: no usable rows, expected one per photo" + (f" ({bad[0].reason})" if bad else ""))
    numbered = pd.DataFrame({"row": range(1, len(frame) + 1)}).join(frame)
    usable = numbered.drop(index=[photo.row - 1 for photo in bad]).reset_index(drop=True)
    usable, note = _without_nobody(source, usable, need_identity=need_identity)
    named = usable[usable["identity"].notna()]
    questions = name_questions(sorted(set(zip(named["category"], named["identity"], strict=True))))
    notes = (*notes, *([note] if note else []), *questions)
    for sentence in notes:
        _log.info("%s: %s", source, sentence)
    return PhotoTable(usable, root, tuple(bad), notes)


def _bad_rows(frame: pd.DataFrame, reasons: Sequence[str], *, need_identity: bool) -> list[BadPhoto]:
    """Return the rows that cannot be used, for the reasons given or because of their names."""
    bad = []
    for row, (path, name, reason) in enumerate(zip(frame["path"], frame["identity"], reasons, strict=True), 1):
        shown = "no path" if path is None else str(path)
        readable = shown.encode("utf-8", "replace").decode()
        if readable != shown:
            reason = reason or "its name is not valid UTF-8: rename it"
        if not reason:
            reason = name_fault(name) if name else "no identity" if need_identity else ""
        if reason:
            bad.append(BadPhoto(row, " ".join(readable.split())[:_LONGEST_SHOWN], reason))
    return bad


def _without_nobody(source: Path, frame: pd.DataFrame, *, need_identity: bool) -> tuple[pd.DataFrame, str]:
    """Return the rows without names that stand for nobody, or without their photos, and a sentence on them."""
    counts = nobodies(frame["identity"])
    if not counts:
        return frame, ""
    is_nobody = frame["identity"].isin(list(counts)).to_numpy(dtype=bool)
    note = nobody_note(counts, left_out=need_identity)
    if not need_identity:
        return frame.assign(identity=frame["identity"].astype(object).mask(is_nobody, None)), note
    if is_nobody.all():
        raise DataError(f"{source}: {note}; no photo is left, expected the names of individuals")
    return frame[~is_nobody].reset_index(drop=True), note


def bad_photos_message(bad: Sequence[BadPhoto]) -> str:
    """Return one line naming the first bad photos by number, path and reason, and what to do about them."""
    count = counted(len(bad), "photo")
    skip = "go on without them: --skip-bad, in Python skip_bad=True"
    return f"{count} cannot be used: {list_rows(bad)}. Correct them, or {skip}"


def log_remarks(remarks: Sequence[PhotoRemark]) -> None:
    """Say in one line which photos may not be the pictures that were meant, the first five of them; nothing of none."""
    if not remarks:
        return
    count = counted(len(remarks), "photo")
    listed = "; ".join(f"row {each.row} ({each.path}): {each.remark}" for each in remarks[:_MAX_REMARKS])
    more = f"; and {len(remarks) - _MAX_REMARKS} more" if len(remarks) > _MAX_REMARKS else ""
    _log.warning("look again at %s: %s%s", count, listed, more)


def list_rows(bad: Sequence[BadPhoto]) -> str:
    """Return the bad rows by number, name and reason, the first five of them in full."""
    listed = "; ".join(f"row {photo.row} ({photo.path}): {photo.reason}" for photo in bad[:_MAX_ROWS])
    return listed + (f"; and {len(bad) - _MAX_ROWS} more" if len(bad) > _MAX_ROWS else "")


def check_enough(table: PhotoTable) -> None:
    """Check that some category can give both kinds of pairs: the same identity twice, and two identities.

    Raises:
        DataError: It cannot; the message says what is missing.
    """
    if len(table) == 0:
        raise DataError("no photos: give at least two photos each of two identities")
    identities = pd.Series(table.identities, dtype=object)
    sizes = identities.groupby([table.frame["category"].to_numpy(), identities.to_numpy()]).size()
    per_category = sizes.groupby(level=0)
    if (per_category.size() < 2).all():
        found = f"only one identity ({sizes.index[0][1]})" if len(sizes) == 1 else "only one identity per category"
        raise DataError(f"{found} in {len(table)} photos: telling individuals apart needs at least two. Add another's")
    if (sizes < 2).all():
        raise DataError(
            f"only one photo of each of the {len(sizes)} identities: a pair of the same identity needs "
            "two. Add a second photo of at least one identity"
        )
    if not ((per_category.size() >= 2) & (per_category.max() >= 2)).any():
        raise DataError(
            "no category has both two identities and two photos of one: its pairs would all be the "
            "same or all different. Add photos to one category"
        )


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the end of an error message: what `name` may have been meant to be, and what there is."""
    if not known:
        return " (there are none)"
    close = get_close_matches(name, known, n=1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(known[:_MAX_LISTED]) + (", ..." if len(known) > _MAX_LISTED else "")
    return f"{hint} (there are: {listed})"
