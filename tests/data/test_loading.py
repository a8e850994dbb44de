import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vicp.data.images import decode_photo, photo_key, photo_pixels
from vicp.data.loading import load_photos, load_pixels
from vicp.data.photo_check import check_and_load, check_photos, without
from vicp.data.records import BadPhoto, PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.image_transform import ImageTransform
from vicp.io import encode_thumbnail

TRANSFORM = ImageTransform(size=16)
REAL_PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "household50.parquet"


@pytest.fixture
def photos(tmp_path: Path) -> PhotoTable:
    """Twelve photos of grey level 20 * row, in a folder whose name has spaces and Unicode."""
    folder = tmp_path / "ma chatte, été 猫"
    folder.mkdir()
    for row in range(1, 13):
        Image.new("RGB", (40, 30), (20 * row,) * 3).save(folder / f"photo {row}.png")
    return open_photos(folder, need_identity=False)


@pytest.fixture
def damaged(photos: PhotoTable) -> PhotoTable:
    """The same, with one photo of each kind that cannot be used."""
    root = photos.root
    assert root is not None
    whole = (root / "photo 2.png").read_bytes()
    (root / "photo 2.png").write_bytes(whole[: len(whole) // 2])
    (root / "photo 4.png").write_bytes(b"")
    (root / "photo 6.png").write_text("a shopping list")
    (root / "photo 8.png").unlink()
    (root / "photo 10.png").unlink()
    (root / "photo 10.png").mkdir()
    bomb = struct.pack(">4sIIBBBBB", b"IHDR", 30_000, 30_000, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + bomb + struct.pack(">I", zlib.crc32(bomb))
    (root / "photo 12.png").write_bytes(head + struct.pack(">I", 0) + b"IDAT" + b"\0" * 20)
    return photos


REASONS = {
    2: "truncated or damaged",
    4: "the file is empty",
    6: "not a JPEG",
    8: "no such file",
    10: "a folder, not a file",
    12: "30000 x 30000 is 900 megapixels",
}


def check_reasons(bad: list[BadPhoto]) -> None:
    assert [photo.row for photo in bad] == list(REASONS)
    assert [photo.path for photo in bad] == [f"photo {row}.png" for row in REASONS]
    for photo in bad:
        assert photo.reason.startswith(REASONS[photo.row])


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_in_order_with_their_pixels(photos: PhotoTable, threads: int) -> None:
    bad: list[BadPhoto] = []
    batches = list(load_pixels(photos, TRANSFORM, batch_size=5, threads=threads, bad=bad))
    assert [list(batch.indices) for batch in batches] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    assert bad == []
    pixels = np.concatenate([batch.pixels for batch in batches])
    assert (pixels.shape, pixels.dtype) == ((12, 3, 16, 16), np.uint8)
    assert pixels[:, 0, 8, 8].tolist() == [20 * row for row in range(1, 13)]


@pytest.mark.parametrize("threads", [1, 3])
def test_load_photos_gives_index_key_pixels_and_thumbnail_in_order(photos: PhotoTable, threads: int) -> None:
    loaded = list(load_photos(photos, TRANSFORM, indices=[3, 0], thumbnail_size=8, threads=threads, bad=[]))
    assert [photo.index for photo in loaded] == [3, 0]
    for photo in loaded:
        encoded = photos.photo_bytes(photo.index)
        assert (photo.encoded, photo.key) == (encoded, photo_key(encoded))
        assert photo.pixels is not None
        np.testing.assert_array_equal(photo.pixels.transpose(1, 2, 0), photo_pixels(encoded, TRANSFORM))
        assert photo.thumbnail == encode_thumbnail(decode_photo(encoded), 8)
        assert Image.open(io.BytesIO(photo.thumbnail)).size == (8, 6)


def test_load_photos_without_thumbnail_size_makes_none(photos: PhotoTable) -> None:
    assert [photo.thumbnail for photo in load_photos(photos, TRANSFORM, bad=[])] == [None] * 12


def test_load_photos_reports_bad_photos_in_order(damaged: PhotoTable) -> None:
    bad: list[BadPhoto] = []
    assert [photo.index for photo in load_photos(damaged, TRANSFORM, ahead=3, bad=bad)] == [0, 2, 4, 6, 8, 10]
    check_reasons(bad)


def test_load_photos_decodes_only_what_is_wanted(damaged: PhotoTable) -> None:
    asked: list[int] = []

    def is_wanted(indices: Sequence[int], keys: Sequence[bytes]) -> list[bool]:
        assert [photo_key(damaged.photo_bytes(index)) for index in indices] == list(keys)
        asked.extend(indices)
        return [index >= 4 for index in indices]

    bad: list[BadPhoto] = []
    loaded = list(load_photos(damaged, TRANSFORM, wanted=is_wanted, thumbnail_size=8, ahead=3, bad=bad))
    assert asked == [0, 1, 2, 3, 4, 5, 6, 8, 10, 11]  # all that could be read
    assert [photo.index for photo in loaded] == [0, 1, 2, 3, 4, 6, 8, 10]
    assert [photo.pixels is None for photo in loaded] == [True] * 4 + [False] * 4
    assert [photo.thumbnail is None for photo in loaded] == [True] * 4 + [False] * 4
    assert [photo.row for photo in bad] == [6, 8, 10, 12]  # photos 2 and 4 were not decoded


def test_load_photos_raises_what_wanted_raises(photos: PhotoTable) -> None:
    def fail(indices: Sequence[int], keys: Sequence[bytes]) -> list[bool]:
        raise DataError("the cache is broken")

    with pytest.raises(DataError, match="the cache is broken"):
        list(load_photos(photos, TRANSFORM, wanted=fail, bad=[]))


def test_chosen_indices_in_the_order_asked_for(photos: PhotoTable) -> None:
    batches = list(load_pixels(photos, TRANSFORM, indices=np.array([7, 0, 7]), bad=[]))
    assert batches[0].indices.tolist() == [7, 0, 7]
    assert batches[0].pixels[:, 1, 3, 3].tolist() == [160, 20, 160]


def test_bad_photos_are_reported_together_and_the_others_loaded(damaged: PhotoTable) -> None:
    bad: list[BadPhoto] = []
    batches = list(load_pixels(damaged, TRANSFORM, batch_size=4, bad=bad))
    assert [batch.indices.tolist() for batch in batches] == [[0, 2, 4, 6], [8, 10]]
    assert batches[0].pixels[:, 0, 0, 0].tolist() == [20, 60, 100, 140]
    check_reasons(bad)


def test_check_photos_finds_the_same(damaged: PhotoTable) -> None:
    check_reasons(check_photos(damaged))


def test_without_drops_and_records_them(damaged: PhotoTable) -> None:
    bad = check_photos(damaged)
    good = without(damaged, bad)
    assert list(good.frame["row"]) == [1, 3, 5, 7, 9, 11]
    assert good.skipped == tuple(bad)
    assert check_photos(good) == []
    assert len(damaged) == 12


def test_without_any_left(photos: PhotoTable) -> None:
    bad = [BadPhoto(row, f"photo {row}.png", "empty") for row in range(1, 13)]
    with pytest.raises(DataError, match="no photo is left: 12 photos"):
        without(photos, bad)


def test_a_truncated_jpeg_is_found_although_checked_at_reduced_scale(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) * 9 // 10])
    bad = check_photos(open_photos(tmp_path, need_identity=False))
    assert [photo.path for photo in bad] == ["a.jpg"]
    assert bad[0].reason.startswith("truncated or damaged")


def test_looking_ahead_is_bounded_and_stops_with_the_consumer(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    for row in range(60):
        (tmp_path / f"{row}.png").write_bytes(buffer.getvalue())
    photos = open_photos(tmp_path, need_identity=False)
    batches = load_pixels(photos, TRANSFORM, batch_size=2, bad=(bad := []))
    next(batches)
    for row in range(10, 60):  # two batches ahead of the first: these cannot have been read yet
        (tmp_path / f"{row}.png").unlink()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert bad == []
    assert len(list(load_pixels(photos, TRANSFORM, bad=(bad := [])))) == 1
    assert len(bad) == 50


def test_wrong_arguments_are_refused_at_once(photos: PhotoTable) -> None:
    with pytest.raises(ValueError, match="batch_size 0"):
        load_pixels(photos, TRANSFORM, batch_size=0, bad=[])
    with pytest.raises(ValueError, match="threads 0"):
        load_pixels(photos, TRANSFORM, threads=0, bad=[])
    with pytest.raises(ValueError, match="ahead 0"):
        load_photos(photos, TRANSFORM, ahead=0, bad=[])
    with pytest.raises(ValueError, match="threads 0"):
        check_photos(photos, threads=0)


def test_an_empty_table_gives_no_batches(photos: PhotoTable) -> None:
    assert list(load_pixels(photos.select([]), TRANSFORM, bad=[])) == []


def test_real_photos() -> None:
    if not REAL_PHOTOS.exists():
        pytest.skip(f"the development photos are not here: {REAL_PHOTOS}")
    photos = open_photos(REAL_PHOTOS)
    assert (len(photos), len(photos.categories), len(set(photos.identities))) == (200, 17, 50)
    first = photos.select(range(20))
    bad: list[BadPhoto] = []
    pixels = np.concatenate([batch.pixels for batch in load_pixels(first, TRANSFORM, batch_size=8, bad=bad)])
    assert bad == []
    alone = photo_pixels(first.photo_bytes(13), TRANSFORM)
    np.testing.assert_array_equal(pixels[13].transpose(1, 2, 0), alone)


def test_check_and_load_returns_the_wanted_pixels_and_checks_all(damaged: PhotoTable) -> None:
    bad: list[BadPhoto] = []
    calls: list[tuple[int, int]] = []
    pixels = check_and_load(
        damaged, TRANSFORM, indices=[1, 2, 10], progress=lambda done, total: calls.append((done, total)), bad=bad
    )
    check_reasons(bad)
    assert list(pixels) == [2, 10]  # photo 1 is truncated
    for index, photo in pixels.items():
        expected = photo_pixels(damaged.photo_bytes(index), TRANSFORM)
        np.testing.assert_array_equal(photo.transpose(1, 2, 0), expected)
    assert calls == [(done, 12) for done in range(1, 13)]
