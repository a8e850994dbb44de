"""The gallery's tables in LanceDB: snapshots to read, changes to write, every state kept.

A table keeps all its versions. The journal says which versions belong together, and a change exists from the moment
its journal row is written: what a killed process wrote without one is ignored by readers and put away by the next
writer. Undo and restore write a journal row that names old versions, and no more.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from vicp.errors import GalleryError
from vicp.gallery.journal import SCHEMA, Entry, find_operation, next_entry, read_entries, undone
from vicp.gallery.store_errors import lance_errors
from vicp.gallery.store_index import COLUMN, index_config
from vicp.gallery.store_lock import remote_lock, remove_lock, writer_lock
from vicp.gallery.store_tables import SCHEMAS, key_columns

os.environ.setdefault("LANCEDB_LOG", "error")  # read when lancedb is imported; it would warn of every new table

import lancedb

_JOURNAL = "journal"
_EMPTY = 1  # the version of a table that was just made
_MANY = 2000  # numbers in one condition


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A gallery as it was at one moment: later changes do not show.

    Attributes:
        uri: the folder, or the place in object storage.
        database: LanceDB's connection.
        entries: the journal, oldest first.
    """

    uri: str
    database: Any
    entries: tuple[Entry, ...]

    @property
    def head(self) -> Entry:
        """The newest entry."""
        return self.entries[-1]

    @property
    def settings(self) -> dict[str, Any]:
        """The gallery's settings."""
        return self.head.settings

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of this state."""
        return tuple(self.head.versions)

    def read(self, table: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Rows of a table, in no particular order.

        Raises:
            GalleryError: the table cannot be read.
        """
        with lance_errors(self.uri, f"reading {table}"):
            query = self.open(table).search()
            query = query if columns is None else query.select(list(columns))
            query = query if where is None else query.where(where)
            return query.to_arrow()

    def batches(self, table: str, columns: Sequence[str], *, size: int = 8192) -> Iterator[pa.RecordBatch]:
        """The same rows a batch at a time, for tables larger than memory.

        Raises:
            GalleryError: the table cannot be read.
        """
        with lance_errors(self.uri, f"reading {table}"):
            yield from self.open(table).search().select(list(columns)).to_batches(size)

    def of_numbers(self, table: str, numbers: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Rows of these photos, in no particular order."""
        parts = [
            self.read(table, columns, f"number in ({', '.join(map(str, numbers[start : start + _MANY]))})")
            for start in range(0, len(numbers), _MANY)
        ]
        return pa.concat_tables(parts) if parts else self.read(table, columns, "false")

    def count(self, table: str) -> int:
        """Rows of a table; 0 for one that this state does not have."""
        if table not in self.head.versions:
            return 0
        with lance_errors(self.uri, f"reading {table}"):
            return int(self.open(table).count_rows())

    def open(self, table: str) -> Any:
        """LanceDB's table at the version of this state.

        Raises:
            GalleryError: it is not there any more.
        """
        version = self.head.versions[table]
        with lance_errors(self.uri, f"version {version} of {table}"):
            opened = self.database.open_table(table)
            opened.checkout(version)
        return opened


class Change:
    """A command that writes; nothing of it is visible before `commit`, which it may call many times."""

    def __init__(self, snapshot: Snapshot, command: str, *, by: str, why: str) -> None:
        self.snapshot = snapshot
        self.by, self.why = by, why
        self._command = command
        self._operation: int | None = None
        self._open: dict[str, Any] = {}

    def add(self, table: str, rows: pa.Table, *, schema: pa.Schema | None = None) -> None:
        """Appends rows; `schema` makes a table that is not there yet."""
        with self._writing(table):
            self._settled(table, schema).add(rows)

    def update(self, table: str, rows: pa.Table) -> None:
        """Writes whole rows over those with the same key, and appends the others."""
        with self._writing(table):
            merge = self._settled(table).merge_insert(key_columns(table))
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def delete(self, table: str, numbers: Sequence[int]) -> None:
        """Removes the rows of these photos."""
        with self._writing(table):
            opened = self._settled(table)
            for start in range(0, len(numbers), _MANY):
                opened.delete(f"number in ({', '.join(map(str, numbers[start : start + _MANY]))})")

    def make_index(self, table: str, rows: int) -> Any:
        """Builds a search index over the embeddings of a table of so many rows; returns LanceDB's table."""
        with self._writing(table):
            opened = self._settled(table)
            opened.create_index(COLUMN, config=index_config(rows), replace=True)
        return opened

    def commit(self, summary: str, *, settings: dict[str, Any] | None = None, state: Entry | None = None) -> Entry:
        """Makes everything since the last commit visible at once.

        Args:
            summary: what was done, for people.
            settings: the gallery's from now on; those it had if None.
            state: an earlier entry whose content is shown from now on, in place of what was written.

        Raises:
            GalleryError: it cannot be written, or another writer was faster.
        """
        entries = self.snapshot.entries
        before = entries[-1] if entries else None
        versions = dict(before.versions) if before else {}
        versions |= {table: int(opened.version) for table, opened in self._open.items()}
        kept = before.settings if before else {}
        entry = next_entry(
            entries,
            self._command,
            summary,
            by=self.by,
            why=self.why,
            versions=state.versions if state else versions,
            settings=(state.settings if state else kept) if settings is None else settings,
            operation=self._operation,
            state=state.state if state else None,
        )
        with self._writing(_JOURNAL):
            journal = self.snapshot.database.open_table(_JOURNAL)
            if journal.count_rows() != len(entries):
                raise GalleryError(f"{self.snapshot.uri}: another process has written meanwhile: run the command again")
            journal.add(entry.row())
        self._operation = entry.operation
        self._open = {} if state else self._open
        self.snapshot = replace(self.snapshot, entries=(*entries, entry))
        return entry

    def _settled(self, table: str, schema: pa.Schema | None = None) -> Any:
        """The table, after putting away what no journal row names."""
        if table not in self._open:
            entries = self.snapshot.entries
            wanted = entries[-1].versions.get(table) if entries else None
            database = self.snapshot.database
            if wanted is None and table not in all_tables(database):
                opened = database.create_table(table, schema=schema or SCHEMAS[table])
            else:
                opened = database.open_table(table)
            if opened.version != (wanted or _EMPTY):
                opened.checkout(wanted or _EMPTY)
                opened.restore()
            self._open[table] = opened
        return self._open[table]

    def _writing(self, table: str) -> Any:
        return lance_errors(self.snapshot.uri, f"writing {table}")


def open_gallery(uri: str) -> Snapshot:
    """The gallery as it is now.

    Raises:
        GalleryError: there is none, it is damaged, or a newer program wrote it.
    """
    snapshot = _open(uri)
    if not snapshot.entries:
        raise GalleryError(f"{uri}: no gallery; `vicp gallery create {uri}` makes one")
    missing = sorted(set(snapshot.tables) - set(all_tables(snapshot.database)))
    if missing:
        raise GalleryError(f"{uri}: half of it is gone ({', '.join(missing)}): bring the folder back from a copy")
    return snapshot


@contextmanager
def change(uri: str, command: str, *, by: str, why: str = "", wait: bool = False) -> Iterator[Change]:
    """Opens a gallery to write, as the only writer.

    Args:
        uri: the gallery.
        command: for the log.
        by: who changes it.
        why: a note for the log.
        wait: for another writer to finish, instead of raising.

    Raises:
        GalleryError: as `open_gallery`, or another process is writing, or the place cannot be written.
    """
    open_gallery(uri)  # before a lock file is left in a folder that is none
    with _lock(uri, wait=wait):
        yield Change(open_gallery(uri), command, by=by, why=why)


def create_gallery(uri: str, settings: dict[str, Any], *, by: str, why: str = "") -> Snapshot:
    """An empty gallery.

    Raises:
        GalleryError: there is one already, the folder holds something else, or it cannot be written.
    """
    folder = local_folder(uri)
    if folder is not None:
        _make_folder(folder)
    with _lock(uri, wait=False):
        snapshot = _open(uri)
        if snapshot.entries:
            raise GalleryError(f"{uri}: there is a gallery already: `vicp gallery stats {uri}` says what is in it")
        with lance_errors(uri, "making the tables"):
            if _JOURNAL not in all_tables(snapshot.database):
                snapshot.database.create_table(_JOURNAL, schema=SCHEMA)
            made = Change(snapshot, "create", by=by, why=why)
            for table in SCHEMAS:
                made._settled(table)
        made.commit("made an empty gallery", settings=settings)
    return made.snapshot


def undo(uri: str, *, by: str, why: str = "", wait: bool = False) -> Entry:
    """Takes the last command back that has not been taken back; returns the journal's new entry.

    Raises:
        GalleryError: nothing to take back, or as `change`.
    """
    with change(uri, "undo", by=by, why=why, wait=wait) as writer:
        taken_back, state = undone(writer.snapshot.entries)
        what = f"{taken_back.number} ({taken_back.last.command}: {taken_back.last.summary})"
        return writer.commit(f"took back operation {what}", state=state)


def restore(uri: str, number: int, *, by: str, why: str = "", wait: bool = False) -> Entry:
    """Brings back the gallery as it was after this operation; returns the journal's new entry.

    Raises:
        GalleryError: no such operation, or as `change`.
    """
    with change(uri, "restore", by=by, why=why, wait=wait) as writer:
        entries = writer.snapshot.entries
        last = find_operation(entries, number).last
        summary = f"as after operation {number} ({last.command}: {last.summary})"
        return writer.commit(summary, state=entries[last.state - 1])


def unlock(uri: str) -> str | None:
    """Takes away the lock of a dead writer in object storage; returns whose it was, None if there was none."""
    with lance_errors(uri, "taking the lock away"):
        return None if local_folder(uri) is not None else remove_lock(lancedb.connect(uri))


def local_folder(uri: str) -> Path | None:
    """The folder of a gallery on this machine's disks; None for one in object storage."""
    return None if "://" in uri else Path(uri)


def all_tables(database: Any) -> list[str]:
    """The tables that are there, in this state or another."""
    names: list[str] = []
    page = database.list_tables(limit=1000)
    while True:
        names += page.tables
        if not page.page_token:
            return names
        page = database.list_tables(page_token=page.page_token, limit=1000)


def _open(uri: str) -> Snapshot:
    """The gallery as it is now, without entries where there is none."""
    folder = local_folder(uri)
    if folder is not None and not folder.is_dir():
        raise GalleryError(f"{uri}: no such gallery; `vicp gallery create {uri}` makes one")
    with lance_errors(uri, "reading the journal"):
        database = lancedb.connect(uri)
        there = all_tables(database)
        if _JOURNAL not in there and set(SCHEMAS) & set(there):
            raise GalleryError(f"{uri}: half of it is gone ({_JOURNAL}): bring the folder back from a copy")
        if _JOURNAL not in there:
            return Snapshot(uri, database, ())
        rows = database.open_table(_JOURNAL).to_arrow()
    try:
        return Snapshot(uri, database, read_entries(rows))
    except GalleryError as error:
        raise GalleryError(f"{uri}: {error}") from error


def _lock(uri: str, *, wait: bool) -> Any:
    folder = local_folder(uri)
    if folder is not None:
        return writer_lock(folder, wait=wait)
    with lance_errors(uri, "opening"):
        return remote_lock(lancedb.connect(uri), uri, wait=wait)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()} - {"writer.lock", "writer.pid"}
    except OSError as error:
        raise GalleryError(f"{folder}: cannot be made ({error.strerror})") from error
    if names and not any(name.endswith(".lance") for name in names):
        raise GalleryError(f"{folder}: holds something else ({min(names)}): give a new or an empty folder")
