"""Lists that divide the photos of a data set into splits, and what can be wrong with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vicp.errors import DataError


@dataclass(frozen=True)
class SplitList:
    """The photos a file puts into a split."""

    file: str
    """The file's name, for messages."""
    split: str
    photos: Sequence[str]


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file (UTF-8) without surrounding blanks; empty ones are left out.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return [line.strip() for line in lines if line.strip()]


def assign_splits(photos: Sequence[str], lists: Iterable[SplitList]) -> dict[str, tuple[str, str]]:
    """Return photo -> (its split, why it cannot be used); "" for a photo in no list, and where nothing is wrong.

    The photos come first, in their order; then what a list names but is not among them.

    Args:
        photos: What is on disk.
        lists: The lists, whose names are to match `photos` exactly.
    """
    placed = dict.fromkeys(photos, ("", ""))
    for given in lists:
        for photo in given.photos:
            split, reason = placed.get(photo, ("", f"named in {given.file}, but there is no such file"))
            if split and split != given.split and not reason:
                reason = f"in two splits, {split} and {given.split}"
            placed[photo] = (split or given.split, reason)
    return placed


def one_side_each(
    identities: Sequence[str], splits: Sequence[str], reasons: Sequence[str], *, sides: Sequence[Sequence[str]]
) -> list[str]:
    """Return the reasons, with one more for each photo whose identity another split has already.

    Args:
        identities: One per photo.
        splits: One per photo; photos of splits on no side are not judged.
        reasons: Why a photo cannot be used; "" where it can. The others are not judged.
        sides: Groups of splits that may share identities within the group but not across. On the first side
            an identity is seen on, its photos are right; elsewhere they are wrong.
    """
    side_of = {split: number for number, side in enumerate(sides) for split in side}
    first: dict[str, tuple[int, str]] = {}
    for identity, split, reason in zip(identities, splits, reasons, strict=True):
        if split in side_of and not reason:
            here = (side_of[split], split)
            first[identity] = min(first.get(identity, here), here)
    judged = []
    for identity, split, reason in zip(identities, splits, reasons, strict=True):
        if split in side_of and not reason and side_of[split] != first[identity][0]:
            reason = f"identity {identity} is in two splits, {first[identity][1]} and {split}"
        judged.append(reason)
    return judged
