"""Tokens of the frozen backbone, kept on disk: they never change, so each photo is encoded once and no more."""

import os
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vicp.errors import DataError


class FeatureStore:
    """A memory-mapped file of tokens (rows, T, D) float16, filled as rows are asked for.

    A journal in the same folder names the rows that are there. Each call adds its rows to it in one write, after their
    tokens: a killed process loses the last call whole, and encodes it again as the same batch, to the same bits.
    `close` gives the files back; so does the last reference that goes.

    Args:
        folder: Made if absent.
        name: What the tokens depend on: photos, weights, transform.
        num_rows: How many rows there can be; the file is sparse until they come.
        shape: T, D.
        writer: Number of this process; each keeps a journal of its own.
        max_rows: Most rows that are kept, those asked for first; the others are encoded every time. None keeps all.

    Raises:
        DataError: The files cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        num_rows: int,
        shape: tuple[int, int],
        writer: int = 0,
        max_rows: int | None = None,
    ) -> None:
        self.path = folder / f"{name}.tokens"
        self._shape = (num_rows, *shape)
        self._row_bytes = row_bytes(shape)
        self._max_rows = num_rows if max_rows is None else max_rows
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT)
            self._journal = os.open(folder / f"{name}.rows-{writer}", os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self.close = weakref.finalize(self, _close, self._file, self._journal)
            os.ftruncate(self._file, num_rows * self._row_bytes)
            self._known = self._read_journal(num_rows)
        except OSError as error:
            raise self._cannot(error) from error
        self._tokens = np.memmap(self.path, dtype=np.float16, mode="r", shape=self._shape)

    def tokens(self, rows: np.ndarray, encode: Callable[[np.ndarray], Tensor]) -> Tensor:
        """Return tokens (n, T, D) float16 of rows (n,); `encode` is called for those that are not there yet.

        Raises:
            DataError: They cannot be written, as on a full disk.
        """
        missing = np.unique(rows[~self._known[rows]])
        if not len(missing):
            return torch.from_numpy(self._tokens[rows])  # advanced indexing copies
        encoded = encode(missing).half().cpu()
        room = self._max_rows - len(self)
        if room > 0:
            self._write(missing[:room], encoded[:room])
        tokens = torch.from_numpy(self._tokens[rows])
        place = np.minimum(np.searchsorted(missing, rows), len(missing) - 1)
        fresh = missing[place] == rows
        tokens[fresh] = encoded[place[fresh]]
        return tokens

    def __len__(self) -> int:
        """Return how many rows are there."""
        return int(self._known.sum())

    def _write(self, rows: np.ndarray, tokens: Tensor) -> None:
        blocks = tokens.contiguous().numpy()
        try:  # through the file, not the map: on a full disk a map kills the process
            for row, block in zip(rows, blocks, strict=True):
                os.pwrite(self._file, block.tobytes(), int(row) * self._row_bytes)
            os.write(self._journal, np.concatenate([[len(rows)], rows]).astype(np.int64).tobytes())
        except OSError as error:
            raise self._cannot(error) from error
        self._known[rows] = True

    def _read_journal(self, num_rows: int) -> np.ndarray:
        """Return which rows are there (rows,) bool; a last entry that was cut short is dropped."""
        known = np.zeros(num_rows, dtype=np.bool_)
        entries = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        numbers = np.frombuffer(entries, dtype=np.int64, count=len(entries) // 8)
        place = 0
        while place < len(numbers) and place + numbers[place] < len(numbers):
            known[numbers[place + 1 : place + 1 + numbers[place]]] = True
            place += 1 + int(numbers[place])
        os.ftruncate(self._journal, 8 * place)
        return known

    def _cannot(self, error: OSError) -> DataError:
        return DataError(
            f"{self.path}: cannot keep features ({error.strerror}); make room, or set data.keep_features=false"
        )


def row_bytes(shape: tuple[int, int]) -> int:
    """Return how many bytes the tokens (T, D) of a row take."""
    return 2 * shape[0] * shape[1]


def _close(*files: int) -> None:
    for file in files:
        os.close(file)
