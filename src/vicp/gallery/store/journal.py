"""The journal: one row per change, which says the version of every table that belongs together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from vicp.errors import GalleryError

FORMAT = 1  # of the store; a larger number in a journal means a newer program wrote it

SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("operation", pa.int64()),
        ("state", pa.int64()),
        ("command", pa.string()),
        ("summary", pa.string()),
        ("by", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("why", pa.string()),
        ("versions", pa.string()),
        ("settings", pa.string()),
        ("format", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """One change, visible from the moment its row is written; a long command makes several.

    Attributes:
        number: from 1, in order.
        operation: the number of the command's first entry.
        state: the entry whose content this one shows: itself, or an earlier one that was brought back.
        command: create, enroll, ...
        summary: what was done, for people.
        by: who.
        at: when, UTC.
        why: a note, may be empty.
        versions: the version of every table that is part of this state.
        settings: of the gallery in this state: its model, what it keeps, its search indices.
    """

    number: int
    operation: int
    state: int
    command: str
    summary: str
    by: str
    at: datetime
    why: str
    versions: dict[str, int]
    settings: dict[str, Any]

    def row(self) -> pa.Table:
        """The entry as a row of the journal."""
        texts = {"versions": json.dumps(self.versions), "settings": json.dumps(self.settings), "format": FORMAT}
        return pa.Table.from_pylist([{**self.__dict__, **texts}], schema=SCHEMA)


@dataclass(frozen=True)
class Operation:
    """A command as the log shows it: its entries as one.

    Attributes:
        first: its first entry.
        last: its last entry, whose state `restore` brings back.
        entries: how many there are.
    """

    first: Entry
    last: Entry
    entries: int

    @property
    def number(self) -> int:
        """What `vicp gallery restore` takes."""
        return self.first.number


def read_entries(rows: pa.Table) -> tuple[Entry, ...]:
    """The journal's entries in order.

    Raises:
        GalleryError: a newer program wrote them; the message lacks the place.
    """
    if rows.num_rows and (newest := max(rows["format"].to_pylist())) > FORMAT:
        raise GalleryError(
            f"a gallery of format {newest}, this program reads up to {FORMAT}: use the vicp that wrote it or newer"
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
    by: str,
    why: str,
    versions: dict[str, int],
    settings: dict[str, Any],
    operation: int | None = None,
    state: int | None = None,
) -> Entry:
    """The entry that follows these; `operation` and `state` are its own number where none is given."""
    number = entries[-1].number + 1 if entries else 1
    return Entry(
        number=number,
        operation=operation or number,
        state=state or number,
        command=command,
        summary=summary,
        by=by,
        at=datetime.now(UTC),
        why=why,
        versions=dict(versions),
        settings=dict(settings),
    )


def operations(entries: Sequence[Entry]) -> list[Operation]:
    """The commands, oldest first."""
    grouped: dict[int, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.operation, []).append(entry)
    return [Operation(group[0], group[-1], len(group)) for group in grouped.values()]


def undone(entries: Sequence[Entry]) -> tuple[Operation, Entry]:
    """The operation that an undo takes back, and the entry whose state it brings back.

    Taken back is what made the state that is shown, so that a second undo goes one further.

    Raises:
        GalleryError: nothing is left to take back.
    """
    shown = entries[entries[-1].state - 1]
    taken_back = find_operation(entries, shown.operation)
    if taken_back.number == 1:
        raise GalleryError(
            "nothing to undo: this is the gallery as it was created; `vicp gallery log` lists its states"
        )
    before = entries[taken_back.number - 2]
    return taken_back, entries[before.state - 1]


def find_operation(entries: Sequence[Entry], number: int) -> Operation:
    """The operation with this number.

    Raises:
        GalleryError: there is none.
    """
    for operation in operations(entries):
        if operation.number == number:
            return operation
    raise GalleryError(f"no operation {number}: `vicp gallery log` lists them, the last is {entries[-1].operation}")
