import io

import numpy as np
import pytest
from PIL import Image
from tests.helpers.photos import blob_photo

from vicp.data.audit.duplicates import duplicate_pairs, near_pairs, photo_fingerprint


def encoded(image: Image.Image, *, quality: int = 92) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def found(*photos: bytes) -> list[tuple[int, int, bool]]:
    blocks = duplicate_pairs([photo_fingerprint(data) for data in photos])
    return [
        (int(i), int(j), bool(same))
        for block in blocks
        for (i, j), same in zip(block.indices, block.same_bytes, strict=True)
    ]


COPIES = {
    "saved again": lambda image: encoded(image, quality=40),
    "resized": lambda image: encoded(image.resize((77, 80)), quality=85),
    "enlarged": lambda image: encoded(image.resize((400, 400))),
    "brighter": lambda image: encoded(image.point(lambda value: value + 20)),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_changed_copy_is_a_near_duplicate(copy) -> None:
    others = [encoded(blob_photo(seed)) for seed in range(1, 20)]
    assert found(encoded(blob_photo(0)), *others, copy(blob_photo(0))) == [(0, 20, False)]


def test_equal_bytes_are_said_to_be() -> None:
    data = encoded(blob_photo(0))
    assert found(data, encoded(blob_photo(1)), data) == [(0, 2, True)]


def test_one_outline_in_other_colours_is_another_photo() -> None:
    red, _, blue = blob_photo(0).convert("L").convert("RGB").split()
    dark = red.point(lambda value: value // 3)
    one, other = Image.merge("RGB", (red, dark, dark)), Image.merge("RGB", (dark, dark, blue))
    prints = [photo_fingerprint(encoded(image)) for image in (one, other)]
    assert (prints[0].perceptual_hash ^ prints[1].perceptual_hash).bit_count() <= 4
    assert found(encoded(one), encoded(other)) == []


def test_every_pair_across_blocks_is_found_once() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 9000, dtype=np.uint64)
    for i, j, bits in ((0, 8999, 4), (63, 64, 3), (8191, 8192, 0), (10, 11, 1), (200, 300, 5)):
        hashes[j] = hashes[i] ^ np.uint64(2**bits - 1)
    pairs = sorted(tuple(map(int, pair)) for block in near_pairs(hashes, distance=4) for pair in block)
    assert pairs == [(0, 8999), (10, 11), (63, 64), (8191, 8192)]
    assert (200, 300) in [tuple(map(int, pair)) for block in near_pairs(hashes, distance=5) for pair in block]


def test_no_photos_no_pairs() -> None:
    assert list(duplicate_pairs([])) == []
