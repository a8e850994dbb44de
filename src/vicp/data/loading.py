"""Read the photos of a table in threads, each of them once, in order, keeping account of the bad ones."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from vicp.data.images import decode_photo, image_pixels, photo_key, photo_pixels
from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError
from vicp.image_transform import ImageTransform
from vicp.io import encode_thumbnail
from vicp.progress import Progress

S = TypeVar("S")
T = TypeVar("T")

Wanted = Callable[[Sequence[int], Sequence[bytes]], Sequence[bool]]
"""Of the indices and keys of some photos: which of them are to be decoded."""

_CHECK_SIDE = 32  # a check reads the whole file, but needs few pixels of it


@dataclass(frozen=True, eq=False)
class LoadedPhoto:
    """A photo that was read, hashed and decoded once.

    Attributes:
        index: Its position in the table.
        key: `photo_key` of the encoded file.
        encoded: The encoded file.
        pixels: (3, S, S) uint8; None where `wanted` did not ask for them.
        thumbnail: A small JPEG; None without pixels, or where no thumbnails were asked for.
    """

    index: int
    key: bytes
    encoded: bytes
    pixels: Tensor | None
    thumbnail: bytes | None


@dataclass(frozen=True, eq=False)
class PixelBatch:
    """Photos ready to be normalised.

    Attributes:
        indices: (b,) int64, their positions in the table.
        pixels: (b, 3, S, S) uint8.
    """

    indices: np.ndarray
    pixels: Tensor


def load_photos(
    table: PhotoTable,
    transform: ImageTransform,
    *,
    indices: Sequence[int] | np.ndarray | None = None,
    wanted: Wanted | None = None,
    thumbnail_size: int | None = None,
    ahead: int = 64,
    threads: int = 2,
    bad: list[BadPhoto],
) -> Iterator[LoadedPhoto]:
    """Return an iterator over the good photos, each of them read, hashed and decoded once.

    Pillow releases the interpreter lock while it decodes, so threads suffice. Without `wanted` at most `ahead`
    photos are in memory in addition to those that the caller keeps, with it at most four times as many.

    Args:
        table: The photos.
        transform: How they become pixels.
        indices: Which photos, in this order; all if None.
        wanted: Called in the caller's thread for up to `ahead` photos that have been read and hashed: those that it
            does not want are passed on without being decoded, and so without their pixels being checked.
        thumbnail_size: Longer side in pixels of a JPEG thumbnail, made from the same decoded image, which of a JPEG
            photo may be as small as twice `transform.size`; no thumbnails if None.
        ahead: Photos read ahead.
        threads: Photos read or decoded at once.
        bad: The photos that cannot be used are appended here, in order; report them after the last photo.

    Raises:
        ValueError: `ahead` or `threads` below 1.
    """
    if ahead < 1 or threads < 1:
        raise ValueError(f"ahead {ahead} and threads {threads} must be at least 1")
    order = range(len(table)) if indices is None else [int(index) for index in indices]

    def read(index: int) -> LoadedPhoto | BadPhoto:
        try:
            encoded = table.photo_bytes(index)
        except DataError as error:
            return _bad_photo(table, index, error)
        return LoadedPhoto(index, photo_key(encoded), encoded, None, None)

    def decode(photo: LoadedPhoto) -> LoadedPhoto | BadPhoto:
        try:
            image = decode_photo(photo.encoded, min_side=2 * transform.size)
        except DataError as error:
            return _bad_photo(table, photo.index, error)
        pixels = torch.from_numpy(image_pixels(image, transform)).permute(2, 0, 1).contiguous()  # (3, S, S)
        thumbnail = None if thumbnail_size is None else encode_thumbnail(image, thumbnail_size)
        return replace(photo, pixels=pixels, thumbnail=thumbnail)

    def read_and_decode(index: int) -> LoadedPhoto | BadPhoto:
        photo = read(index)
        return photo if isinstance(photo, BadPhoto) else decode(photo)

    def decode_wanted(choice: tuple[LoadedPhoto | BadPhoto, bool]) -> LoadedPhoto | BadPhoto:
        photo, is_wanted = choice
        return decode(photo) if is_wanted and isinstance(photo, LoadedPhoto) else photo

    def photos() -> Iterator[LoadedPhoto]:
        if wanted is None:
            loaded = _in_threads(order, read_and_decode, threads=threads, ahead=ahead)
        else:
            read_ahead = _in_threads(order, read, threads=threads, ahead=ahead)
            choices = _choose(read_ahead, wanted, chunk_size=ahead)
            loaded = _in_threads(choices, decode_wanted, threads=threads, ahead=ahead)
        for photo in loaded:
            if isinstance(photo, BadPhoto):
                bad.append(photo)
            else:
                yield photo

    return photos()


def load_pixels(
    table: PhotoTable,
    transform: ImageTransform,
    *,
    indices: Sequence[int] | np.ndarray | None = None,
    batch_size: int = 32,
    threads: int = 2,
    bad: list[BadPhoto],
) -> Iterator[PixelBatch]:
    """Return an iterator over the pixels of the good photos in batches of `batch_size`, the last one smaller.

    At most two batches are read ahead.

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
    photos = load_photos(table, transform, indices=indices, ahead=2 * batch_size, threads=threads, bad=bad)

    def batches() -> Iterator[PixelBatch]:
        while batch := list(islice(photos, batch_size)):
            pixels = [photo.pixels for photo in batch if photo.pixels is not None]
            yield PixelBatch(np.array([photo.index for photo in batch]), torch.stack(pixels))  # (b, 3, S, S)

    return batches()


def check_photos(table: PhotoTable, *, threads: int = 2, progress: Progress | None = None) -> list[BadPhoto]:
    """Return the photos that cannot be read and decoded, in order; every file is read to its end.

    Args:
        table: The photos.
        threads: Photos decoded at once.
        progress: Called with photos done and photos in all.

    Raises:
        ValueError: `threads` below 1.
    """
    bad: list[BadPhoto] = []
    check_and_load(table, ImageTransform(), indices=(), threads=threads, progress=progress, bad=bad)
    return bad


def check_and_load(
    table: PhotoTable,
    transform: ImageTransform,
    *,
    indices: Sequence[int] | np.ndarray,
    threads: int = 2,
    progress: Progress | None = None,
    bad: list[BadPhoto],
) -> dict[int, Tensor]:
    """Return the pixels (3, S, S) uint8 of some good photos by index; all others are read and decoded as a check.

    Every photo is read and decoded once, and only the pixels returned are kept in memory.

    Args:
        table: The photos.
        transform: How photos become pixels.
        indices: The photos whose pixels are wanted.
        threads: Photos decoded at once.
        progress: Called with photos done and photos in all.
        bad: The photos of the table that cannot be used are appended here, in order.

    Raises:
        ValueError: `threads` below 1.
    """
    wanted = {int(index) for index in indices}

    def decode(index: int, data: bytes) -> Tensor | None:
        if index not in wanted:
            decode_photo(data, min_side=_CHECK_SIDE)
            return None
        return torch.from_numpy(photo_pixels(data, transform)).permute(2, 0, 1).contiguous()  # (3, S, S)

    decoded = _read_each(table, decode, threads=threads, progress=progress, bad=bad)
    return {index: pixels for index, pixels in decoded if pixels is not None}


def read_photos(
    table: PhotoTable,
    read: Callable[[bytes], T],
    *,
    threads: int = 2,
    progress: Progress | None = None,
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
    return _read_each(table, lambda _, data: read(data), threads=threads, progress=progress, bad=bad)


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


def _read_each(
    table: PhotoTable,
    read: Callable[[int, bytes], T],
    *,
    threads: int,
    progress: Progress | None,
    bad: list[BadPhoto],
) -> Iterator[tuple[int, T]]:
    """Return an iterator over (index, `read(index, encoded photo)`) for every good photo, as `read_photos` does."""
    if threads < 1:
        raise ValueError(f"threads {threads} must be at least 1")

    def read_one(index: int) -> tuple[int, T] | BadPhoto:
        try:
            return index, read(index, table.photo_bytes(index))
        except DataError as error:
            return _bad_photo(table, index, error)

    def results() -> Iterator[tuple[int, T]]:
        for done, result in enumerate(_in_threads(range(len(table)), read_one, threads=threads, ahead=4 * threads), 1):
            if progress is not None:
                progress(done, len(table))
            if isinstance(result, BadPhoto):
                bad.append(result)
            else:
                yield result

    return results()


def _choose(
    photos: Iterator[LoadedPhoto | BadPhoto], wanted: Wanted, *, chunk_size: int
) -> Iterator[tuple[LoadedPhoto | BadPhoto, bool]]:
    """Yield every photo with whether it is wanted; a bad one never is."""
    while chunk := list(islice(photos, chunk_size)):
        good = [photo for photo in chunk if isinstance(photo, LoadedPhoto)]
        flags = iter(wanted([photo.index for photo in good], [photo.key for photo in good]) if good else ())
        for photo in chunk:
            yield photo, isinstance(photo, LoadedPhoto) and next(flags)


def _in_threads(items: Iterable[S], work: Callable[[S], T], *, threads: int, ahead: int) -> Iterator[T]:
    """Yield `work(item)` in the order of the items, at most `ahead` of them under way."""
    waiting: deque[Future[T]] = deque()
    upcoming = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
    try:
        while True:
            waiting.extend(pool.submit(work, item) for item in islice(upcoming, ahead - len(waiting)))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _bad_photo(table: PhotoTable, index: int, error: DataError) -> BadPhoto:
    row, path = table.frame["row"].iloc[index], table.frame["path"].iloc[index]
    return BadPhoto(int(row), str(path), str(error))
