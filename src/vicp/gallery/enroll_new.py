"""A new individual: enrolled under a new name, unless the gallery may know it already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.adapt.embedder import Embedder
from vicp.data.records import PhotoTable
from vicp.decisions.rule import ErrorTargets
from vicp.errors import GalleryError
from vicp.gallery.ask import GalleryIdentification, identify_in_gallery
from vicp.gallery.contents import find_category, gallery_categories, photos, quoted
from vicp.gallery.enroll import enroll_photos
from vicp.gallery.identify import query_tables
from vicp.gallery.store.database import open_gallery
from vicp.gallery.store.names import check_name


@dataclass(frozen=True)
class NewIdentityResult:
    """What became of the photos.

    Attributes:
        identity: the new name.
        category: its category.
        added: photos enrolled.
        answers: what the gallery said of each photo before.
    """

    identity: str
    category: str
    added: int
    answers: tuple[GalleryIdentification, ...]

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {**self.__dict__, "answers": [answer.summary() for answer in self.answers]}

    def lines(self) -> list[str]:
        """The facts, for people."""
        said = [line for answer in self.answers for line in answer.lines()[:2]]
        return [*said, f"Enrolled {self.added} photos as {self.identity} ({self.category})."]


def enroll_new(
    embedder: Embedder,
    uri: str,
    asked: Sequence[Path],
    *,
    name: str | None,
    category: str | None,
    promise: ErrorTargets | None = None,
    force: bool = False,
    by: str,
    why: str = "",
    wait: bool = False,
) -> NewIdentityResult:
    """Enrolls photos of one individual that is not in the gallery.

    Args:
        embedder: of the gallery's model.
        uri: the gallery.
        asked: its photos.
        name: the new name; made up if None.
        category: theirs; the prompts decide if None.
        promise: the error rates of the question whether it is new.
        force: enroll it even where a photo is recognised as somebody.
        by: who says so.
        why: a note for the log.
        wait: for another writer, instead of raising.

    Raises:
        GalleryError: the gallery recognises somebody, the name is taken, or as `enroll_photos`.
        DataError: photos that cannot be used.
    """
    snapshot = open_gallery(uri)
    if not gallery_categories(snapshot):
        raise GalleryError(f"{uri}: no category yet: `vicp gallery enroll {uri} PHOTOS` adds one")
    answers = identify_in_gallery(embedder, snapshot, asked, category=category, promise=promise, top=1).answers
    homes = sorted({answer.category for answer in answers})
    if len(homes) != 1 or homes[0] not in gallery_categories(snapshot):
        raise GalleryError(f"the photos look like {', '.join(homes)}: give --category, and photos of one individual")
    known = [answer for answer in answers if answer.verdict == "same"]
    if known and not force:
        first = known[0]
        raise GalleryError(
            f"{first.photo} is {first.candidates[0].identity} already ({first.sentence}): enroll it as that one, or "
            "give --force if it is somebody else"
        )
    home = find_category(snapshot, homes[0]).category
    taken = set(photos(snapshot, ("identity",), f"category = {quoted(home)}")["identity"].dropna())
    identity = check_name(name) if name is not None else _fresh_name(home, taken)
    if identity in taken:
        raise GalleryError(f"{uri}: there is a {identity!r} in {home} already: give another name")
    added = 0
    for table in query_tables(asked, skip_bad=embedder.skip_bad):
        own = _as_identity(table, home, identity)
        added += enroll_photos(embedder, uri, own, by=by, why=why, wait=wait).added
    return NewIdentityResult(identity, home, added, answers)


def _as_identity(table: PhotoTable, category: str, identity: str) -> PhotoTable:
    names = pd.Series([identity] * len(table), dtype=object)
    return PhotoTable(table.frame.assign(category=category, identity=names), table.root, table.skipped)


def _fresh_name(category: str, taken: set[str]) -> str:
    return next(name for number in range(1, 10**9) if (name := f"{category}-{number}") not in taken)
