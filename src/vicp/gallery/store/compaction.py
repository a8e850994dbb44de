"""Compaction: small files become large ones, and what no state needs that can still be brought back is removed.

Killed at any moment, it loses nothing: states are first struck from the journal, then the versions that no entry names
lose the one file that makes each a version, and then LanceDB removes the data that no version holds. What somebody may
be reading is kept.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from vicp.errors import GalleryError
from vicp.gallery.store.change import JOURNAL, Change
from vicp.gallery.store.files import GalleryFiles
from vicp.gallery.store.journal import Entry, needed_entries
from vicp.gallery.store.lance import all_tables, join_files, lance_errors
from vicp.gallery.store.tables import is_embeddings

_logger = logging.getLogger(__name__)

UNDO_DEPTH = 1000
READERS = timedelta(minutes=10)  # how long the state that a reader has opened is kept for it
_STEPS_BETWEEN = 64  # states to remove from which it pays
_MANY_FILES = 64  # of a table, from which they are joined,
_SMALL_FILE = 8e6  # as long as the mean one has fewer bytes: a large table is not written anew for a few small files
_MUCH_UNUSED = 0.25  # share of a table's data that nothing needs: then it is written anew all the same


@dataclass(frozen=True)
class Compaction:
    """What a compaction did.

    Attributes:
        files_before: Files of the gallery before it.
        files: And after it.
        megabytes_before: Their size before it.
        megabytes: And after it.
        removed: States that cannot be brought back any more.
        kept_for_readers: States of the last minutes that are kept although no undo needs them: the next compaction
            removes them.
        undo_depth: How many changes can be undone.
    """

    files_before: int
    files: int
    megabytes_before: float
    megabytes: float
    removed: int
    kept_for_readers: int
    undo_depth: int


def is_due(entries: tuple[Entry, ...]) -> bool:
    """Return whether enough states can be removed for a compaction to pay."""
    needed = needed_entries(entries, undo_depth=UNDO_DEPTH, read_since=datetime.now(UTC) - READERS)
    return sum(bool(entry.versions) for entry in entries) - len(needed) >= _STEPS_BETWEEN


def compact_if_due(writer: Change) -> None:
    """Compact where it pays; what the writer has done stays done where that fails."""
    if is_due(writer.snapshot.entries):
        try:
            compact(writer, undo_depth=UNDO_DEPTH, readers=READERS)
        except GalleryError as error:
            _logger.warning("not compacted: %s", error)


def compact(
    writer: Change, *, undo_depth: int = UNDO_DEPTH, readers: timedelta = READERS, many_files: int = _MANY_FILES
) -> Compaction:
    """Join small files and remove old states; what is shown stays as it is.

    Args:
        writer: The change to write with; what it has not committed is put away.
        undo_depth: How many changes can be undone afterwards.
        readers: How long the state that a reader has opened is kept for it.
        many_files: Of a table, from which they are joined.

    Raises:
        GalleryError: It cannot be read or written.
    """
    writer.put_away()
    uri, entries, now = writer.snapshot.uri, writer.snapshot.entries, datetime.now(UTC)
    with lance_errors(uri, "listing its files"):
        files = GalleryFiles(uri)
        files_before, bytes_before = files.count_and_bytes()
    needed = needed_entries(entries, undo_depth=undo_depth, read_since=now - readers)
    removed = [entry for entry in entries if entry.versions and entry.number not in needed]
    if removed:
        writer.forget(removed)
    for table in all_tables(writer.snapshot.database):
        with lance_errors(uri, f"compacting {table}"):
            _compact_table(writer, files, table, many_files)
    writer.commit_compacted()
    with lance_errors(uri, f"compacting {JOURNAL}"):
        _compact_journal(writer, files, now - readers, many_files)
        files_after, bytes_after = files.count_and_bytes()
    return Compaction(
        files_before=files_before,
        files=files_after,
        megabytes_before=bytes_before / 1e6,
        megabytes=bytes_after / 1e6,
        removed=len(removed),
        kept_for_readers=len(needed - needed_entries(entries, undo_depth=undo_depth, read_since=now)),
        undo_depth=undo_depth,
    )


def _compact_table(writer: Change, files: GalleryFiles, table: str, many_files: int) -> None:
    """Remove the versions of a table that no entry names, or all of it, and join the files of what is shown."""
    snapshot = writer.snapshot
    named = {entry.versions[table] for entry in snapshot.entries if table in entry.versions}
    if named:
        opened = writer.settled(table) if table in snapshot.tables else snapshot.database.open_table(table)
        files.remove_versions(table, {1, int(opened.version), *named})  # the first is of a table without rows
        _join(opened, files, table, many_files)
    elif is_embeddings(table):
        snapshot.database.drop_table(table)


def _compact_journal(writer: Change, files: GalleryFiles, read_since: datetime, many_files: int) -> None:
    """Remove the versions of the journal that nobody reads any more, and join its files."""
    journal = writer.snapshot.database.open_table(JOURNAL)
    versions = journal.list_versions()
    ends = [version["timestamp"].astimezone(UTC) for version in versions[1:]]
    kept = {version["version"] for version, end in zip(versions, ends, strict=False) if end > read_since}
    files.remove_versions(JOURNAL, {int(journal.version), *kept})
    _join(journal, files, JOURNAL, many_files)


def _join(opened: Any, files: GalleryFiles, table: str, many_files: int) -> None:
    newest = max(opened.list_versions(), key=lambda version: version["version"])["metadata"]
    count, size = int(newest["total_data_files"]), int(newest["total_files_size"])
    if (count >= many_files and size < _SMALL_FILE * count) or files.unused_share(table) > _MUCH_UNUSED:
        join_files(opened)
