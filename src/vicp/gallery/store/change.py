"""A command that writes to a gallery."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from vicp.errors import GalleryError
from vicp.gallery.store.journal import COMPACT, Entry, content_of, find_operation, next_entry, undone
from vicp.gallery.store.lance import (
    INDEXED_COLUMN,
    all_tables,
    can_open,
    index_config,
    lance_errors,
    version_stamp,
)
from vicp.gallery.store.snapshot import MAX_NUMBERS, Snapshot
from vicp.gallery.store.tables import SCHEMAS, key_columns

JOURNAL = "journal"
_FIRST_VERSION = 1  # of a table that was just made


class Change:
    """A command that writes; nothing of it is visible before `commit`, which it may call many times.

    Args:
        snapshot: The gallery as it is; after a commit, `snapshot` is the gallery with what was written.
        command: For the log.
        author: Who changes the gallery.
        reason: A note for the log.
    """

    def __init__(self, snapshot: Snapshot, command: str, *, author: str, reason: str) -> None:
        self.snapshot = snapshot
        self._author, self._reason = author, reason
        self._command = command
        self._operation: int | None = None
        self._open: dict[str, Any] = {}

    def signature(self) -> dict[str, object]:
        """Return author, time and reason, for a row that is written now."""
        return {"author": self._author, "at": datetime.now(UTC), "reason": self._reason}

    def add(self, table: str, rows: pa.Table, *, schema: pa.Schema | None = None) -> None:
        """Append rows; `schema` makes a table that is not there yet."""
        with self._writing(table):
            self.settled(table, schema).add(rows)

    def update(self, table: str, rows: pa.Table) -> None:
        """Write whole rows over those with the same key, and appends the others."""
        with self._writing(table):
            merge = self.settled(table).merge_insert(key_columns(table))
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def delete(self, table: str, numbers: Sequence[int]) -> None:
        """Remove the rows of these photos."""
        with self._writing(table):
            opened = self.settled(table)
            for start in range(0, len(numbers), MAX_NUMBERS):
                opened.delete(f"number in ({', '.join(map(str, numbers[start : start + MAX_NUMBERS]))})")

    def make_index(self, table: str, rows: int) -> Any:
        """Return build a search index over the embeddings of a table of so many rows, and returns LanceDB's table."""
        with self._writing(table):
            opened = self.settled(table)
            opened.create_index(INDEXED_COLUMN, config=index_config(rows), replace=True)
        return opened

    def commit(self, summary: str, *, settings: dict[str, Any] | None = None, state: Entry | None = None) -> Entry:
        """Make everything since the last commit visible at once, and returns the journal's new entry.

        Args:
            summary: What was done, for people.
            settings: The gallery's from now on; those it had if None.
            state: An earlier entry whose content is shown from now on, in place of what was written.

        Raises:
            GalleryError: It cannot be written, or another writer was faster.
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
            author=self._author,
            reason=self._reason,
            versions=state.versions if state else versions,
            settings=(state.settings if state else kept) if settings is None else settings,
            operation=self._operation,
            state=state.state if state else None,
        )
        self._append(entry)
        self._operation = entry.operation
        self._open = {} if state else self._open
        return entry

    def put_away(self) -> None:
        """Forget what was written since the last commit; the next writer of a table goes on from what is shown."""
        self._open = {}

    def commit_compacted(self) -> None:
        """Show the same content in the versions that compaction wrote; for the log it is no operation."""
        head = self.snapshot.head
        versions = head.versions | {table: int(opened.version) for table, opened in self._open.items()}
        if versions != head.versions:
            entry = next_entry(
                self.snapshot.entries,
                COMPACT,
                "compacted",
                author=self._author,
                reason=self._reason,
                versions=versions,
                settings=head.settings,
                operation=self.snapshot.entries[head.state - 1].operation,
            )
            self._append(entry)

    def forget(self, forgotten: Sequence[Entry]) -> None:
        """Let these entries name no versions any more: their states cannot be brought back."""
        with self._writing(JOURNAL):
            emptied = {entry.number: replace(entry, versions={}) for entry in forgotten}
            rows = pa.concat_tables([entry.row() for entry in emptied.values()])
            journal = self.snapshot.database.open_table(JOURNAL)
            journal.merge_insert(["number"]).when_matched_update_all().execute(rows)
        entries = tuple(emptied.get(entry.number, entry) for entry in self.snapshot.entries)
        self.snapshot = replace(self.snapshot, entries=entries)

    def undo(self) -> Entry:
        """Take the last command back that has not been taken back.

        Raises:
            GalleryError: Nothing is left to take back.
        """
        operation, state = undone(self.snapshot.entries)
        what = f"{operation.number} ({operation.last.command}: {operation.last.summary})"
        return self.commit(f"took back operation {what}", state=state)

    def restore(self, number: int) -> Entry:
        """Bring back the gallery as it was after this operation.

        Raises:
            GalleryError: No such operation.
        """
        last = find_operation(self.snapshot.entries, number).last
        summary = f"as after operation {number} ({last.command}: {last.summary})"
        return self.commit(summary, state=content_of(self.snapshot.entries, last))

    def _append(self, entry: Entry) -> None:
        """Add an entry to the journal, which makes it visible."""
        entries = self.snapshot.entries
        with self._writing(JOURNAL):
            journal = self.snapshot.database.open_table(JOURNAL)
            if journal.count_rows() != len(entries):
                raise GalleryError(f"{self.snapshot.uri}: another process has written meanwhile: run the command again")
            journal.add(entry.row())
        self.snapshot = replace(self.snapshot, entries=(*entries, entry))
        if (stamp := version_stamp(self.snapshot.uri, JOURNAL)) is not None:
            self.snapshot.cache.put(JOURNAL, stamp, self.snapshot.entries)

    def settled(self, table: str, schema: pa.Schema | None = None) -> Any:
        """Return the table, after putting away what no journal row names."""
        if table not in self._open:
            entries = self.snapshot.entries
            wanted = entries[-1].versions.get(table) if entries else None
            opened = self._unnamed(table, schema) if wanted is None else self.snapshot.database.open_table(table)
            if opened.version != (wanted or _FIRST_VERSION):
                opened.checkout(wanted or _FIRST_VERSION)
                opened.restore()
            self._open[table] = opened
        return self._open[table]

    def _unnamed(self, table: str, schema: pa.Schema | None) -> Any:
        """Return a table that the last journal row does not name: made now, unless it is there."""
        database, columns = self.snapshot.database, schema or SCHEMAS[table]
        named = any(table in entry.versions for entry in self.snapshot.entries)
        if table in all_tables(database) and (named or can_open(database, table)):
            return database.open_table(table)
        return database.create_table(table, schema=columns, mode="overwrite")

    def _writing(self, table: str) -> Any:
        return lance_errors(self.snapshot.uri, f"writing {table}")
