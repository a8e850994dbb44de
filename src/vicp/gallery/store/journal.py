"""The journal: one row per change, which says the version of every table that belongs together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa

from vicp.errors import GalleryError

FORMAT = 2  # of the store; another number in a journal means that another version of this program wrote it

COMPACT = "compact"  # the command of entries that show what is there in other versions: no operation of the log

SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("operation", pa.int64()),
        ("state", pa.int64()),
        ("command", pa.string()),
        ("summary", pa.string()),
        ("author", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("reason", pa.string()),
        ("versions", pa.string()),
        ("settings", pa.string()),
        ("format", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """One change, visible from the moment its row is written; a long command makes several.

    Attributes:
        number: From 1, in order.
        operation: The number of the command's first entry.
        state: The entry whose content this one shows: itself, or an earlier one that was brought back.
        command: Create, enroll, ...
        summary: What was done, for people.
        author: Who.
        at: When, UTC.
        reason: A note, may be empty.
        versions: The version of every table that is part of this state; none where compaction has removed it.
        settings: Of the gallery in this state: its model, what it keeps, its search indices.
    """

    number: int
    operation: int
    state: int
    command: str
    summary: str
    author: str
    at: datetime
    reason: str
    versions: dict[str, int]
    settings: dict[str, Any]

    def row(self) -> pa.Table:
        """Return the entry as a row of the journal."""
        texts = {"versions": json.dumps(self.versions), "settings": json.dumps(self.settings), "format": FORMAT}
        return pa.Table.from_pylist([{**self.__dict__, **texts}], schema=SCHEMA)


@dataclass(frozen=True)
class Operation:
    """A command as the log shows it: its entries as one.

    Attributes:
        first: Its first entry.
        last: Its last entry.
        compacted: The newest entry that shows the state after `last`: itself, or what compaction made of it.
        entries: How many there are, but for those of compaction.
    """

    first: Entry
    last: Entry
    compacted: Entry
    entries: int

    @property
    def number(self) -> int:
        """Return what `vicp gallery restore` takes."""
        return self.first.number


@dataclass(frozen=True)
class LogEntry:
    """A change of a gallery, as `Gallery.log` lists it.

    Attributes:
        operation: Its number, which `Gallery.restore` takes.
        command: "create", "enroll", "merge", ...
        summary: What was done, for people.
        author: Who did it.
        at: When it was complete: ISO 8601, UTC.
        reason: The author's note, may be empty.
        steps: How many entries of the journal it has; a long command is saved in several.
        versions: The version of every table in the state that it made; none where compaction has removed it.
        shown: Whether that state is what the gallery shows now.
    """

    operation: int
    command: str
    summary: str
    author: str
    at: str
    reason: str
    steps: int
    versions: dict[str, int]
    shown: bool


def read_entries(rows: pa.Table) -> tuple[Entry, ...]:
    """Return the journal's entries in order.

    Raises:
        GalleryError: Another version of this program wrote them; the message lacks the place.
    """
    formats = set(rows["format"].to_pylist()) - {FORMAT}
    if formats and max(formats) > FORMAT:
        raise GalleryError(
            f"a gallery of format {max(formats)}, this program reads {FORMAT}: use the vicp that wrote it or newer"
        )
    if formats:
        raise GalleryError(
            f"a gallery of format {min(formats)}, this program reads {FORMAT}: enroll its photos into a new gallery"
        )
    entries = []
    for row in rows.sort_by("number").to_pylist():
        del row["format"]
        entries.append(
            Entry(**row | {"versions": json.loads(row["versions"]), "settings": json.loads(row["settings"])})
        )
    return tuple(entries)


def next_entry(
    entries: Sequence[Entry],
    command: str,
    summary: str,
    *,
    author: str,
    reason: str,
    versions: dict[str, int],
    settings: dict[str, Any],
    operation: int | None = None,
    state: int | None = None,
) -> Entry:
    """Return the entry that follows these; `operation` and `state` are its own number where none is given."""
    number = entries[-1].number + 1 if entries else 1
    return Entry(
        number=number,
        operation=operation or number,
        state=state or number,
        command=command,
        summary=summary,
        author=author,
        at=datetime.now(UTC),
        reason=reason,
        versions=dict(versions),
        settings=dict(settings),
    )


def operations(entries: Sequence[Entry]) -> list[Operation]:
    """Return the commands, oldest first."""
    grouped: dict[int, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.operation, []).append(entry)
    return [_operation(group) for group in grouped.values()]


def _operation(group: Sequence[Entry]) -> Operation:
    written = [entry for entry in group if entry.command != COMPACT]
    return Operation(written[0], written[-1], group[-1], len(written))


def log_entries(entries: Sequence[Entry]) -> list[LogEntry]:
    """Return the changes of a gallery, oldest first."""
    shown = entries[entries[-1].state - 1].operation
    return [
        LogEntry(
            operation=operation.number,
            command=operation.last.command,
            summary=operation.last.summary,
            author=operation.last.author,
            at=operation.last.at.isoformat(),
            reason=operation.last.reason,
            steps=operation.entries,
            versions=operation.compacted.versions,
            shown=operation.number == shown,
        )
        for operation in operations(entries)
    ]


def undone(entries: Sequence[Entry]) -> tuple[Operation, Entry]:
    """Return the operation that an undo takes back, and the entry whose state it brings back.

    Taken back is what made the state that is shown, so that a second undo goes one further.

    Raises:
        GalleryError: Nothing is left to take back.
    """
    shown = entries[entries[-1].state - 1]
    taken_back = find_operation(entries, shown.operation)
    if taken_back.number == 1:
        raise GalleryError(
            "nothing to undo: this is the gallery as it was created; `vicp gallery log` lists its states"
        )
    return taken_back, content_of(entries, entries[taken_back.number - 2])


def content_of(entries: Sequence[Entry], entry: Entry) -> Entry:
    """Return the newest entry that shows the state after this one, the last of its operation.

    Raises:
        GalleryError: Compaction has removed that state.
    """
    content = find_operation(entries, entries[entry.state - 1].operation).compacted
    if not content.versions:
        raise GalleryError(
            f"the gallery after operation {entry.operation} cannot be brought back: compaction has removed that state"
        )
    return content


def needed_entries(entries: Sequence[Entry], *, undo_depth: int, read_since: datetime) -> set[int]:
    """Return the numbers of the entries whose versions must be kept.

    Args:
        entries: The journal.
        undo_depth: How many operations can be undone.
        read_since: A reader may still read what was the newest entry at this moment or later.
    """
    by_number = {operation.number: operation for operation in operations(entries)}
    latest = sorted(by_number.values(), key=lambda operation: operation.compacted.number)[-(undo_depth + 1) :]
    shown = [by_number[entries[operation.last.state - 1].operation] for operation in latest]
    numbers = {operation.compacted.number for operation in shown}
    numbers |= {before.number for before, after in pairwise(entries) if after.at > read_since}
    return numbers | {entries[-1].number}


def find_operation(entries: Sequence[Entry], number: int) -> Operation:
    """Return the operation with this number.

    Raises:
        GalleryError: There is none.
    """
    for operation in operations(entries):
        if operation.number == number:
            return operation
    raise GalleryError(f"no operation {number}: `vicp gallery log` lists them, the last is {entries[-1].operation}")
