import hashlib
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from vicp.io import atomic_folder, atomic_write, content_digest, encode_image, encode_thumbnail


def test_atomic_write_makes_the_folder_and_leaves_only_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with atomic_write(path) as part:
        part.write_text("a,b\n")
        assert not path.exists()
    assert path.read_text() == "a,b\n"
    assert os.listdir(path.parent) == ["table.csv"]


def test_atomic_write_gives_the_permissions_of_the_umask(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as part:
        part.write_text("a")
    (tmp_path / "b").write_text("b")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_atomic_write_keeps_the_old_file_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_write(path) as part:
            part.write_text("half of the n")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_atomic_write_into_a_file_instead_of_a_folder_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError), atomic_write(tmp_path / "file" / "a.txt"):
        pass


def test_atomic_folder_adds_to_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "log").write_text("kept")
    (folder / "config.json").write_text("old")
    with atomic_folder(folder, last="config.json") as part:
        (part / "config.json").write_text("new")
        (part / "weights").write_text("new")
        assert (folder / "config.json").read_text() == "old"
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "log": "kept",
        "config.json": "new",
        "weights": "new",
    }


def test_atomic_folder_moves_the_last_file_last(tmp_path: Path) -> None:
    (tmp_path / "model" / "weights" / "in the way").mkdir(parents=True)

    def fail() -> None:
        with atomic_folder(tmp_path / "model", last="config.json") as part:
            (part / "config.json").write_text("new")
            (part / "weights").write_text("new")

    with pytest.raises(IsADirectoryError):
        fail()
    assert os.listdir(tmp_path / "model") == ["weights"]


def test_atomic_folder_starts_empty_after_a_killed_process(tmp_path: Path) -> None:
    (tmp_path / ".part").mkdir()
    (tmp_path / ".part" / "half").write_text("")
    with atomic_folder(tmp_path, last="config.json") as part:
        assert list(part.iterdir()) == []
    assert os.listdir(tmp_path) == []


def test_content_digest_is_blake2b_of_all_parts() -> None:
    assert content_digest(b"ab").hex() == hashlib.blake2b(b"ab", digest_size=8).hexdigest()
    assert content_digest([b"a", b"b"]) == content_digest(b"ab")
    assert content_digest(b"ab", size=16) == hashlib.blake2b(b"ab", digest_size=16).digest()


def test_encode_image_as_png_keeps_every_pixel() -> None:
    image = Image.effect_noise((9, 7), 80).convert("RGB")
    decoded = Image.open(io.BytesIO(encode_image(image, "PNG")))
    assert (decoded.format, decoded.tobytes()) == ("PNG", image.tobytes())


def test_encode_image_as_jpeg_uses_the_quality() -> None:
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    fine, coarse = (encode_image(image, "JPEG", quality=quality) for quality in (95, 20))
    assert Image.open(io.BytesIO(fine)).format == "JPEG"
    assert len(fine) > 2 * len(coarse)


@pytest.mark.parametrize(("size", "expected"), [((400, 200), (64, 32)), ((200, 400), (32, 64)), ((40, 20), (40, 20))])
def test_encode_thumbnail_bounds_the_longer_side_and_never_enlarges(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    image = Image.new("RGB", size)
    assert Image.open(io.BytesIO(encode_thumbnail(image, 64))).size == expected
    assert image.size == size
