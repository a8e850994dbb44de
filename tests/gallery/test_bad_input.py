"""What people and disks do to a gallery: one clear line, exit 2, nothing lost."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Null
from vicp.cli import main
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import GalleryError
from vicp.gallery.gallery import Gallery
from vicp.gallery.store.database import change


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and stderr of a command, run in this process: importing takes longer than the command."""
    monkeypatch.setattr(sys, "argv", ["vicp", *map(str, arguments)])
    capsys.readouterr()
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0), capsys.readouterr().err
    return 0, capsys.readouterr().err


@pytest.fixture
def vicp(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.setenv("VICP_CACHE", str(tmp_path / "cache"))
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def one_line(result: tuple[int, str], *expected: str, code: int = 2) -> None:
    status, text = result
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    assert status == code, text
    assert len(lines) == 1, text
    assert "Traceback" not in text
    for words in expected:
        assert words in lines[0]


def count(uri: str) -> int:
    return len(Gallery.open(uri).photos())


def test_names_prompts_and_folders(
    vicp, gallery: Gallery, shoe_prompts: list[Prompt], tmp_path: Path, shoe_folder: Path
) -> None:
    one_line(vicp("gallery", "rename", gallery.uri, "red", "../../x"), "../../x", "path")
    (tmp_path / "empty").mkdir()
    one_line(vicp("gallery", "enroll", gallery.uri, tmp_path / "empty"), "no photos in")
    one_line(vicp("gallery", "identify", tmp_path / "nowhere", shoe_folder), "vicp gallery create")
    shoe_prompts[1].save(tmp_path / "other.safetensors")
    one_line(
        vicp("gallery", "enroll", gallery.uri, shoe_folder, "--prompt", tmp_path / "other.safetensors"),
        "another prompt",
        "reindex",
    )
    replace(
        shoe_prompts[0],
        fingerprint="0123456789abcdef",
        visual=None,
        recipe=Null(),
    ).save(tmp_path / "foreign.safetensors")
    one_line(
        vicp("gallery", "enroll", gallery.uri, shoe_folder, "--prompt", tmp_path / "foreign.safetensors"),
        "belongs to model 0123456789abcdef",
    )
    one_line(vicp("gallery", "verify", gallery.uri, "nowhere.jpg", "nowhere.jpg"), "nowhere.jpg")
    one_line(vicp("gallery", "split", gallery.uri), "--into")
    one_line(vicp("gallery", "export", gallery.uri, tmp_path / "a.txt"), ".csv, .parquet")
    assert count(gallery.uri) == 12


def test_a_path_as_identity_in_a_table(vicp, gallery: Gallery, tmp_path: Path, shoe_folder: Path) -> None:
    shutil.copy(shoe_folder / "red" / "0.jpg", tmp_path / "x.jpg")
    (tmp_path / "table.csv").write_text("path,identity,category\nx.jpg,../../x,shoe\n")
    one_line(vicp("gallery", "enroll", gallery.uri, tmp_path / "table.csv"), "../../x")
    assert count(gallery.uri) == 12


def test_a_truncated_photo_is_named_and_the_others_are_in(vicp, gallery: Gallery, tmp_path: Path) -> None:
    from tests.conftest import write_photo

    write_photo(tmp_path / "more" / "red" / "a.jpg", (220, 40, 40), seed=501)
    whole = write_photo(tmp_path / "more" / "red" / "b.jpg", (220, 40, 40), seed=502).read_bytes()
    (tmp_path / "more" / "red" / "b.jpg").write_bytes(whole[: len(whole) // 2])
    more = ("gallery", "enroll", gallery.uri, tmp_path / "more", "--category", "shoe")
    one_line(vicp(*more), "red/b.jpg", "truncated", "are in the gallery")
    assert count(gallery.uri) == 13
    assert vicp(*more, "--skip-bad")[0] == 0
    assert count(gallery.uri) == 13


def test_two_writers(vicp, gallery: Gallery) -> None:
    with change(gallery.uri, "slow", author="ann"):
        one_line(
            vicp("gallery", "rename", gallery.uri, "red", "crimson"), f"process {os.getpid()} is writing", "--wait"
        )
    assert vicp("gallery", "rename", gallery.uri, "red", "crimson")[0] == 0


def test_ctrl_c_in_the_middle(
    vicp, gallery: Gallery, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.gallery.conftest import write_photos

    import vicp.gallery.enrollment.writer as module

    more = write_photos(tmp_path / "more", shots=20, seed=7000)
    monkeypatch.setattr(module, "STEP_SECONDS", 0.0)  # keep every chunk at once
    kept = module.EnrollmentWriter.add

    def stop_later(self, chunk) -> None:
        kept(self, chunk)
        raise KeyboardInterrupt

    monkeypatch.setattr(module.EnrollmentWriter, "add", stop_later)
    enroll = ("gallery", "enroll", gallery.uri, more, "--category", "shoe", "--no-cache")
    one_line(vicp(*enroll), "the same command goes on", code=130)
    there = count(gallery.uri)
    assert 12 < there < 92
    monkeypatch.setattr(module.EnrollmentWriter, "add", kept)
    assert vicp(*enroll)[0] == 0
    assert count(gallery.uri) == 92


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk(vicp, made: Path, small_disk: Path, tmp_path: Path) -> None:
    from tests.gallery.conftest import write_photos

    uri = str(shutil.copytree(made, small_disk / "gallery"))
    filler = small_disk / "filler"
    filler.write_bytes(b"")
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"0" * 4096)
        except OSError:
            pass
    more = write_photos(tmp_path / "more", shots=5, seed=7000)
    enroll = ("gallery", "enroll", uri, more, "--category", "shoe")
    one_line(vicp(*enroll), "no space left on device")
    assert count(uri) == 12
    filler.unlink()
    assert vicp(*enroll)[0] == 0
    assert count(uri) == 32


def test_a_read_only_disk(vicp, made: Path, small_disk: Path, shoe_folder: Path) -> None:
    uri = str(shutil.copytree(made, small_disk / "gallery"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    one_line(vicp("gallery", "rename", uri, "red", "crimson"), "read-only file system".capitalize())
    one_line(vicp("gallery", "create", small_disk / "other", "--model", "tiny"), "Read-only file system")
    assert vicp("gallery", "stats", uri)[0] == 0
    assert vicp("gallery", "identify", uri, shoe_folder / "red" / "0.jpg", "--no-cache")[0] == 0
    assert count(uri) == 12


def test_another_model_is_refused(
    gallery: Gallery, embedder: Embedder, shoes: PhotoTable, tmp_path: Path, shoe_folder: Path
) -> None:
    other = Gallery.open(gallery.uri, replace(embedder, fingerprint="fedcba9876543210"))
    with pytest.raises(GalleryError, match=r"embedded with model .*, this one is fedcba9876543210.*reindex"):
        other.enroll(shoes)
    assert count(gallery.uri) == 12
    assert gallery.categories()["shoe"].model == embedder.fingerprint
    assert len(open_photos(shoe_folder)) == 12
