"""Decode the photos of a table in threads, in order, keeping account of the bad ones."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from vicp.data.images import ImageTransform, decode_photo, photo_pixels
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError

T = TypeVar("T")

_CHECK_SIDE = 32  # a check reads the whole file, but needs few pixels of it


@dataclass(frozen=True, eq=False)
class PixelBatch:
    """Photos ready to be normalised.

    Attributes:
        indices: (b,) int64, their positions in the table.
        pixels: (b, 3, S, S) uint8.
    """

    indices: np.ndarray
    pixels: Tensor


def load_pixels(
    table: PhotoTable,
    transform: ImageTransform,
    *,
    indices: Sequence[int] | np.ndarray | None = None,
    batch_size: int = 32,
    threads: int = 2,
    bad: list[BadPhoto],
) -> Iterator[PixelBatch]:
    """Return an iterator over the good photos in batches of `batch_size`, the last one smaller.

    Pillow releases the interpreter lock while it decodes, so threads suffice; they keep at most two batches
    ahead.

    Args:
        table: The photos.
        transform: How they become pixels.
        indices: Which photos, in this order; all if None.
        batch_size: Photos per batch.
        threads: Photos decoded at once.
        bad: The photos that cannot be used are appended here, in order; report them after the last batch.

    Raises:
        ValueError: `batch_size` or `threads` below 1.
    """
    if batch_size < 1 or threads < 1:
        raise ValueError(f"batch_size {batch_size} and threads {threads} must be at least 1")
    order = range(len(table)) if indices is None else [int(index) for index in indices]

    def decode(data: bytes) -> np.ndarray:
        return photo_pixels(data, transform)

    def batches() -> Iterator[PixelBatch]:
        decoded = _decoded(table, decode, order, threads=threads, ahead=2 * batch_size, bad=bad)
        while batch := list(islice(decoded, batch_size)):
            pixels = torch.from_numpy(np.stack([photo for _, photo in batch]))  # (b, S, S, 3)
            yield PixelBatch(np.array([index for index, _ in batch]), pixels.permute(0, 3, 1, 2).contiguous())

    return batches()


def check_photos(
    table: PhotoTable, *, threads: int = 2, progress: Callable[[int, int], None] | None = None
) -> list[BadPhoto]:
    """Return the photos that cannot be read and decoded, in order; every file is read to its end.

    Args:
        table: The photos.
        threads: Photos decoded at once.
        progress: Called with photos done and photos in all.

    Raises:
        ValueError: `threads` below 1.
    """

    def decode(data: bytes) -> None:
        decode_photo(data, min_side=_CHECK_SIDE)

    bad: list[BadPhoto] = []
    deque(read_photos(table, decode, threads=threads, progress=progress, bad=bad), maxlen=0)
    return bad


def read_photos(
    table: PhotoTable,
    read: Callable[[bytes], T],
    *,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
    bad: list[BadPhoto],
) -> Iterator[tuple[int, T]]:
    """Return an iterator over (index, what `read` makes of the photo) for every good photo, in order.

    Args:
        table: The photos.
        read: Called in a thread with the encoded photo; a DataError says that it cannot be used.
        threads: Photos read at once.
        progress: Called with photos done and photos in all.
        bad: The photos that cannot be used are appended here, in order.

    Raises:
        ValueError: `threads` below 1.
    """
    if threads < 1:
        raise ValueError(f"threads {threads} must be at least 1")

    def results() -> Iterator[tuple[int, T]]:
        for index, result in _decoded(table, read, range(len(table)), threads=threads, ahead=4 * threads, bad=bad):
            if progress is not None:
                progress(index + 1, len(table))
            yield index, result

    return results()


def without(table: PhotoTable, bad: Sequence[BadPhoto]) -> PhotoTable:
    """Return the table less the bad photos, which it then lists in `skipped`.

    Raises:
        DataError: Nothing is left.
    """
    rows = {photo.row for photo in bad}
    kept = table.select(~table.frame["row"].isin(rows).to_numpy(dtype=bool))
    if rows and len(kept) == 0:
        raise DataError(f"no photo is left: {bad_photos_message(bad)}")
    return replace(kept, skipped=(*table.skipped, *bad))


def _decoded(
    table: PhotoTable,
    decode: Callable[[bytes], T],
    order: Sequence[int],
    *,
    threads: int,
    ahead: int,
    bad: list[BadPhoto],
) -> Iterator[tuple[int, T]]:
    """Yield (index, decoded photo) in order, at most `ahead` photos under way; append bad ones to `bad`."""
    waiting: deque[tuple[int, Future[T]]] = deque()
    upcoming = iter(order)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
    try:
        while True:
            for index in islice(upcoming, ahead - len(waiting)):
                waiting.append((index, pool.submit(lambda i: decode(table.photo_bytes(i)), index)))
            if not waiting:
                return
            index, future = waiting.popleft()
            try:
                yield index, future.result()
            except DataError as error:
                row, path = table.frame["row"].iloc[index], table.frame["path"].iloc[index]
                bad.append(BadPhoto(int(row), path, str(error)))
    finally:
        pool.shutdown(cancel_futures=True)
