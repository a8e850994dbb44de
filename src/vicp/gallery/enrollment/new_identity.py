"""Enroll a new individual: check whether the gallery knows it already, and name it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd

from vicp.data.images import photo_key
from vicp.data.names import is_nobody, name_fault
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import Identification
from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import find_category, gallery_categories
from vicp.gallery.contents import photos, quoted
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import check_name

RECOGNISED = 0.5  # P of an individual from which it is not enrolled as another
_MOST_LISTED = 5


@dataclass(frozen=True)
class NewIdentityResult:
    """What became of the photos of a new individual.

    Attributes:
        identity: Its name.
        category: Its category.
        added: Photos enrolled.
        identifications: Whom the gallery took each photo for before.
        questions: About its name, where it may be that of an individual in the gallery.
    """

    identity: str
    category: str
    added: int
    identifications: tuple[Identification, ...]
    questions: tuple[str, ...] = ()


def check_new_name(name: str) -> str:
    """Return a name that an individual may get.

    Raises:
        GalleryError: It cannot be a name, or stands for nobody.
    """
    if is_nobody(name):
        raise GalleryError(f"{name!r} is a word for nobody: give another name, or none for one that is made up")
    if reason := name_fault(name):
        raise GalleryError(reason)
    return check_name(name)


def check_new(
    snapshot: Snapshot, identifications: Sequence[Identification], *, name: str | None, force: bool
) -> tuple[str, str]:
    """Return the category and the name of an individual that is not in the gallery.

    Args:
        snapshot: The gallery.
        identifications: Whom the gallery takes the photos for.
        name: The new name, checked; made up if None.
        force: Go on even where a photo is recognised as somebody.

    Raises:
        GalleryError: The photos do not fit one category, the gallery recognises somebody, or the name is taken.
    """
    categories = sorted({answer.category for answer in identifications})
    if len(categories) != 1 or categories[0] not in gallery_categories(snapshot):
        raise GalleryError(
            f"the photos look like {', '.join(categories)}: give --category, and photos of one individual"
        )
    recognised = [
        answer for answer in identifications if answer.verdict == "same" and (answer.probability or 0) >= RECOGNISED
    ]
    if recognised and not force:
        first = recognised[0]
        raise GalleryError(
            f"{first.photo} is {first.candidates[0].identity} already ({first.sentence}): enroll it as that one, or "
            "give --force if it is somebody else"
        )
    category = find_category(snapshot, categories[0]).category
    taken = set(photos(snapshot, ("identity",), f"category = {quoted(category)}")["identity"].dropna())
    identity = _made_up_name(category, taken) if name is None else name
    if identity in taken:
        raise GalleryError(f"{snapshot.uri}: there is a {identity!r} in {category} already: give another name")
    return category, identity


def check_unknown(snapshot: Snapshot, tables: Sequence[PhotoTable]) -> None:
    """Check that the gallery has none of the photos, before they are embedded; photos without a name get one.

    Raises:
        GalleryError: It has; the message says under which name.
    """
    there = photos(snapshot, ("key", "category", "identity"))
    named = there[there["identity"].notna()]
    name_of = dict(zip(named["key"], named["category"] + "/" + named["identity"], strict=True))
    known = []
    for table in tables:
        for index, path in enumerate(table.frame["path"]):
            with suppress(DataError):  # which is reported where photos are decoded
                key = photo_key(table.photo_bytes(index)).hex()
                if key in name_of:
                    known.append((str(path), name_of[key]))
    if known:
        listed = "; ".join(f"{path} is there as {name}" for path, name in known[:_MOST_LISTED])
        more = f"; and {len(known) - _MOST_LISTED} more" if len(known) > _MOST_LISTED else ""
        raise GalleryError(
            f"{snapshot.uri}: {listed}{more}: leave it out, or `vicp gallery split` moves photos to another name"
        )


def with_identity(table: PhotoTable, category: str, identity: str) -> PhotoTable:
    """Return the photos as photos of this individual."""
    identities = pd.Series([identity] * len(table), dtype=object)
    return PhotoTable(table.frame.assign(category=category, identity=identities), table.root, table.skipped)


def _made_up_name(category: str, taken: set[str]) -> str:
    return next(name for number in range(1, 10**9) if (name := f"{category}-{number}") not in taken)
