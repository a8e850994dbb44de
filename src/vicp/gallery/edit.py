"""Names of individuals: two become one, one becomes two, a name changes, a photo goes."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from vicp.errors import GalleryError
from vicp.gallery.contents import find_identity, find_photos, photos, quoted, signed, write_names
from vicp.gallery.store.change import Change
from vicp.gallery.store.database import change
from vicp.gallery.store.names import check_name
from vicp.gallery.store.tables import IDENTITIES, ORIGINALS, PHOTOS, SCHEMAS, is_embeddings


def merge_identities(
    uri: str, into: str, others: Sequence[str], *, category: str | None, by: str, why: str = "", wait: bool = False
) -> str:
    """All photos of `others` become photos of `into`; returns what was done.

    Raises:
        GalleryError: no such identity, two categories, or as `change`.
    """
    with change(uri, "merge", by=by, why=why, wait=wait) as writer:
        home, name = find_identity(writer.snapshot, into, category)
        found = [find_identity(writer.snapshot, other, category or home) for other in dict.fromkeys(others)]
        names = [identity for _, identity in found if identity != name]
        if not names:
            raise GalleryError(f"{uri}: {into!r} and {', '.join(map(repr, others))} are one already")
        frame = _photos_of(writer, home, names)
        _rename_photos(writer, frame, name)
        write_names(writer, home, names, merged_into=name)
        summary = f"{', '.join(names)} into {name} ({home}): {len(frame)} photos"
        writer.commit(summary)
    return f"Merged {summary}."


def split_photos(uri: str, into: str, names: Sequence[str], *, by: str, why: str = "", wait: bool = False) -> str:
    """These photos become photos of the identity `into`, new or not; returns what was done.

    Raises:
        GalleryError: no such photo, photos of two categories, a name that cannot be, or as `change`.
    """
    return assign_photos(uri, {into: list(names)}, by=by, why=why, wait=wait)


def assign_photos(uri: str, groups: dict[str, list[str]], *, by: str, why: str = "", wait: bool = False) -> str:
    """Gives photos their identities, all at once; returns what was done.

    Args:
        uri: the gallery.
        groups: identity -> its photos, by key or source.
        by: who says so.
        why: a note for the log.
        wait: for another writer, instead of raising.

    Raises:
        GalleryError: as `split_photos`.
    """
    with change(uri, "split", by=by, why=why, wait=wait) as writer:
        parts = []
        for into, names in groups.items():
            check_name(into)
            frame = find_photos(writer.snapshot, names)
            homes = sorted(set(frame["category"]))
            if len(homes) != 1:
                raise GalleryError(f"{uri}: photos of {into!r} are of {len(homes)} categories ({', '.join(homes)})")
            _rename_photos(writer, frame, into)
            write_names(writer, homes[0], [into])
            parts.append(f"{len(frame)} photos are {into} ({homes[0]})")
        summary = "; ".join(parts[:5]) + (f"; and {len(parts) - 5} more" if len(parts) > 5 else "")
        writer.commit(summary)
    return f"{summary}."


def rename_identity(
    uri: str, old: str, new: str, *, category: str | None, by: str, why: str = "", wait: bool = False
) -> str:
    """Gives an identity another name; returns what was done.

    Raises:
        GalleryError: no such identity, the name is taken or cannot be, or as `change`.
    """
    check_name(new)
    with change(uri, "rename", by=by, why=why, wait=wait) as writer:
        home, name = find_identity(writer.snapshot, old, category)
        taken = writer.snapshot.read(
            IDENTITIES, ["identity"], f"category = {quoted(home)} and identity = {quoted(new)} and merged_into is null"
        )
        if taken.num_rows:
            raise GalleryError(f"{uri}: there is a {new!r} in {home} already: `vicp gallery merge` makes them one")
        frame = _photos_of(writer, home, [name])
        _rename_photos(writer, frame, new)
        write_names(writer, home, [name], merged_into=new)
        write_names(writer, home, [new])
        writer.commit(f"{name} is now {new} ({home}): {len(frame)} photos")
    return f"{name} is now {new} ({home}): {len(frame)} photos."


def remove_identity(uri: str, name: str, *, category: str | None, by: str, why: str = "", wait: bool = False) -> str:
    """Takes an identity and all its photos out; returns what was done.

    Raises:
        GalleryError: no such identity, or as `change`.
    """
    with change(uri, "remove", by=by, why=why, wait=wait) as writer:
        home, found = find_identity(writer.snapshot, name, category)
        frame = _photos_of(writer, home, [found])
        _remove(writer, frame)
        write_names(writer, home, [found], merged_into="")
        writer.commit(f"{found} ({home}): {len(frame)} photos")
    return f"Removed {found} ({home}): {len(frame)} photos. `vicp gallery undo` brings them back."


def remove_photos(uri: str, names: Sequence[str], *, by: str, why: str = "", wait: bool = False) -> str:
    """Takes photos out; returns what was done.

    Raises:
        GalleryError: no such photo, or as `change`.
    """
    with change(uri, "remove", by=by, why=why, wait=wait) as writer:
        frame = find_photos(writer.snapshot, names)
        _remove(writer, frame)
        writer.commit(f"{len(frame)} photos")
    return f"Removed {len(frame)} photos. `vicp gallery undo` brings them back."


def _photos_of(writer: Change, category: str, names: Sequence[str]) -> pd.DataFrame:
    listed = ", ".join(map(quoted, names))
    return photos(writer.snapshot, where=f"category = {quoted(category)} and identity in ({listed})")


def _rename_photos(writer: Change, frame: pd.DataFrame, identity: str) -> None:
    """Writes the identity of these photos, and who said so."""
    if len(frame):
        rows = writer.snapshot.of_numbers(PHOTOS, frame["number"].tolist(), SCHEMAS[PHOTOS].names).to_pylist()
        rows = [row | {"identity": identity} | signed(writer) for row in rows]
        writer.update(PHOTOS, pa.Table.from_pylist(rows, schema=SCHEMAS[PHOTOS]))


def _remove(writer: Change, frame: pd.DataFrame) -> None:
    numbers = frame["number"].tolist()
    tables = [PHOTOS, ORIGINALS, *(name for name in writer.snapshot.tables if is_embeddings(name))]
    for table in tables:
        writer.delete(table, numbers)
