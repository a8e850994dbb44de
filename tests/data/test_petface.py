"""PetFace and ShopID10K: one layout, two protocols."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from vicp.data.records import PhotoTable
from vicp.data.sources.datasets.petface import FAMILIES, read_petface, read_verification
from vicp.data.sources.datasets.shopid10k import FOLDS, fold_of, read_shopid10k
from vicp.data.sources.options import ReadOptions
from vicp.errors import DataError

LayOut = Callable[..., Path]
Write = Callable[..., None]


def column(table: PhotoTable, name: str) -> dict[str, str | None]:
    return dict(zip(table.frame["path"], table.frame[name], strict=True))


def test_petface(petface: Path) -> None:
    table = read_petface(petface)
    assert list(table.frame.columns) == ["row", "path", "category", "identity", "split"]
    assert list(table.frame["row"]) == list(range(1, 12))
    assert column(table, "split") == {
        "images/cat/000000/00.png": "train",
        "images/cat/000000/01.png": "reidentification",
        "images/cat/000000/02.png": "",
        "images/cat/000001/00.png": "train",
        "images/cat/000001/01.png": "reidentification",
        "images/cat/000002/00.png": "val",
        "images/cat/000003/00.png": "test",
        "images/cat/000003/01.PNG": "test",
        "images/cat/000004/00.png": "test",
        "images/dog/000000/00.png": "train",
        "images/dog/000000/01.png": "train",
    }
    assert table.identities[0] == "cat/000000"
    assert table.identities[-1] == "dog/000000"
    assert table.photo_bytes(7) == b""
    assert len(FAMILIES) == 13


def test_petface_bad_photos_are_collected(petface: Path, lay_out: LayOut, write: Write) -> None:
    lay_out(petface, "images/cat/stray.png", "images/cat/000000/deep/1.png")
    write(petface, "split/cat/val.txt", "cat/000002", "cat/000004/00.png", "000009/00.png", "000001/00.png")
    write(petface, "split/dog/test.txt", "000000/01.png", "000007")
    with pytest.raises(
        DataError, match=r"7 photos cannot be used: .*\. Correct them, or go on without them: --skip-bad"
    ) as caught:
        read_petface(petface)
    for part in (
        "row 4 (images/cat/000000/deep/1.png): not placed as images/cat/<identity>/<photo>",
        "row 5 (images/cat/000001/00.png): in two splits, train and val",
        "row 10 (images/cat/000004/00.png): in two splits, val and test",
        "row 11 (images/cat/stray.png): not placed",
        "row 12 (images/cat/000009/00.png): named in split/cat/val.txt, but there is no such file",
        "; and 2 more",
    ):
        assert part in str(caught.value)
    table = read_petface(petface, ReadOptions(skip_bad=True))
    assert [bad.row for bad in table.skipped] == [4, 5, 10, 11, 12, 14, 15]
    assert list(table.frame["row"]) == [1, 2, 3, 6, 7, 8, 9, 13]


def test_petface_an_identity_in_two_splits(petface: Path, lay_out: LayOut, write: Write) -> None:
    lay_out(petface, "images/cat/000001/02.png")
    write(petface, "split/cat/test.txt", "000003", "cat/000001/02.png", "cat/000000/02.png")
    with pytest.raises(DataError, match="2 photos cannot be used") as caught:
        read_petface(petface)
    assert "(images/cat/000000/02.png): identity 000000 is in two splits, reidentification and test" in str(
        caught.value
    )
    assert "(images/cat/000001/02.png): identity 000001 is in two splits, reidentification and test" in str(
        caught.value
    )
    left = column(read_petface(petface, ReadOptions(skip_bad=True)), "split")
    assert left["images/cat/000001/00.png"] == "train"
    assert "images/cat/000001/02.png" not in left


def test_petface_a_test_photo_of_the_closed_set_is_not_trained_on(
    petface: Path, caplog: pytest.LogCaptureFixture, write: Write
) -> None:
    write(petface, "split/cat/train.csv", "filename,label", "000000/00.png,0", "000000/01.png,0", "000001/00.png,1")
    with caplog.at_level(logging.WARNING):
        table = read_petface(petface, ReadOptions(category="cat"))
    assert table.frame["path"].is_unique
    assert column(table, "split")["images/cat/000000/01.png"] == "reidentification"
    assert "cat: left out 1 photo of train.csv, for reidentification.csv tests with it" in caplog.text


def test_petface_families(petface: Path, caplog: pytest.LogCaptureFixture, write: Write) -> None:
    write(petface, "split/pig/train.csv", "filename,label", "pig/000000/00.png,0")
    with caplog.at_level(logging.WARNING):
        assert read_petface(petface).categories == ("cat", "dog")
    assert "lists without photos, passed over: pig" in caplog.text
    assert list(read_petface(petface, ReadOptions(category="dog")).frame["row"]) == [1, 2]
    with pytest.raises(DataError, match="no category 'catt', did you mean 'cat'"):
        read_petface(petface, ReadOptions(category="catt"))
    write(petface, "split/dog/train.csv", "file,label", "dog/000000/00.png,0")
    with pytest.raises(DataError, match=r"train\.csv: no column 'filename', did you mean 'file'"):
        read_petface(petface)


@pytest.mark.parametrize("names", ["filename1,filename2,label", "file1,file2,label"])
def test_petface_verification(petface: Path, names: str, write: Write) -> None:
    rows = ("cat/000003/00.png,cat/000003/01.PNG,1", "000003/00.png,cat/000004/00.png,0")
    write(petface, "split/cat/verification.csv", names, *rows)
    pairs = read_verification(petface, "cat")
    assert pairs.to_dict("list") == {
        "path1": ["images/cat/000003/00.png", "images/cat/000003/00.png"],
        "path2": ["images/cat/000003/01.PNG", "images/cat/000004/00.png"],
        "same": [True, False],
    }
    assert pairs["same"].dtype == bool
    write(petface, "split/cat/verification.csv", names, *rows, "cat/000008/0.png,cat/000003/00.png,1", rows[0] + "0")
    with pytest.raises(DataError, match="2 pairs cannot be used") as caught:
        read_verification(petface, "cat")
    assert "row 3 (000008/0.png, 000003/00.png): no such file: 000008/0.png" in str(caught.value)
    assert "row 4 (000003/00.png, 000003/01.PNG): its label is neither 0 nor 1" in str(caught.value)


@pytest.mark.parametrize(
    ("fold", "bottles", "hats"),
    [
        (None, ["train", "train", "test", "test"], ["train", "test", ""]),
        (0, ["train", "train", "val", "val"], ["train", "val", ""]),
        (1, ["train", "train", "val", "val"], ["test", "test", ""]),
        (2, ["test", "test", "test", "test"], ["train", "val", ""]),
    ],
)
def test_shopid10k(shopid10k: Path, fold: int | None, bottles: list[str], hats: list[str]) -> None:
    table = read_shopid10k(shopid10k, fold=fold)
    assert table.categories == ("beverage_bottle", "hat")
    assert table.identities[0] == "beverage_bottle/00018_00002"
    assert list(table.frame["split"]) == bottles + hats
    assert list(table.frame["fold"]) == ["2"] * 4 + ["1"] * 3
    assert list(read_shopid10k(shopid10k, ReadOptions(category="hat"), fold=fold).frame["split"]) == hats


def test_shopid10k_pairs_and_folds(shopid10k: Path) -> None:
    pairs = read_verification(shopid10k, "beverage_bottle")
    assert pairs["path2"].tolist() == ["images/beverage_bottle/00018_00002/00001.jpg"]
    assert [len(categories) for categories in FOLDS] == [7, 7, 7, 7, 6]
    assert len({name for categories in FOLDS for name in categories}) == 34
    assert (fold_of("bicycle"), fold_of("shoes"), fold_of("cart"), fold_of("book"), fold_of("bucket")) == (
        0,
        1,
        2,
        3,
        4,
    )
    with pytest.raises(ValueError, match="no fold holds the category 'shoe', did you mean 'shoes'"):
        fold_of("shoe")
    with pytest.raises(ValueError, match="fold must be 0 to 4, got 5"):
        read_shopid10k(shopid10k, fold=5)
