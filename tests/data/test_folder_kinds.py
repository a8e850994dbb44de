"""Folders that are more than individuals: splits, sides, cameras and moments are read as such, or asked about."""

import logging
from pathlib import Path

import pytest
from tests.data.conftest import LayOut, Write

from vicp.data.sources import open_photos
from vicp.errors import ConfigError, DataError

KINDS = {
    "splits": (["train/Tom", "train/Kit", "test/Tom"], "split", ["train", "train", "test"]),
    "splits of a download": (["Training_set/Tom", "validation/Kit", "test_v2/Rex"], "split", ["train", "val", "test"]),
    "sides": (["Tom/left", "Tom/right", "Kit/left"], "viewpoint", ["left", "right", "left"]),
    "flanks": (["Tom/L", "Tom/Right flank", "Kit/R"], "viewpoint", ["left", "right", "right"]),
    "a side nobody knows": (["Tom/left", "Tom/unknown", "Kit/right"], "viewpoint", ["left", "", "right"]),
    "cameras": (["cam_1/Tom", "cam_1/Kit", "cam_2/Tom"], "camera", ["cam_1", "cam_1", "cam_2"]),
    "stations": (
        ["Tom/Station A", "Kit/Station B", "Kit/Station A"],
        "camera",
        ["Station A", "Station B", "Station A"],
    ),
    "days": (["Tom/2024-05-01", "Tom/2024_06_02", "Kit/20240501"], "date", ["2024-05-01", "2024-06-02", "2024-05-01"]),
    "sessions": (["Tom/session1", "Tom/session 2", "Kit/visit_1"], "sequence", ["session1", "session 2", "visit_1"]),
    "recordings": (
        ["Tom/MVI_0012", "Tom/video 2_frames", "Kit/clip-3"],
        "sequence",
        ["MVI_0012", "video 2_frames", "clip-3"],
    ),
    "sides in Spanish": (["Tom/lado izquierdo", "Tom/Lado derecho", "Kit/RS"], "viewpoint", ["left", "right", "right"]),
    "folds": (["fold_0/Tom", "fold_1/Kit", "fold_2/Rex"], "fold", ["fold_0", "fold_1", "fold_2"]),
    "encounters": (["Tom/enc1", "Tom/obs 2", "Kit/Encounter_3"], "sequence", ["enc1", "obs 2", "Encounter_3"]),
    "days in other orders": (["Tom/01.05.2023", "Tom/12-30-05", "Kit/3 May"], "period", None),
    "cards": (["Tom/100EK113", "Tom/101EK113", "Kit/100EK113"], "period", None),
    "years": (["2023/Tom", "2023/Kit", "2024/Tom"], "period", None),
    "years of a download": (["Photos from 2022/Tom", "Photos from 2023/Tom", "Fotos de 2024/Kit"], "period", None),
    "sexes": (["male/Tom", "female/Kit", "male/Rex"], "attribute", None),
    "ages": (["Tom/adult", "Tom/juvenile", "Kit/adult"], "attribute", None),
    "light": (["day/Tom", "night/Tom", "night/Kit"], "attribute", None),
    "trips": (["Tom/trip 1", "Tom/spring 2024", "Kit/May_2023"], "period", None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_folders_say_besides_individuals(
    tmp_path: Path, lay_out: LayOut, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    folders, column, values = KINDS[kind]
    lay_out(tmp_path, *(f"{folder}/{i}.jpg" for i, folder in enumerate(folders)))
    with caplog.at_level(logging.INFO):
        frame = open_photos(tmp_path).frame
    by_number = frame.sort_values(by="path", key=lambda paths: paths.str.rsplit("/").str[-1])
    names = [next(part for part in folder.split("/") if part in ("Tom", "Kit", "Rex")) for folder in folders]
    assert list(by_number["identity"]) == names
    assert set(frame["category"]) == {"photos"}
    assert (list(by_number[column]) if column in frame else None) == values  # a period fills no column
    assert f"read the folders as {column} (" in caplog.text or f", {column} (" in caplog.text


def test_several_at_once_and_a_folder_around_all(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "set/images/train/cat/Tom/left/1.jpg", "set/images/test/dog/Rex/right/2.jpg")
    frame = open_photos(tmp_path).frame.sort_values("category")
    columns = ["category", "identity", "split", "viewpoint"]
    assert frame[columns].to_numpy().tolist() == [["cat", "Tom", "train", "left"], ["dog", "Rex", "test", "right"]]


def test_photos_beside_folders_of_moments(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "Tom/1.jpg", "Tom/2024-05-01/2.jpg", "Kit/3.jpg")
    frame = open_photos(tmp_path).frame
    assert list(frame["identity"]) == ["Kit", "Tom", "Tom"]
    assert sorted(frame["date"]) == ["", "", "2024-05-01"]


@pytest.mark.parametrize(
    "names", [["Tom/head/1", "Tom/tail/1", "Kit/head/1", "Kit/tail/1"], ["a/good/1", "b/good/1", "c/good/1", "c/bad/1"]]
)
def test_names_that_repeat_under_every_folder_are_asked_about(
    tmp_path: Path, lay_out: LayOut, names: list[str]
) -> None:
    lay_out(tmp_path, *(f"{name}.jpg" for name in names))
    with pytest.raises(DataError, match=r"repeat under .*are they individuals .*--folders category/identity"):
        open_photos(tmp_path)
    assert len(open_photos(tmp_path, folders="category/identity").frame) == len(names)
    frame = open_photos(tmp_path, folders="identity/-").frame
    assert set(frame["identity"]) == {name.split("/")[0] for name in names}


def test_numbers_that_repeat_are_individuals_and_said(
    tmp_path: Path, lay_out: LayOut, caplog: pytest.LogCaptureFixture
) -> None:
    lay_out(tmp_path, *(f"{kind}/{i:03}/1.jpg" for kind in ("cat", "dog") for i in range(3)))
    with caplog.at_level(logging.INFO):
        assert open_photos(tmp_path).categories == ("cat", "dog")
    assert "000, 001, 002 repeat under cat, dog, and are read as individuals of each" in caplog.text


@pytest.mark.parametrize(
    ("folders", "word"),
    [
        (["left", "right"], "viewpoint"),
        (["train", "test"], "split"),
        (["cam1", "cam2"], "camera"),
        (["day1", "day2"], "period"),
        (["WhatsApp Images", "Screenshots", "Camera"], "attribute"),
    ],
)
def test_folders_without_individuals(tmp_path: Path, lay_out: LayOut, folders: list[str], word: str) -> None:
    lay_out(tmp_path, *(f"{folder}/1.jpg" for folder in folders))
    with pytest.raises(
        DataError, match=rf"have no identities, for their folders are read as {word}.*--folders identity"
    ):
        open_photos(tmp_path)
    assert open_photos(tmp_path, need_identity=False).frame["identity"].isna().all()
    assert set(open_photos(tmp_path, folders="identity").frame["identity"]) == set(folders)


def test_splits_beside_other_folders_are_asked_about(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "train/Tom/1.jpg", "test/Kit/1.jpg", "extra/Rex/1.jpg")
    with pytest.raises(DataError, match="test, train name splits, and extra next to them do not"):
        open_photos(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["Left/1", "Tom/1", "Kit/1"],  # a cat called Left
        ["cat/2001/1", "cat/2002/1", "dog/7/1"],
        ["C1/1", "C2/1", "C12/1"],
        ["2001/1", "2002/1"],
        ["May/1", "June/1", "Dev/1"],
        ["Young/1", "Tom/1", "Camera/1"],
    ],
)
def test_individuals_with_such_names(tmp_path: Path, lay_out: LayOut, names: list[str]) -> None:
    lay_out(tmp_path, *(f"{name}.jpg" for name in names))
    frame = open_photos(tmp_path).frame
    assert sorted(frame["identity"]) == sorted(name.split("/")[-2] for name in names)


def test_two_levels_are_said_to_be_categories(
    tmp_path: Path, lay_out: LayOut, caplog: pytest.LogCaptureFixture
) -> None:
    lay_out(tmp_path, "Tom/4f1c2a/1.jpg", "Tom/9b8c1d/1.jpg", "Kit/77aa01/1.jpg")
    with caplog.at_level(logging.INFO):
        open_photos(tmp_path)
    assert "read the folders as category/identity: 2 categories (Kit, Tom), 3 individuals" in caplog.text


def test_one_folder_of_images_is_no_individual(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "images/train/1.jpg", "images/val/2.jpg")
    with pytest.raises(DataError, match="the 2 photos have no identities"):
        open_photos(tmp_path)
    assert list(open_photos(tmp_path, need_identity=False).frame["split"]) == ["train", "val"]
    assert set(open_photos(tmp_path, folders="identity/-").frame["identity"]) == {"images"}


def test_folders_that_are_given_wrongly(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "a/b/1.jpg")
    with pytest.raises(ConfigError, match=r"--folders animal/b: expected some of category, identity"):
        open_photos(tmp_path, folders="animal/b")
    with pytest.raises(DataError, match=r"no photo lies as identity/photo, the first one is a/b/1.jpg"):
        open_photos(tmp_path, folders="identity")


def test_msmt17_of_the_second_version(tmp_path: Path, lay_out: LayOut, write: Write) -> None:
    train = ["0000/0000_000_01_0303morning_0015_0.jpg", "0000/0000_001_04_0302noon_0020_1.jpg"]
    test = ["0000/0000_000_02_0303evening_0015_0.jpg", "0000/0000_001_15_0113noon_0009_0.jpg"]
    lay_out(tmp_path, *(f"mask_train_v2/{name}" for name in train), *(f"mask_test_v2/{name}" for name in test))
    without_lists = open_photos(tmp_path)
    assert list(without_lists.frame["split"]) == ["train", "train", "", ""]
    for name, photo in zip(("train", "val", "query", "gallery"), train + test, strict=True):
        write(tmp_path, f"list_{name}.txt", f"{photo} 0")
    frame = open_photos(tmp_path).frame
    assert list(frame["split"]) == ["train", "val", "query", "gallery"]
    assert list(frame["identity"]) == ["train-0000", "train-0000", "test-0000", "test-0000"]


def test_a_folder_of_tables_says_so(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "data/train.csv", "path,identity", "a.jpg,b")
    with pytest.raises(DataError, match=r"no photos in .*; there are tables, give one of them: data/train.csv"):
        open_photos(tmp_path)
