"""What a photo shows, in 208 bytes: tell by pixels which photos are the same, or nearly (saved again, one burst).

Everything that asks whether two photos show the same asks it here, whatever the files are called and however they are
encoded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import imagehash
import numpy as np
from PIL import Image

from vicp.data.images import decode_photo
from vicp.io import content_digest


def _hadamard(size: int) -> np.ndarray:
    """Return Sylvester's Hadamard matrix of a power of two."""
    matrix = np.ones((1, 1), dtype=np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


# Measured on eight sets of photos: of those saved again at quality 50 or at half size, 99 % differ in at most 4 of the
# 64 bits, and all by at most 2 grey levels. With both limits, no photos of two identities were taken for one another;
# with the first alone, 140 pairs of cups and apples on one blue cloth were.
HASH_DISTANCE = 4
COLOUR_DIFFERENCE = 4.0  # grey levels
DECODED_SIDE = 64  # pixels that suffice for a fingerprint
_COLOUR_SIDE = 8
_COLOUR_BYTES = 3 * _COLOUR_SIDE**2
_DIGEST_ROWS = 256  # of a photo, hashed at a time
_LARGE_BUCKET = 32  # photos, above which a bucket is searched photo by photo instead of in rows of pairs
_PAIRS = 20_000  # of one block; what bounds the memory
_COMPARED = 64  # photos of a near perceptual hash whose colours an index compares
_PROJECTIONS = _hadamard(_COLOUR_SIDE**2)[1:9]  # (8, 64): halves, quarters and stripes of a photo


@dataclass(frozen=True, eq=False)
class PhotoFingerprint:
    """What photos that show the same are found by.

    Attributes:
        pixels: 64 bits of a digest of the decoded pixels and the size.
        perceptual_hash: The 64 bits of its perceptual hash, of grey values.
        colours: (64, 3) uint8, the photo at 8 x 8 pixels.
    """

    pixels: int
    perceptual_hash: int
    colours: np.ndarray

    def to_bytes(self) -> bytes:
        """Return the fingerprint in 208 bytes."""
        numbers = self.pixels.to_bytes(8, "big") + self.perceptual_hash.to_bytes(8, "big")
        return numbers + np.ascontiguousarray(self.colours, dtype=np.uint8).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "PhotoFingerprint":
        """Return the fingerprint that `to_bytes` gave these bytes of.

        Raises:
            ValueError: There are not 208 bytes.
        """
        if len(data) != 16 + _COLOUR_BYTES:
            raise ValueError(f"{len(data)} bytes, expected the {16 + _COLOUR_BYTES} of a fingerprint")
        colours = np.frombuffer(data, dtype=np.uint8, offset=16).reshape(-1, 3)
        return cls(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:16], "big"), colours)


def photo_fingerprint(data: bytes) -> PhotoFingerprint:
    """Return the fingerprint of an encoded photo.

    Raises:
        DataError: The bytes are not a photo, or a damaged or oversized one.
    """
    return image_fingerprint(decode_photo(data, min_side=DECODED_SIDE))


def image_fingerprint(image: Image.Image) -> PhotoFingerprint:
    """Return the fingerprint of a decoded RGB image.

    A large JPEG that was decoded at a smaller scale has another digest of its pixels than at full size; the other
    parts hardly change. So compare fingerprints that were made with one `min_side`.
    """
    perceptual_hash = np.packbits(imagehash.phash(image).hash.reshape(-1)).tobytes()
    colours = np.array(image.resize((_COLOUR_SIDE, _COLOUR_SIDE), Image.Resampling.BICUBIC)).reshape(-1, 3)
    strips = range(0, image.height, _DIGEST_ROWS)
    rows = (image.crop((0, top, image.width, min(top + _DIGEST_ROWS, image.height))).tobytes() for top in strips)
    size = f"{image.width} x {image.height}".encode()
    digest = content_digest(part for parts in ((size,), rows) for part in parts)
    return PhotoFingerprint(int.from_bytes(digest, "big"), int.from_bytes(perceptual_hash, "big"), colours)


def near_groups(photos: Sequence[PhotoFingerprint], *, distance: int = HASH_DISTANCE) -> np.ndarray:
    """Return the group (N,) int64 of each photo: photos that show the same, and those linked by such, are in one.

    Groups are numbered by their first photo and do not depend on the order otherwise. Photos whose perceptual hashes
    differ in few bits agree in a whole band of bits, so only photos that share a band are compared, and photos that
    are found to belong together are not compared with each other again: 40,000 frames of one scene, or of 40,000
    scenes, take seconds.

    Args:
        photos: N fingerprints.
        distance: Of the 64 bits, how many may differ between two perceptual hashes.
    """
    if not photos:
        return np.zeros(0, dtype=np.int64)
    records = np.frombuffer(b"".join(photo.to_bytes()[8:] for photo in photos), dtype=f"V{8 + _COLOUR_BYTES}")
    _, firsts, looks = np.unique(records, return_index=True, return_inverse=True)
    labels = _Looks([photos[first] for first in firsts], distance).groups()
    _, first_rows, groups = np.unique(labels[looks], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_rows))[groups].astype(np.int64)


def near_pairs(photos: Sequence[PhotoFingerprint], *, distance: int = HASH_DISTANCE) -> Iterator[np.ndarray]:
    """Yield blocks (n, 2) int64 of the pairs i < j of photos that show the same, each once.

    Of n photos of one scene these are n² / 2 pairs: `near_groups` says the same without them.

    Args:
        photos: N fingerprints.
        distance: Of the 64 bits, how many may differ between two perceptual hashes.
    """
    if not photos:
        return
    for pairs in _Looks(photos, distance).pairs():
        yield np.sort(pairs, axis=1)


class FingerprintIndex:
    """Photos that new ones are compared with, one after the other.

    Args:
        photos: Fingerprints to begin with, at positions 0, 1, 2.
    """

    def __init__(self, photos: Sequence[PhotoFingerprint] = ()) -> None:
        self._size = 0
        self._hashes = np.zeros(1024, dtype=np.uint64)
        self._colours = np.zeros((1024, _COLOUR_BYTES), dtype=np.uint8)
        self._position_of: dict[int, int] = {}
        for photo in photos:
            self.add(photo)

    def __len__(self) -> int:
        return self._size

    def add(self, photo: PhotoFingerprint) -> int:
        """Add a photo and return its position."""
        if self._size == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._colours = np.concatenate([self._colours, np.zeros_like(self._colours)])
        self._hashes[self._size] = photo.perceptual_hash
        self._colours[self._size] = photo.colours.reshape(-1)
        self._position_of.setdefault(photo.pixels, self._size)
        self._size += 1
        return self._size - 1

    def find_equal(self, photo: PhotoFingerprint) -> int | None:
        """Return the position of the first photo of the same pixels, or None."""
        return self._position_of.get(photo.pixels)

    def find_near(self, photo: PhotoFingerprint) -> int | None:
        """Return the position of the photo that shows the same and differs least, equal ones included, or None."""
        differing = np.bitwise_count(self._hashes[: self._size] ^ np.uint64(photo.perceptual_hash))
        candidates = np.flatnonzero(differing <= HASH_DISTANCE)
        candidates = candidates[np.argsort(differing[candidates], kind="stable")[:_COMPARED]]
        if not len(candidates):
            return None
        colours = _centred(self._colours[candidates].reshape(-1, _COLOUR_SIDE**2, 3))
        difference = np.abs(colours - _centred(photo.colours[None])).mean(axis=1)
        least = int(difference.argmin())
        return int(candidates[least]) if difference[least] <= COLOUR_DIFFERENCE else None


class _Looks:
    """Hashes and colours of N photos as arrays, and how photos that share a band of bits are compared."""

    def __init__(self, photos: Sequence[PhotoFingerprint], distance: int) -> None:
        self._distance = distance
        self._hashes = np.array([photo.perceptual_hash for photo in photos], dtype=np.uint64)
        colours = np.array([photo.colours for photo in photos]).reshape(-1, _COLOUR_SIDE**2, 3)
        self._colours = _centred(colours)  # (N, 192)
        sums = self._colours.reshape(-1, _COLOUR_SIDE**2, 3).sum(axis=2)  # (N, 64)
        self._projections = _PROJECTIONS @ sums.T / _COLOUR_BYTES  # (8, N); they differ at most as the colours do
        edges = np.linspace(0, 64, distance + 2).astype(int)
        self._bands = [
            (self._hashes >> np.uint64(low)) & np.uint64(2 ** int(high - low) - 1) for low, high in pairwise(edges)
        ]

    def pairs(self) -> Iterator[np.ndarray]:
        """Yield blocks (n, 2) of the pairs that show the same, each once."""
        for number in range(len(self._bands)):
            order, neighbours = self._by_band(number)
            for step in range(1, int(neighbours.max()) + 1):
                first = np.flatnonzero(neighbours >= step)
                pairs = np.stack([order[first], order[first + step]], axis=1)
                for start in range(0, len(pairs), _PAIRS):
                    block = pairs[start : start + _PAIRS]
                    yield block[self._are_near(block[:, 0], block[:, 1], number)]

    def groups(self) -> np.ndarray:
        """Return the group (N,) of each photo; numbers have no meaning."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self._hashes)
        groups = np.arange(count)
        links = [np.zeros((0, 2), dtype=np.int64)]
        for number in range(len(self._bands)):
            links += self._links(number, groups)
            left, right = np.concatenate(links).T
            graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
            groups = connected_components(graph, directed=False)[1]
        return groups

    def _links(self, number: int, groups: np.ndarray) -> Iterator[np.ndarray]:
        """Yield blocks (n, 2) of pairs that show the same and agree in a band: enough of them to link its photos.

        Args:
            number: The band's.
            groups: (N,), in which the bands before it have put the photos.
        """
        order, neighbours = self._by_band(number)
        starts = np.flatnonzero(np.diff(neighbours, prepend=-1) >= 0)  # the first of each bucket
        for start in starts[neighbours[starts] >= _LARGE_BUCKET]:
            bucket = slice(start, start + neighbours[start] + 1)
            yield from self._links_within(order[bucket], number, groups)
            neighbours[bucket] = 0
        for step in range(1, int(neighbours.max()) + 1):
            first = np.flatnonzero(neighbours >= step)
            left, right = order[first], order[first + step]
            near = self._are_near(left, right, number)
            yield np.stack([left[near], right[near]], axis=1)

    def _by_band(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the photos in the order of a band, and how many that follow each agree with it in the band."""
        order = np.argsort(self._bands[number], kind="stable")
        band = self._bands[number][order]
        return order, np.searchsorted(band, band, side="right") - np.arange(len(band)) - 1

    def _links_within(self, bucket: np.ndarray, number: int, groups: np.ndarray) -> Iterator[np.ndarray]:
        """Yield pairs (n, 2) that link the photos of a bucket; what is linked is not compared again."""
        unseen = bucket
        while len(unseen):
            group = groups[unseen] == groups[unseen[0]]
            waiting, unseen = unseen[group].tolist(), unseen[~group]
            while waiting and len(unseen):
                photo = np.array([waiting.pop()])
                near = self._are_near(photo, unseen, number)
                if near.any():
                    yield np.stack([np.repeat(photo, near.sum()), unseen[near]], axis=1)
                    linked = near | np.isin(groups[unseen], groups[unseen[near]])
                    waiting.extend(unseen[linked].tolist())
                    unseen = unseen[~linked]

    def _are_near(self, left: np.ndarray, right: np.ndarray, number: int) -> np.ndarray:
        """Return whether pairs (n,) show the same; False for those that an earlier band than this has in common.

        Args:
            left: (n,), or (1,) for one photo against n.
            right: (n,).
            number: Of a band that each pair has in common.
        """
        left = np.broadcast_to(left, right.shape)
        kept = np.flatnonzero(np.bitwise_count(self._hashes[left] ^ self._hashes[right]) <= self._distance)
        for band in self._bands[:number]:
            kept = kept[band[left[kept]] != band[right[kept]]]
        for projection in self._projections:
            kept = kept[np.abs(projection[left[kept]] - projection[right[kept]]) <= COLOUR_DIFFERENCE]
        near = np.zeros(len(right), dtype=bool)
        for start in range(0, len(kept), _PAIRS):
            block = kept[start : start + _PAIRS]
            difference = np.abs(self._colours[left[block]] - self._colours[right[block]]).mean(axis=1)
            near[block] = difference <= COLOUR_DIFFERENCE
        return near


def _centred(colours: np.ndarray) -> np.ndarray:
    """Return colours (n, 64, 3) less the mean of each photo, the exposure, as (n, 192) float32."""
    values = colours.astype(np.float32)
    return np.asarray((values - values.mean(axis=1, keepdims=True)).reshape(len(values), -1))
