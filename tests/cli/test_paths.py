"""Wrong paths are noticed before a model is opened: here no model can be, and yet the path is what is complained of."""

import os
import shutil
from pathlib import Path

import pytest

from vicp.adapt.load import load_backbone_embedder
from vicp.gallery.gallery import Gallery

NO_MODEL = ("--model", "nowhere/no-model")


@pytest.fixture
def prompt(run, photo_folder: Path, vit: str) -> Path:  # type: ignore[no-untyped-def]
    run("teach", photo_folder, "--category", "shoe", "--backbone", vit, "--out", "shoe.prompt", "--adapt", "metric")
    return Path("shoe.prompt")


def test_without_a_wrong_path_the_model_is_complained_of(run, photo_folder: Path) -> None:  # type: ignore[no-untyped-def]
    assert "nowhere/no-model" in run("teach", photo_folder, "--category", "shoe", *NO_MODEL)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("teach", "gone", "--category", "shoe"), "no such file or folder: gone"),
        (("teach", "shoes", "--category", "shoe", "--support", "gone.csv"), "gone.csv: no such file of labelled pairs"),
        (("teach", "shoes", "--category", "shoe", "--support", "shoes"), "shoes: a folder, not a file of labelled"),
        (("teach", "shoes", "--category", "shoe", "--out", "shoes"), "--out shoes: is a folder"),
        (("teach", "shoes", "--category", "shoe", "--out", "notes.txt/a"), "notes.txt is a file, expected a folder"),
        (("teach", "shoes/red/0.jpg", "--category", "shoe"), "a single photo has no identity"),
        (("identify", "gone", "shoes/red/0.jpg"), "no such file or folder: gone"),
        (("identify", "shoes", "gone.jpg"), "no such file or folder: gone.jpg"),
        (("identify", "shoes", "shoes/red/0.jpg", "--report", "notes.txt/a.html"), "notes.txt is a file"),
        (("identify", "shoes", "shoes/red/0.jpg", "--csv", "a.txt"), "--csv a.txt: expected a name that ends in .csv"),
        (("identify", "shoes", "shoes/red/0.jpg", "--prompt", "gone.prompt"), "gone.prompt"),
        (("verify", "shoes/red/0.jpg", "gone.jpg", "--prompt", "shoe.prompt"), "no such file or folder: gone.jpg"),
        (("verify", "shoes/red/0.jpg", "shoes", "--prompt", "shoe.prompt"), "expected two photos, one each"),
        (("cluster", "gone"), "no such file or folder: gone"),
        (("cluster", "shoes", "--out", "notes.txt/a.csv"), "notes.txt is a file"),
        (("demo", "--photos", "gone"), "no such file or folder: gone"),
        (("demo", "--out", "notes.txt"), "--out notes.txt: is a file, expected the name of a folder"),
        (("pairs", "next", "gone"), "no such file or folder: gone"),
        (("pairs", "next", "shoes", "--out", "notes.txt/a.csv"), "notes.txt is a file"),
        (("pairs", "next", "shoes", "--sheet", "shoes"), "--sheet shoes: is a folder"),
        (("gallery", "create", "shoes"), "holds something else"),
        (("gallery", "create", "new", "--prompt", "gone.prompt"), "gone.prompt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_paths_come_first(run, photo_folder: Path, prompt: Path, command: tuple[str, ...], said: str) -> None:  # type: ignore[no-untyped-def]
    Path("notes.txt").write_text("notes")
    found = run(*command, *NO_MODEL)
    assert said in found
    assert "no-model" not in found


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("enroll", "herd", "gone"), "no such file or folder: gone"),
        (("identify", "herd", "gone.jpg"), "no such file or folder: gone.jpg"),
        (("identify", "herd", "shoes/red/0.jpg", "--report", "notes.txt/a.html"), "notes.txt is a file"),
        (("verify", "herd", "shoes/red/0.jpg", "gone.jpg"), "no such file or folder: gone.jpg"),
        (("new", "herd", "gone.jpg"), "no such file or folder: gone.jpg"),
        (("reindex", "herd", "--prompt", "gone.prompt"), "gone.prompt"),
        (("cluster", "herd", "--out", "notes.txt/a.csv"), "notes.txt is a file"),
        (("create", "herd"), "there is a gallery already"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_paths_come_first_with_a_gallery(  # type: ignore[no-untyped-def]
    run, photo_folder: Path, vit: str, command: tuple[str, ...], said: str
) -> None:
    Path("notes.txt").write_text("notes")
    Gallery.create("herd", load_backbone_embedder(vit), author="ann")
    shutil.rmtree(vit)  # nothing can be embedded any more
    found = run("gallery", *command)
    assert said in found
    assert vit not in found


def test_an_evaluation_and_training_notice_where_they_cannot_write(run, photo_folder: Path) -> None:  # type: ignore[no-untyped-def]
    Path("notes.txt").write_text("notes")
    assert "--out notes.txt: is a file" in run("evaluate", "mini", "--photos", photo_folder, "--out", "notes.txt")
    assert "no such file or folder: gone" in run("evaluate", "mini", "--photos", "gone")
    assert "notes.txt is a file" in run("ablate", "--vary", "train.seed=1,2", "--out", "notes.txt/table")
    for command in ("train", "pretrain"):
        assert "notes.txt" in run(command, "out=notes.txt/run")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_is_not_ours(run, photo_folder: Path) -> None:  # type: ignore[no-untyped-def]
    Path("theirs").mkdir(mode=0o500)
    assert "nothing can be written into" in run(
        "teach", photo_folder, "--category", "s", "--out", "theirs/a", *NO_MODEL
    )
