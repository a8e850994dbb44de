"""The gallery's tables in LanceDB: snapshots to read, changes to write, every state kept.

A table keeps its versions until compaction removes those that no undo needs. The journal says which versions belong
together, and a change exists from the moment its journal row is written: what a killed process wrote without one is
ignored by readers and put away by the next writer. Undo and restore write a journal row that names old versions, and
no more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from vicp.errors import GalleryError
from vicp.gallery.store.change import JOURNAL, Change
from vicp.gallery.store.compaction import compact_if_due
from vicp.gallery.store.journal import SCHEMA, Entry, read_entries
from vicp.gallery.store.lance import (
    all_tables,
    can_open,
    connect,
    lance_errors,
    local_tables,
    version_stamp,
)
from vicp.gallery.store.lock import remote_lock, remove_lock, writer_lock
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import SCHEMAS
from vicp.gallery.store.version_cache import VersionCache


def read_gallery(uri: str, cache: VersionCache | None = None) -> Snapshot:
    """Return the gallery as it is now.

    Args:
        uri: Where it is.
        cache: What earlier snapshots of this gallery have computed, if any.

    Raises:
        GalleryError: There is none, it is damaged, or another version of this program wrote it.
    """
    snapshot, tables = _open(uri, cache or VersionCache())
    if not snapshot.entries:
        raise GalleryError(f"{uri}: no gallery; `vicp gallery create {uri}` makes one")
    missing = sorted(set(snapshot.tables) - tables)
    if missing:
        raise GalleryError(f"{uri}: half of it is gone ({', '.join(missing)}): bring the folder back from a copy")
    return snapshot


@contextmanager
def change(
    uri: str,
    command: str,
    *,
    author: str,
    reason: str = "",
    wait_for_lock: bool = False,
    cache: VersionCache | None = None,
) -> Iterator[Change]:
    """Open a gallery to write, as the only writer.

    Args:
        uri: The gallery.
        command: For the log.
        author: Who changes it.
        reason: A note for the log.
        wait_for_lock: Wait for another writer to finish, instead of raising.
        cache: As in `read_gallery`.

    Raises:
        GalleryError: As `read_gallery`, or another process is writing, or the place cannot be written.
    """
    read_gallery(uri, cache)  # before a lock file is left in a folder that is none
    with _lock(uri, wait=wait_for_lock):
        writer = Change(read_gallery(uri, cache), command, author=author, reason=reason)
        yield writer
        compact_if_due(writer)


def create_gallery(
    uri: str,
    settings: dict[str, Any],
    *,
    author: str,
    reason: str = "",
    fill: Callable[[Change], None] = lambda writer: None,
) -> Snapshot:
    """Make an empty gallery, and returns it; killed before that, there is none, and the same call makes it.

    Args:
        uri: A new or empty folder, or a place in object storage.
        settings: Its settings.
        author: Who makes it.
        reason: A note for the log.
        fill: Writes what it is to hold from the beginning, such as the prompts of its categories.

    Raises:
        GalleryError: There is one already, the folder holds something else, or it cannot be written.
    """
    folder = local_folder(uri)
    if folder is not None:
        _make_folder(folder)
    with _lock(uri, wait=False):
        snapshot, _ = _open(uri, VersionCache())
        if snapshot.entries:
            raise GalleryError(f"{uri}: there is a gallery already: `vicp gallery stats {uri}` says what is in it")
        with lance_errors(uri, "making the tables"):
            snapshot.database.create_table(JOURNAL, schema=SCHEMA, mode="overwrite")  # what is there has no entry
            writer = Change(snapshot, "create", author=author, reason=reason)
            for table in SCHEMAS:
                writer.settled(table)
        fill(writer)
        writer.commit("made an empty gallery", settings=settings)
    return writer.snapshot


def is_free(uri: str) -> bool:
    """Return whether nothing is at a place, so that a gallery can be made there.

    Raises:
        GalleryError: The folder holds something else, or what is there cannot be read.
    """
    folder = local_folder(uri)
    if folder is not None and not folder.exists():
        return True
    if folder is not None:
        _check_folder(folder)
    snapshot, _ = _open(uri, VersionCache())
    return not snapshot.entries


def check_place(uri: str) -> None:
    """Check that a gallery can be made at a place.

    Raises:
        GalleryError: There is one already, the folder holds something else, or it cannot be read.
    """
    if not is_free(uri):
        raise GalleryError(f"{uri}: there is a gallery already: `vicp gallery stats {uri}` says what is in it")


def unlock_gallery(uri: str) -> str | None:
    """Take away the lock of a dead writer in object storage.

    Returns:
        The process whose lock it was; None if there was none.
    """
    with lance_errors(uri, "taking the lock away"):
        return None if local_folder(uri) is not None else remove_lock(connect(uri))


def local_folder(uri: str) -> Path | None:
    """Return the folder of a gallery on this machine's disks; None for one in object storage."""
    return None if "://" in uri else Path(uri)


def _open(uri: str, cache: VersionCache) -> tuple[Snapshot, set[str]]:
    """Return the gallery as it is now, without entries where there is none, and the tables that are there."""
    folder = local_folder(uri)
    if folder is not None and not folder.is_dir():
        raise GalleryError(f"{uri}: no such gallery; `vicp gallery create {uri}` makes one")
    with lance_errors(uri, "reading the journal"):
        database = cache.get("database", None if folder is None else folder.stat().st_ino, lambda: connect(uri))
        tables = set(all_tables(database)) if folder is None else local_tables(folder)
        only_journal = not tables & set(SCHEMAS)  # the journal is the first table that is made
        if JOURNAL not in tables and not only_journal:
            raise GalleryError(f"{uri}: half of it is gone ({JOURNAL}): bring the folder back from a copy")
        if JOURNAL not in tables or (only_journal and not can_open(database, JOURNAL)):
            return Snapshot(uri, database, (), cache), tables
        stamp = version_stamp(uri, JOURNAL)
        read = partial(_read_entries, uri, database)
        entries = read() if stamp is None else cache.get(JOURNAL, stamp, read)
    return Snapshot(uri, database, entries, cache), tables


def _read_entries(uri: str, database: Any) -> tuple[Entry, ...]:
    rows = database.open_table(JOURNAL).to_arrow()
    try:
        return read_entries(rows)
    except GalleryError as error:
        raise GalleryError(f"{uri}: {error}") from error


def _lock(uri: str, *, wait: bool) -> Any:
    folder = local_folder(uri)
    if folder is not None:
        return writer_lock(folder, wait=wait)
    with lance_errors(uri, "opening"):
        return remote_lock(connect(uri), uri, wait=wait)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(f"{folder}: cannot be made ({error.strerror})") from error
    _check_folder(folder)


def _check_folder(folder: Path) -> None:
    """Check that a folder holds nothing, or a gallery."""
    try:
        names = {path.name for path in folder.iterdir()} - {"writer.lock", "writer.pid"}
    except OSError as error:
        raise GalleryError(f"{folder}: cannot be made ({error.strerror})") from error
    if names and not any(name.endswith(".lance") for name in names):
        raise GalleryError(f"{folder}: holds something else ({min(names)}): give a new or an empty folder")
