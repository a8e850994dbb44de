"""A file of pairs that grows: added once, refused where labels contradict, whole or not at all."""

from pathlib import Path

import pandas as pd
import pytest

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.gallery.labelling.pair_files import AddPairsResult, add_pairs, read_pairs


@pytest.fixture
def table(photo_folder: Path) -> PhotoTable:
    return open_photos(photo_folder, need_identity=False)


def write(path: Path, *rows: tuple[str, str, object]) -> Path:
    pd.DataFrame(rows, columns=["left", "right", "same"]).to_csv(path, index=False)
    return path


def test_twice_is_once(table: PhotoTable, tmp_path: Path) -> None:
    new = write(
        tmp_path / "new.csv",
        ("red/0.jpg", "red/1.jpg", "same"),
        ("blue/0.jpg", "red/2.jpg", 0),
        ("green/0.jpg", "blue/1.jpg", ""),
    )
    target = tmp_path / "deep" / "pairs.csv"
    assert add_pairs(new, target, table) == AddPairsResult(new=2, known=0, unlabelled=1, total=2, same=1)
    first = target.read_text()
    assert (
        first == "left,right,same\nblue/0.jpg,red/2.jpg,0\nred/0.jpg,red/1.jpg,1\n" or "red/0.jpg,red/1.jpg,1" in first
    )
    assert add_pairs(new, target, table) == AddPairsResult(new=0, known=2, unlabelled=1, total=2, same=1)
    assert target.read_text() == first
    turned = write(tmp_path / "turned.csv", ("red/1.jpg", "red/0.jpg", "yes"), ("red/1.jpg", "red/2.jpg", "yes"))
    assert add_pairs(turned, target, table) == AddPairsResult(new=1, known=1, unlabelled=0, total=3, same=2)
    assert len(read_pairs(target, table)) == 3
    assert [p.name for p in target.parent.iterdir()] == ["pairs.csv"]


def test_what_stands_in_the_file_stays(table: PhotoTable, tmp_path: Path) -> None:
    target = tmp_path / "pairs.csv"
    target.write_text("left,right,same,who\nred/0.jpg,red/1.jpg,yes,Ann\n")
    add_pairs(write(tmp_path / "new.csv", ("blue/0.jpg", "red/2.jpg", 0)), target, table)
    assert target.read_text().splitlines()[:2] == ["left,right,same,who", "red/0.jpg,red/1.jpg,yes,Ann"]
    assert len(target.read_text().splitlines()) == 3


def test_contradictions_add_nothing(table: PhotoTable, tmp_path: Path) -> None:
    target = write(tmp_path / "pairs.csv", ("red/0.jpg", "red/1.jpg", 1), ("red/1.jpg", "red/2.jpg", 1))
    before = target.read_text()
    opposite = write(tmp_path / "a.csv", ("blue/0.jpg", "blue/1.jpg", 1), ("red/1.jpg", "red/0.jpg", 0))
    with pytest.raises(DataError, match=r"opposite label for red/0\.jpg and red/1\.jpg: correct one"):
        add_pairs(opposite, target, table)
    follows = write(tmp_path / "b.csv", ("red/0.jpg", "red/2.jpg", 0))
    with pytest.raises(DataError, match=r"red/0\.jpg and red/2\.jpg\. Correct the labels"):
        add_pairs(follows, target, table)
    assert target.read_text() == before


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("red/0.jpg", "nobody.jpg", 1), "no photo 'nobody.jpg'"),
        (("red/0.jpg", "red/0.jpg", 1), "paired with itself"),
        (("red/0.jpg", "red/1.jpg", "perhaps"), "same is 'perhaps'"),
        (("0.jpg", "red/1.jpg", 1), "photos are named '0.jpg'"),
    ],
)
def test_bad_rows(table: PhotoTable, tmp_path: Path, row: tuple[str, str, object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        add_pairs(write(tmp_path / "new.csv", row), tmp_path / "pairs.csv", table)
    assert not (tmp_path / "pairs.csv").exists()


def test_files_that_are_none(table: PhotoTable, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        add_pairs(tmp_path / "none.csv", tmp_path / "pairs.csv", table)
    (tmp_path / "new.csv").write_text("left,right\na,b\n")
    with pytest.raises(DataError, match="same"):
        add_pairs(tmp_path / "new.csv", tmp_path / "pairs.csv", table)
    (tmp_path / "file").write_text("")
    good = write(tmp_path / "good.csv", ("red/0.jpg", "red/1.jpg", 1))
    with pytest.raises(DataError, match="cannot be written"):
        add_pairs(good, tmp_path / "file" / "pairs.csv", table)


@pytest.mark.parametrize(
    ("left", "right", "same", "word"),
    [("red/0.jpg", "blue/0.jpg", 1, "same"), ("red/0.jpg", "red/1.jpg", 0, "different")],
)
def test_labels_against_names_are_refused(
    table: PhotoTable, tmp_path: Path, left: str, right: str, same: int, word: str
) -> None:
    wrong = write(tmp_path / "new.csv", (left, right, same), ("blue/0.jpg", "blue/1.jpg", 1))
    with pytest.raises(DataError, match=rf"labels against names: .*{left} \(red\).*labelled {word}.*--no-names"):
        add_pairs(wrong, tmp_path / "pairs.csv", table)
    assert not (tmp_path / "pairs.csv").exists()
    assert add_pairs(wrong, tmp_path / "pairs.csv", table, use_names=False).new == 2


def test_bad_rows_are_left_out_if_wanted(table: PhotoTable, tmp_path: Path) -> None:
    new = write(
        tmp_path / "new.csv", ("red/0.jpg", "nowhere.jpg", 1), ("red/0.jpg", "red/1.jpg", 1), ("a", "b", "maybe")
    )
    with pytest.raises(DataError, match="2 of 3 pairs cannot be used"):
        add_pairs(new, tmp_path / "pairs.csv", table)
    result = add_pairs(new, tmp_path / "pairs.csv", table, skip_bad=True)
    assert (result.new, result.bad, result.total) == (1, 2, 1)
