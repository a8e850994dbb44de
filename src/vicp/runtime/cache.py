"""A cache of embeddings on disk, by photo bytes, weights, transform, prompt and precision."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from vicp.adapt.linear_transform import Floats
from vicp.errors import DataError


def default_cache_folder() -> Path:
    """Return `VICP_CACHE`, or `vicp` in the user's cache folder."""
    if "VICP_CACHE" in os.environ:
        return Path(os.environ["VICP_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vicp"


class EmbeddingCache:
    """A SQLite file of embeddings; `space` names what made them, so that no two kinds mix.

    Args:
        folder: Where the file lives; made if absent.

    Raises:
        DataError: The folder or file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "embeddings.sqlite"
        with self._open(make=True) as database:
            database.execute("pragma journal_mode = wal")
            database.execute(
                "create table if not exists embeddings "
                "(space text, photo blob, embedding blob, primary key (space, photo)) without rowid"
            )

    def find(self, space: str, photos: Sequence[bytes]) -> dict[int, Floats]:
        """Return the cached embeddings (D,) float32, by position in `photos`.

        Raises:
            DataError: The file cannot be read.
        """
        embeddings: dict[int, Floats] = {}
        with self._open() as database:
            for position, photo in enumerate(photos):
                row = database.execute(
                    "select embedding from embeddings where space = ? and photo = ?", (space, photo)
                ).fetchone()
                if row is not None:
                    embeddings[position] = np.frombuffer(row[0], dtype=np.float32)
        return embeddings

    def add(self, space: str, photos: Iterable[bytes], embeddings: Floats) -> None:
        """Add embeddings (b, D) of photos; all of them or, if the process dies, none.

        Raises:
            DataError: The file cannot be written.
        """
        with self._open() as database:
            database.executemany(
                "insert or replace into embeddings values (?, ?, ?)",
                [(space, photo, row.tobytes()) for photo, row in zip(photos, embeddings, strict=True)],
            )

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        """Open one transaction; a failing disk raises one clear error."""
        try:
            if make:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30)) as database, database:
                yield database
        except (OSError, sqlite3.Error) as error:
            raise DataError(
                f"{self.path}: cannot use the embedding cache ({error}); remove it, point VICP_CACHE "
                "elsewhere, or pass --no-cache"
            ) from error
