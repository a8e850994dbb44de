"""Edit identities and photos: merge, split, rename, remove and set aside."""

import logging
from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa

from vicp.errors import GalleryError
from vicp.gallery.contents import (
    find_identity,
    find_photos,
    name_questions_of,
    photos,
    quoted,
    set_aside_numbers,
    write_identity_of,
    write_names,
)
from vicp.gallery.store.change import Change
from vicp.gallery.store.tables import (
    FINGERPRINTS,
    IDENTITIES,
    OPTIONAL_FACTS,
    ORIGINALS,
    PHOTOS,
    SCHEMAS,
    SET_ASIDE,
    check_name,
    is_embeddings,
)
from vicp.phrases import are, counted

_MOST_LISTED = 5  # groups in a summary

_log = logging.getLogger(__name__)


def merge_identities(writer: Change, into: str, others: Sequence[str], *, category: str | None = None) -> None:
    """Make all photos of `others` photos of `into`.

    Raises:
        GalleryError: No such identity, none given, or two categories.
    """
    if not others:
        raise GalleryError(f"{writer.snapshot.uri}: nobody to merge into {into!r}: name at least one")
    home, name = find_identity(writer.snapshot, into, category)
    identities = [find_identity(writer.snapshot, other, category or home)[1] for other in dict.fromkeys(others)]
    merged = [identity for identity in identities if identity != name]
    if not merged:
        raise GalleryError(f"{writer.snapshot.uri}: {into!r} and {', '.join(map(repr, others))} are one already")
    frame = _photos_of(writer, home, merged)
    _rename_photos(writer, frame, name)
    write_names(writer, home, merged, merged_into=name)
    writer.commit(f"{', '.join(merged)} into {name} ({home}): {counted(len(frame), 'photo')}")


def assign_photos(writer: Change, photos_by_identity: Mapping[str, Sequence[str]]) -> None:
    """Give photos their identities, new or not, all at once.

    Args:
        writer: The change to write with.
        photos_by_identity: The photos of each identity, by key or source.

    Raises:
        GalleryError: No such photo, photos of two categories in one identity, or a name that cannot be.
    """
    summaries = []
    for identity, names in photos_by_identity.items():
        check_name(identity)
        frame = find_photos(writer.snapshot, names)
        homes = sorted(set(frame["category"]))
        if len(homes) != 1:
            raise GalleryError(
                f"{writer.snapshot.uri}: photos of {identity!r} are of {len(homes)} categories ({', '.join(homes)})"
            )
        _ask_about(writer, name_questions_of(writer.snapshot, [(homes[0], identity)]))
        _rename_photos(writer, frame, identity)
        write_names(writer, homes[0], [identity])
        summaries.append(f"{counted(len(frame), 'photo')} {are(len(frame))} {identity} ({homes[0]})")
    rest = len(summaries) - _MOST_LISTED
    writer.commit("; ".join(summaries[:_MOST_LISTED]) + (f"; and {rest} more" if rest > 0 else ""))


def rename_identity(writer: Change, old: str, new: str, *, category: str | None = None) -> None:
    """Give an identity another name.

    Raises:
        GalleryError: No such identity, or the new name is taken or cannot be.
    """
    check_name(new)
    home, name = find_identity(writer.snapshot, old, category)
    taken = f"category = {quoted(home)} and identity = {quoted(new)} and merged_into is null"
    if writer.snapshot.read(IDENTITIES, ["identity"], taken).num_rows:
        raise GalleryError(
            f"{writer.snapshot.uri}: there is a {new!r} in {home} already: `vicp gallery merge` makes them one"
        )
    _ask_about(writer, name_questions_of(writer.snapshot, [(home, new)], without=[(home, name)]))
    frame = _photos_of(writer, home, [name])
    _rename_photos(writer, frame, new)
    write_names(writer, home, [name], merged_into=new)
    write_names(writer, home, [new])
    writer.commit(f"{name} is now {new} ({home}): {counted(len(frame), 'photo')}")


def remove_identity(writer: Change, name: str, *, category: str | None = None) -> None:
    """Take an identity and all its photos out.

    Raises:
        GalleryError: No such identity.
    """
    home, identity = find_identity(writer.snapshot, name, category)
    frame = _photos_of(writer, home, [identity])
    _delete_photos(writer, frame)
    write_names(writer, home, [identity], merged_into="")
    writer.commit(f"{identity} ({home}): {counted(len(frame), 'photo')}")


def remove_photos(writer: Change, names: Sequence[str]) -> None:
    """Take photos out, by key or source.

    Raises:
        GalleryError: No such photo.
    """
    frame = find_photos(writer.snapshot, names)
    _delete_photos(writer, frame)
    writer.commit(counted(len(frame), "photo"))


def set_aside(writer: Change, names: Sequence[str]) -> None:
    """Set photos aside, by key or source: they lose their name and are not compared; a name brings them back.

    Raises:
        GalleryError: No such photo.
    """
    frame = find_photos(writer.snapshot, names)
    numbers = frame["number"].tolist()
    write_identity_of(writer, dict.fromkeys(frame.loc[frame["identity"].notna(), "number"].tolist()))
    rows = [{"number": number, **writer.signature()} for number in numbers]
    writer.update(SET_ASIDE, pa.Table.from_pylist(rows, schema=SCHEMAS[SET_ASIDE]))
    writer.commit(f"{len(frame)} {'photo' if len(frame) == 1 else 'photos'}")


def _photos_of(writer: Change, category: str, identities: Sequence[str]) -> pd.DataFrame:
    listed = ", ".join(map(quoted, identities))
    return photos(writer.snapshot, where=f"category = {quoted(category)} and identity in ({listed})")


def _rename_photos(writer: Change, frame: pd.DataFrame, identity: str) -> None:
    numbers = frame["number"].tolist()
    write_identity_of(writer, dict.fromkeys(numbers, identity))
    if set(numbers) & set(set_aside_numbers(writer.snapshot)):
        writer.delete(SET_ASIDE, numbers)


def _delete_photos(writer: Change, frame: pd.DataFrame) -> None:
    numbers = frame["number"].tolist()
    facts = OPTIONAL_FACTS.values()
    others = [table for table in writer.snapshot.tables if table in facts or is_embeddings(table)]
    for table in [PHOTOS, ORIGINALS, FINGERPRINTS, *others]:
        writer.delete(table, numbers)


def _ask_about(writer: Change, questions: Sequence[str]) -> None:
    """Say that names may be one individual's; the change is made all the same, and can be undone."""
    for question in questions:
        _log.warning("%s: %s", writer.snapshot.uri, question)
