"""Read the photos of a table in threads, each of them once, in order, keeping account of the bad ones."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vicp.data.decoding.decode import decode_with_remarks
from vicp.data.images import image_pixels, photo_key
from vicp.data.photos.exif import exif_date
from vicp.data.photos.fingerprints import PhotoFingerprint, image_fingerprint
from vicp.data.records import BadPhoto, PhotoRemark, PhotoTable, log_remarks
from vicp.data.threads import map_in_order
from vicp.errors import DataError
from vicp.image_transform import ImageTransform
from vicp.io import encode_thumbnail

Wanted = Callable[[Sequence[int], Sequence[bytes]], Sequence[bool]]
"""Of the indices and keys of some photos: which of them are to be decoded."""


@dataclass(frozen=True, eq=False)
class LoadedPhoto:
    """A photo that was read, hashed and decoded once.

    Attributes:
        index: Its position in the table.
        key: `photo_key` of the encoded file.
        encoded: The encoded file.
        pixels: (3, S, S) uint8; None where `wanted` did not ask for them.
        thumbnail: A small JPEG; None without pixels, or where no thumbnails were asked for.
        fingerprint: What near-equal photos are found by; None without pixels, or where none were asked for.
        remarks: Why it may not be the picture that was meant.
    """

    index: int
    key: bytes
    encoded: bytes
    pixels: NDArray[np.uint8] | None
    thumbnail: bytes | None
    fingerprint: PhotoFingerprint | None = None
    remarks: tuple[str, ...] = ()

    @property
    def date(self) -> str:
        """When it was taken, as the camera wrote into the file; "" where it did not."""
        return exif_date(self.encoded)


@dataclass(frozen=True, eq=False)
class PixelBatch:
    """Photos ready to be normalised.

    Attributes:
        indices: (b,) int64, their positions in the table.
        pixels: (b, 3, S, S) uint8.
    """

    indices: np.ndarray
    pixels: NDArray[np.uint8]


def load_photos(
    table: PhotoTable,
    transform: ImageTransform,
    *,
    indices: Sequence[int] | np.ndarray | None = None,
    wanted: Wanted | None = None,
    thumbnail_size: int | None = None,
    fingerprints: bool = False,
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
        fingerprints: Make the fingerprint of every photo that is decoded.
        ahead: Photos read ahead.
        threads: Photos read or decoded at once.
        bad: The photos that cannot be used are appended here, in order; report them after the last photo.

    Raises:
        ValueError: `ahead` or `threads` below 1.
    """
    if ahead < 1 or threads < 1:
        raise ValueError(f"ahead {ahead} and threads {threads} must be at least 1")
    order = range(len(table)) if indices is None else [int(index) for index in indices]
    reader = _PhotoReader(table, transform, thumbnail_size, fingerprints)
    if wanted is None:
        loaded = map_in_order(order, reader.read_and_decode, threads=threads, ahead=ahead)
    else:
        read_ahead = map_in_order(order, reader.read, threads=threads, ahead=ahead)
        choices = _choose(read_ahead, wanted, chunk_size=ahead)
        loaded = map_in_order(choices, reader.decode_wanted, threads=threads, ahead=ahead)
    return _without_bad(table, loaded, bad)


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
            yield PixelBatch(np.array([photo.index for photo in batch]), np.stack(pixels))  # (b, 3, S, S)

    return batches()


@dataclass(frozen=True, eq=False)
class _PhotoReader:
    """Reads, hashes and decodes the photos of a table, each in its own call, in any thread."""

    table: PhotoTable
    transform: ImageTransform
    thumbnail_size: int | None
    fingerprints: bool

    def read(self, index: int) -> LoadedPhoto | BadPhoto:
        """Return a photo without its pixels."""
        try:
            encoded = self.table.photo_bytes(index)
        except DataError as error:
            return self.table.bad_photo(index, error)
        return LoadedPhoto(index, photo_key(encoded), encoded, None, None)

    def decode(self, photo: LoadedPhoto) -> LoadedPhoto | BadPhoto:
        """Return a photo with its pixels and, where one is asked for, its thumbnail."""
        try:
            decoded = decode_with_remarks(photo.encoded, min_side=2 * self.transform.size)
        except DataError as error:
            return self.table.bad_photo(photo.index, error)
        image = decoded.image
        pixels = np.ascontiguousarray(image_pixels(image, self.transform).transpose(2, 0, 1))  # (3, S, S)
        thumbnail = None if self.thumbnail_size is None else encode_thumbnail(image, self.thumbnail_size)
        fingerprint = image_fingerprint(image) if self.fingerprints else None
        return replace(photo, pixels=pixels, thumbnail=thumbnail, fingerprint=fingerprint, remarks=decoded.remarks)

    def read_and_decode(self, index: int) -> LoadedPhoto | BadPhoto:
        photo = self.read(index)
        return photo if isinstance(photo, BadPhoto) else self.decode(photo)

    def decode_wanted(self, choice: tuple[LoadedPhoto | BadPhoto, bool]) -> LoadedPhoto | BadPhoto:
        photo, is_wanted = choice
        return self.decode(photo) if is_wanted and isinstance(photo, LoadedPhoto) else photo


def _without_bad(
    table: PhotoTable, photos: Iterator[LoadedPhoto | BadPhoto], bad: list[BadPhoto]
) -> Iterator[LoadedPhoto]:
    """Yield the good photos, what there is to say of them being logged at the end; the others are appended to `bad`."""
    remarks: list[PhotoRemark] = []
    for photo in photos:
        if isinstance(photo, BadPhoto):
            bad.append(photo)
        else:
            remarks += table.remarks_on(photo.index, photo.remarks)
            yield photo
    log_remarks(remarks)


def _choose(
    photos: Iterator[LoadedPhoto | BadPhoto], wanted: Wanted, *, chunk_size: int
) -> Iterator[tuple[LoadedPhoto | BadPhoto, bool]]:
    """Yield every photo with whether it is wanted; a bad one never is."""
    while chunk := list(islice(photos, chunk_size)):
        good = [photo for photo in chunk if isinstance(photo, LoadedPhoto)]
        flags = iter(wanted([photo.index for photo in good], [photo.key for photo in good]) if good else ())
        for photo in chunk:
            yield photo, isinstance(photo, LoadedPhoto) and next(flags)
