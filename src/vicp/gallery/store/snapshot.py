"""A gallery as it was at one moment."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyarrow as pa

from vicp.gallery.store.journal import Entry
from vicp.gallery.store.lance import lance_errors
from vicp.gallery.store.version_cache import VersionCache

T = TypeVar("T")
MAX_NUMBERS = 2000  # in one condition


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A gallery as it was at one moment: later changes do not show.

    Attributes:
        uri: The folder, or the place in object storage.
        database: LanceDB's connection.
        entries: The journal, oldest first.
        cache: What snapshots of the gallery have computed; empty where none is given.
    """

    uri: str
    database: Any
    entries: tuple[Entry, ...]
    cache: VersionCache = field(default_factory=VersionCache)

    @property
    def head(self) -> Entry:
        """Return the newest entry."""
        return self.entries[-1]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the gallery's settings."""
        return self.head.settings

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the tables of this state."""
        return tuple(self.head.versions)

    def once(self, key: Hashable, tables: Sequence[str], make: Callable[[], T]) -> T:
        """Return what `make` computes from these tables alone, computed anew only when one of them has changed.

        Who takes the value must not change it.

        Args:
            key: What stands for the value.
            tables: What it depends on; one that this state does not have counts as well.
            make: Computes it from this snapshot.
        """
        return self.cache.get(key, self._versions(tables), make)

    def put(self, key: Hashable, tables: Sequence[str], value: object) -> None:
        """Keep what `once` would compute, by who has written the tables and knows it."""
        self.cache.put(key, self._versions(tables), value)

    def _versions(self, tables: Sequence[str]) -> tuple[object, ...]:
        return (self.entries[0].at, *(self.head.versions.get(table) for table in tables))

    def once_per_change(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` computes from anything in the gallery, computed anew after every change."""
        return self.cache.get(key, (self.entries[0].at, self.head.number), make)

    def read(self, table: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Return rows of a table, in no particular order.

        Raises:
            GalleryError: The table cannot be read.
        """
        with lance_errors(self.uri, f"reading {table}"):
            query = self.open(table).search()
            query = query if columns is None else query.select(list(columns))
            query = query if where is None else query.where(where)
            return query.to_arrow()

    def batches(self, table: str, columns: Sequence[str], *, size: int = 8192) -> Iterator[pa.RecordBatch]:
        """Yield the same rows so many at a time, for tables larger than memory.

        Each part is read by itself: LanceDB's own batches read ahead what takes as much memory as half of the table.

        Raises:
            GalleryError: The table cannot be read.
        """
        with lance_errors(self.uri, f"reading {table}"):
            opened = self.open(table)
            for start in range(0, int(opened.count_rows()), size):
                rows = opened.search().select(list(columns)).offset(start).limit(size).to_arrow()
                yield from rows.to_batches()

    def of_numbers(self, table: str, numbers: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Return rows of these photos, in no particular order."""
        parts = [
            self.read(table, columns, f"number in ({', '.join(map(str, numbers[start : start + MAX_NUMBERS]))})")
            for start in range(0, len(numbers), MAX_NUMBERS)
        ]
        return pa.concat_tables(parts) if parts else self.read(table, columns, "false")

    def count(self, table: str, where: str | None = None) -> int:
        """Return how many rows a table has, of those that meet a condition; 0 for one that this state does not have."""
        if table not in self.head.versions:
            return 0
        with lance_errors(self.uri, f"reading {table}"):
            return int(self.open(table).count_rows(where))

    def open(self, table: str) -> Any:
        """Return LanceDB's table at the version of this state.

        Raises:
            GalleryError: It is not there any more.
        """
        version = self.head.versions[table]
        with lance_errors(self.uri, f"version {version} of {table}"):
            opened = self.database.open_table(table)
            opened.checkout(version)
        return opened
