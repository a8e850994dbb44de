"""Read every photo of a table to its end: which can be used, and an order of them by what they hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vicp.data.decoding.decode import decode_with_remarks
from vicp.data.images import image_pixels
from vicp.data.photos.fingerprints import DECODED_SIDE, PhotoFingerprint, image_fingerprint, photo_fingerprint
from vicp.data.records import BadPhoto, PhotoRemark, PhotoTable, bad_photos_message, log_remarks
from vicp.data.threads import map_in_order
from vicp.errors import DataError
from vicp.image_transform import ImageTransform
from vicp.io import content_hash
from vicp.progress import Progress

T = TypeVar("T")
Hashes = NDArray[np.uint64]

_CHECK_SIDE = 32  # a check reads the whole file, but needs few pixels of it


@dataclass(frozen=True, eq=False)
class PhotoFacts:
    """What photos are ordered and compared by.

    Attributes:
        file_hash: `content_hash` of the encoded file.
        fingerprint: Of what it shows.
    """

    file_hash: int
    fingerprint: PhotoFingerprint


def photo_facts(data: bytes) -> PhotoFacts:
    """Return the facts of an encoded photo.

    Raises:
        DataError: The bytes are not a photo, or a damaged or oversized one.
    """
    return PhotoFacts(content_hash(data), photo_fingerprint(data))


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
    facts: dict[int, PhotoFacts] | None = None,
    bad: list[BadPhoto],
) -> dict[int, NDArray[np.uint8]]:
    """Return the pixels (3, S, S) uint8 of some good photos by index; all others are read and decoded as a check.

    Every photo is read and decoded once, and only the pixels returned are kept in memory.

    Args:
        table: The photos.
        transform: How photos become pixels.
        indices: The photos whose pixels are wanted.
        threads: Photos decoded at once.
        progress: Called with photos done and photos in all.
        facts: Those of all good photos are put here by index; None makes none.
        bad: The photos of the table that cannot be used are appended here, in order.

    Raises:
        ValueError: `threads` below 1.
    """
    wanted = {int(index) for index in indices}

    def decode(index: int, data: bytes) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
        side = 2 * transform.size if index in wanted else _CHECK_SIDE if facts is None else DECODED_SIDE
        decoded = decode_with_remarks(data, min_side=side)
        if facts is not None:
            facts[index] = PhotoFacts(content_hash(data), image_fingerprint(decoded.image))
        if index not in wanted:
            return None, decoded.remarks
        pixels = np.ascontiguousarray(image_pixels(decoded.image, transform).transpose(2, 0, 1))  # (3, S, S)
        return pixels, decoded.remarks

    loaded: dict[int, NDArray[np.uint8]] = {}
    remarks: list[PhotoRemark] = []
    for index, (pixels, said) in _read_each(table, decode, threads=threads, progress=progress, bad=bad):
        remarks += table.remarks_on(index, said)
        if pixels is not None:
            loaded[index] = pixels
    log_remarks(remarks)
    return loaded


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


def photo_hashes(table: PhotoTable) -> Hashes:
    """Return a hash of every photo's file (n,); 0 of one that cannot be read."""
    bad: list[BadPhoto] = []
    hashes = np.zeros(len(table), dtype=np.uint64)
    for index, value in read_photos(table, content_hash, bad=bad):
        hashes[index] = value
    return hashes


def content_order(table: PhotoTable, hashes: Hashes) -> NDArray[np.int64]:
    """Return the rows (n,) of a table by the hash of each photo's file, so that a draw by position is of the photos.

    Equal files are in the order of their individuals, and files that cannot be read in that of their paths.

    Args:
        table: n photos.
        hashes: Of their files (n,), as `photo_hashes` gives them.
    """
    frame = table.frame
    paths = [str(path) for path in frame["path"]]
    names = [f"{category}/{identity}" for category, identity in zip(frame["category"], frame["identity"], strict=True)]
    rows = zip(hashes.tolist(), names, paths, strict=True)
    keys = [(value, name if value else "", path) for value, name, path in rows]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


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
            return table.bad_photo(index, error)

    def results() -> Iterator[tuple[int, T]]:
        for done, result in enumerate(map_in_order(range(len(table)), read_one, threads=threads, ahead=4 * threads), 1):
            if progress is not None:
                progress(done, len(table))
            if isinstance(result, BadPhoto):
                bad.append(result)
            else:
                yield result

    return results()
