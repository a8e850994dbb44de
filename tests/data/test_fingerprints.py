import io
import time

import numpy as np
import pytest
from PIL import Image
from tests.helpers.photos import blob_photo

from vicp.data.photos.fingerprints import (
    FingerprintIndex,
    PhotoFingerprint,
    near_groups,
    near_pairs,
    photo_fingerprint,
)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 92} | options if kind == "JPEG" else options))
    return buffer.getvalue()


def found(*photos: bytes) -> list[tuple[int, int, bool]]:
    """The pairs that show the same, and whether their pixels are equal."""
    prints = [photo_fingerprint(data) for data in photos]
    pairs = sorted(tuple(map(int, pair)) for block in near_pairs(prints) for pair in block)
    return [(i, j, prints[i].pixels == prints[j].pixels) for i, j in pairs]


def made_up(seed: int, *, hash_bits: int = 0, brighter: int = 0) -> PhotoFingerprint:
    """A fingerprint of a seed's own, with some bits of the hash turned and other values of its colours."""
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(0, 2**63)) ^ (2**hash_bits - 1)
    colours = rng.integers(20, 200, (64, 3)) + brighter * rng.choice([-1, 1], (64, 3))
    return PhotoFingerprint(hash((seed, hash_bits, brighter)) % 2**64, bits, colours.astype(np.uint8))


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


def with_comment(jpeg: bytes) -> bytes:
    text = b"station 4"
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def turned_by_a_tag(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (encoded(blob_photo(0)), encoded(blob_photo(0))),
        (encoded(blob_photo(0)), with_comment(encoded(blob_photo(0)))),
        (encoded(blob_photo(0), "PNG"), encoded(blob_photo(0), "PNG", compress_level=1)),
        (encoded(blob_photo(0), "PNG"), encoded(blob_photo(0), "BMP")),
        (encoded(blob_photo(0), "PNG"), encoded(blob_photo(0), "WEBP", lossless=True)),
        (encoded(blob_photo(0), "PNG"), turned_by_a_tag(blob_photo(0))),
    ],
    ids=["same bytes", "comment", "compression", "format", "lossless", "orientation"],
)
def test_equal_pixels_are_said_to_be_whatever_the_bytes(one: bytes, other: bytes) -> None:
    assert found(one, encoded(blob_photo(1)), other) == [(0, 2, True)]


def test_one_outline_in_other_colours_is_another_photo() -> None:
    red, _, blue = blob_photo(0).convert("L").convert("RGB").split()
    dark = red.point(lambda value: value // 3)
    one, other = Image.merge("RGB", (red, dark, dark)), Image.merge("RGB", (dark, dark, blue))
    prints = [photo_fingerprint(encoded(image)) for image in (one, other)]
    assert (prints[0].perceptual_hash ^ prints[1].perceptual_hash).bit_count() <= 4
    assert found(encoded(one), encoded(other)) == []


def test_every_near_pair_is_found_once() -> None:
    prints = [made_up(seed) for seed in range(3000)]
    for i, j, bits in ((0, 2999, 4), (63, 64, 3), (10, 11, 0), (5, 6, 1), (200, 300, 5)):
        prints[j] = made_up(i, hash_bits=bits)
    pairs = sorted(tuple(map(int, pair)) for block in near_pairs(prints) for pair in block)
    assert pairs == [(0, 2999), (5, 6), (10, 11), (63, 64)]
    assert (200, 300) in [tuple(map(int, pair)) for block in near_pairs(prints, distance=5) for pair in block]


def test_colours_that_differ_more_than_four_levels_are_another_photo() -> None:
    assert near_groups([made_up(1), made_up(1, brighter=3), made_up(1, brighter=6)]).tolist() == [0, 0, 0]  # linked
    assert near_groups([made_up(1), made_up(1, brighter=6)]).tolist() == [0, 1]


def test_groups_are_what_the_pairs_link_in_any_order() -> None:
    rng = np.random.default_rng(0)
    prints = [made_up(n % 50, hash_bits=int(rng.integers(0, 7)), brighter=int(rng.integers(0, 9))) for n in range(600)]
    linked = np.arange(600)
    for block in near_pairs(prints):
        for i, j in block:
            linked[linked == linked[j]] = linked[i]
    expected = {frozenset(np.flatnonzero(linked == label)) for label in linked}
    for order in (np.arange(600), rng.permutation(600)):
        groups = near_groups([prints[n] for n in order])
        assert {frozenset(order[groups == group]) for group in groups} == expected
        _, firsts = np.unique(groups, return_index=True)
        assert (np.diff(firsts) > 0).all()  # numbered by their first photo


@pytest.mark.parametrize("kind", ["equal", "burst", "one outline"])
def test_many_photos_of_one_scene_take_seconds(kind: str) -> None:
    """Pair by pair these would be 8 * 10^8."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, 1, dtype=np.uint64) ^ (np.uint64(1) << rng.integers(0, 64, 40_000, dtype=np.uint64))
    colours = rng.integers(20, 200, (64, 3)) + rng.integers(-2, 3, (40_000, 64, 3))
    match kind:
        case "equal":
            bits[:], colours[:] = bits[0], colours[0]
        case "one outline":
            bits[:], colours = bits[0], rng.integers(0, 256, (3000, 64, 3))
    prints = [PhotoFingerprint(n, int(bits[n]), c.astype(np.uint8)) for n, c in enumerate(colours)]
    start = time.process_time()
    groups = near_groups(prints)
    assert time.process_time() - start < 20
    assert len(set(groups.tolist())) == (3000 if kind == "one outline" else 1)


def test_no_photos_no_pairs_no_groups() -> None:
    assert list(near_pairs([])) == []
    assert near_groups([]).shape == (0,)


def test_an_index_finds_equal_and_near_photos() -> None:
    index = FingerprintIndex([made_up(seed) for seed in range(1500)])
    assert (len(index), index.find_equal(made_up(1400)), index.find_near(made_up(1400))) == (1500, 1400, 1400)
    near = made_up(700, hash_bits=2, brighter=2)
    assert (index.find_equal(near), index.find_near(near)) == (None, 700)
    assert index.find_near(made_up(9999)) is None
    assert index.add(near) == 1500
    assert index.find_near(made_up(700, hash_bits=2, brighter=1)) == 1500  # the one that differs least
    assert FingerprintIndex().find_near(near) is None


def test_a_fingerprint_survives_its_bytes() -> None:
    given = photo_fingerprint(encoded(blob_photo(3)))
    back = PhotoFingerprint.from_bytes(given.to_bytes())
    assert (back.pixels, back.perceptual_hash) == (given.pixels, given.perceptual_hash)
    assert np.array_equal(back.colours, given.colours)
    with pytest.raises(ValueError, match="207 bytes, expected the 208"):
        PhotoFingerprint.from_bytes(given.to_bytes()[1:])
