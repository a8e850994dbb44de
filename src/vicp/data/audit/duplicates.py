"""Find photos that a table holds twice: byte for byte, or nearly (re-encoded, resized, the next frame of a burst)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

from vicp.data.images import decode_photo
from vicp.io import content_digest

# Measured on eight sets of photos: of those saved again at quality 50 or at half size, 99 % differ in at most 4 of the
# 64 bits, and all by at most 2 grey levels. With both limits, no photos of two identities were taken for one another;
# with the first alone, 140 pairs of cups and apples on one blue cloth were.
HASH_DISTANCE = 4
_COLOUR_DIFFERENCE = 4.0  # grey levels
_DECODED_SIDE = 64
_COLOUR_SIDE = 8
_ROWS, _COLUMNS, _PAIRS = 64, 8192, 20_000  # of one block; what bounds the memory


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What near-duplicates of a photo are found by.

    Attributes:
        digest: 64 bits of a hash of the encoded photo.
        perceptual_hash: The 64 bits of its perceptual hash, of grey values.
        colours: (64, 3) uint8, the photo at 8 x 8 pixels.
    """

    digest: int
    perceptual_hash: int
    colours: np.ndarray


@dataclass(frozen=True, eq=False)
class DuplicatePairs:
    """Pairs of photos that show the same, in order.

    Attributes:
        indices: (n, 2) int64, the first below the second.
        same_bytes: (n,) bool, whether the files are equal byte for byte.
    """

    indices: np.ndarray
    same_bytes: np.ndarray


def photo_fingerprint(data: bytes) -> Fingerprint:
    """Return the fingerprint of an encoded photo.

    Raises:
        DataError: The bytes are not a photo, or a damaged or oversized one.
    """
    photo = decode_photo(data, min_side=_DECODED_SIDE)
    perceptual_hash = np.packbits(imagehash.phash(photo).hash.reshape(-1)).tobytes()
    colours = np.array(photo.resize((_COLOUR_SIDE, _COLOUR_SIDE), Image.Resampling.BICUBIC)).reshape(-1, 3)
    digest = content_digest(data)
    return Fingerprint(int.from_bytes(digest, "big"), int.from_bytes(perceptual_hash, "big"), colours)


def duplicate_pairs(photos: Sequence[Fingerprint], *, distance: int = HASH_DISTANCE) -> Iterator[DuplicatePairs]:
    """Yield blocks of the pairs of photos that show the same.

    The perceptual hashes of such a pair differ in few bits, and its colours, less the mean of each photo (the
    exposure), agree: two objects of one kind can have one outline.

    Args:
        photos: N fingerprints.
        distance: Of the 64 bits, how many may differ between two perceptual hashes.
    """
    if not photos:
        return
    digests = np.array([photo.digest for photo in photos], dtype=np.uint64)
    colours = np.array([photo.colours for photo in photos], dtype=np.float32)  # (N, 64, 3)
    colours -= colours.mean(axis=1, keepdims=True)
    hashes = np.array([photo.perceptual_hash for photo in photos], dtype=np.uint64)
    for pairs in near_pairs(hashes, distance=distance):
        a, b = pairs.T
        same_bytes = digests[a] == digests[b]
        same_colours = np.abs(colours[a] - colours[b]).mean(axis=(1, 2)) <= _COLOUR_DIFFERENCE
        if same_colours.any():
            yield DuplicatePairs(pairs[same_colours], same_bytes[same_colours])


def near_pairs(hashes: np.ndarray, *, distance: int) -> Iterator[np.ndarray]:
    """Yield blocks (n, 2) int64 of the pairs i < j of hashes (N,) uint64 that differ in at most `distance` bits."""
    for top in range(0, len(hashes), _ROWS):
        rows = hashes[top : top + _ROWS, None]
        for left in range(top, len(hashes), _COLUMNS):
            differing = np.bitwise_count(rows ^ hashes[None, left : left + _COLUMNS])  # (rows, columns)
            i, j = np.nonzero(differing <= distance)
            pairs = np.stack([i + top, j + left], axis=1)
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            for start in range(0, len(pairs), _PAIRS):
                yield pairs[start : start + _PAIRS]
