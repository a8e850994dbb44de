"""Data sets in small imitations of the layouts they are published in, and what lays them out."""

from collections.abc import Callable
from pathlib import Path

import pytest

LayOut = Callable[..., Path]
Write = Callable[..., None]


@pytest.fixture
def lay_out() -> LayOut:
    """Makes empty files: that photos can be decoded is not the readers' concern."""

    def make(root: Path, *names: str) -> Path:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"")
        return root

    return make


@pytest.fixture
def write() -> Write:
    """Makes a text file of lines."""

    def make(root: Path, name: str, *lines: str) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    return make


@pytest.fixture
def petface(tmp_path: Path, lay_out: LayOut, write: Write) -> Path:
    """Two families; cats 000000 and 000001 are trained on, 000002 is for validation, 000003 and 000004 for the test."""
    cats = ("000000/00", "000000/01", "000000/02", "000001/00", "000001/01", "000002/00", "000003/00", "000004/00")
    lay_out(tmp_path, *(f"images/cat/{name}.png" for name in cats), "images/cat/000003/01.PNG")
    lay_out(tmp_path, "images/cat/000003/Thumbs.db", "images/dog/000000/00.png", "images/dog/000000/01.png")
    write(tmp_path, "split/cat/train.csv", "filename,label", "cat/000000/00.png,0", "000001/00.png,1")
    write(tmp_path, "split/cat/val.txt", "cat/000002")
    write(tmp_path, "split/cat/test.txt", "000003", "cat/000004/00.png", "")
    write(tmp_path, "split/cat/reidentification.csv", "filename,label", "cat/000000/01.png,0", "cat/000001/01.png,1")
    write(tmp_path, "split/dog/train.csv", "filename,label", "dog/000000/00.png,0", "dog/000000/01.png,0")
    return tmp_path


@pytest.fixture
def shopid10k(tmp_path: Path, lay_out: LayOut, write: Write) -> Path:
    names = ("hat/00001_00000/00000.jpg", "hat/00002_00000/00000.jpg", "hat/00003_00000/00000.jpg")
    lay_out(tmp_path, *(f"images/{name}" for name in names))
    lay_out(tmp_path, *(f"images/beverage_bottle/0001{i}_00002/0000{j}.jpg" for i in (8, 9) for j in (0, 1)))
    write(tmp_path, "split/hat/train.csv", "filename", "hat/00001_00000/00000.jpg")
    write(tmp_path, "split/hat/test.txt", "hat/00002_00000/00000.jpg")
    both = [f"beverage_bottle/00018_00002/0000{j}.jpg" for j in (0, 1)]
    write(tmp_path, "split/beverage_bottle/train.csv", "filename", *both)
    write(tmp_path, "split/beverage_bottle/test.txt", *(name.replace("18_", "19_") for name in both))
    write(tmp_path, "split/beverage_bottle/verification.csv", "filename1,filename2,label", f"{both[0]},{both[1]},1")
    return tmp_path


@pytest.fixture
def market(tmp_path: Path, lay_out: LayOut) -> Path:
    lay_out(tmp_path, "bounding_box_train/0002_c1s1_000451_03.jpg", "bounding_box_train/0002_c2s3_000776_01.JPG")
    lay_out(tmp_path, "bounding_box_train/Thumbs.db", "query/0001_c1s1_001051_00.jpg", "query/Thumbs.db")
    gallery = ("0001_c2s1_000301_00", "0000_c1s1_000151_01", "0000_c3s2_000376_01", "-1_c1s1_000401_03")
    lay_out(tmp_path, *(f"bounding_box_test/{name}.jpg" for name in gallery), "gt_bbox/0001_c1s1_001051_00.jpg")
    (tmp_path / "readme.txt").write_text("")
    return tmp_path


@pytest.fixture
def msmt17(tmp_path: Path, lay_out: LayOut, write: Write) -> Path:
    train = ["0000/0000_000_01_0303morning_0015_0.jpg", "0000/0000_001_04_0302noon_0020_1.jpg"]
    test = ["0000/0000_000_02_0303evening_0015_0.jpg", "0000/0000_001_15_0113noon_0009_0.jpg"]
    lay_out(tmp_path, *(f"train/{name}" for name in train), *(f"test/{name}" for name in test))
    lay_out(tmp_path, "test/0001/0001_002_03_0303morning_0001_0.jpg")
    for name, photo in zip(("train", "val", "query", "gallery"), train + test, strict=True):
        write(tmp_path, f"list_{name}.txt", f"{photo} 0")
    return tmp_path


@pytest.fixture
def wildlife(tmp_path: Path, lay_out: LayOut, write: Write) -> Path:
    root = lay_out(tmp_path / "Turtles", "images/a.JPG", "images/b.jpg", "images/c.jpg")
    lines = (
        "3,t001,images/a.JPG,2019-07-01,left,train",
        "4,unknown,images/b.jpg,,right,test",
        "5,t002,images/c.jpg,,,",
    )
    write(root, "metadata.csv", "image_id,identity,path,date,orientation,original_split", *lines)
    return root
