import json
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import write_photo
from tests.helpers.photos import blob_photo
from tests.test_cli import one_line_error, vicp


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """`animals/CATEGORY/NAME/*.jpg`: two categories of six identities of two photos."""
    for number in range(24):
        path = tmp_path / "animals" / ("cat" if number < 12 else "dog") / f"n{number // 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        blob_photo(number).save(path, quality=92)
    return tmp_path / "animals"


def test_split_then_check(animals: Path, tmp_path: Path) -> None:
    split = vicp("data", "split", "animals", "--out", "tables/all.csv", "--json", cwd=tmp_path)
    assert split.returncode == 0, split.stderr
    facts = json.loads(split.stdout)
    assert [(row["name"], row["photos"], row["identities"]) for row in facts["splits"]] == [
        ("train", 8, 4),
        ("val", 8, 4),
        ("test", 8, 4),
    ]
    assert sorted(row["categories"] for row in facts["folds"]) == [["cat"], ["dog"]]
    assert facts["table"] == "tables/all.csv"
    check = vicp("data", "check", "tables/all.csv", "--json", cwd=tmp_path)
    assert check.returncode == 0, check.stderr
    assert json.loads(check.stdout)["leaks"] == {
        "identities": [],
        "photos": [],
        "notes": [],
        "in_two_splits": 0,
        "two_identities": 0,
        "duplicates": 0,
    }

    again = vicp("data", "split", "animals", "--out", "tables/again.csv", cwd=tmp_path)
    assert again.stdout.splitlines()[:2] == ["24 photos split by identity", "  train: 8 photos of 4 identities"]
    assert again.stdout.splitlines()[-1] == "tables/again.csv holds the table"
    assert (tmp_path / "tables" / "again.csv").read_text() == (tmp_path / "tables" / "all.csv").read_text()


def test_a_leak_between_splits_fails_and_a_wrong_label_warns(animals: Path, tmp_path: Path) -> None:
    copy = animals / "cat" / "n1" / "2.jpg"
    blob_photo(0).resize((120, 120)).save(copy, quality=70)
    check = vicp("data", "check", "animals", cwd=tmp_path)
    assert check.returncode == 0, check.stderr
    assert "near-equal photos under two identities: 1 (a warning" in check.stdout

    rows = [("animals/cat/n0/0.jpg", "n0", "train"), ("animals/cat/n1/2.jpg", "n0", "test")]
    pd.DataFrame(rows, columns=["path", "identity", "split"]).to_csv(tmp_path / "cats.csv", index=False)
    check = vicp("data", "check", "cats.csv", "--json", cwd=tmp_path)
    assert check.returncode == 1
    leaks = json.loads(check.stdout)["leaks"]
    assert leaks["photos"] == [{"a": rows[0][0], "b": rows[1][0], "kind": "near", "why": "splits"}]
    assert leaks["identities"] == [{"identity": "photos/n0", "splits": ["test", "train"]}]


def test_wrong_input_is_one_line(animals: Path, tmp_path: Path) -> None:
    split = ("data", "split", "animals", "--out")
    one_line_error(vicp(*split, "all.txt", cwd=tmp_path), "all.txt", ".parquet")
    one_line_error(vicp(*split, "all.csv", "--by", "camera", cwd=tmp_path), "cat: 0 cameras", "dog: 0 cameras")
    one_line_error(vicp(*split, "all.csv", "--test-share", 0.95, cwd=tmp_path), "less than 1")
    assert not (tmp_path / "all.csv").exists()


def test_bad_rows_stop_a_split(photo_folder: Path, tmp_path: Path) -> None:
    write_photo(photo_folder / "stray.jpg", (1, 2, 3))
    split = ("data", "split", "shoes", "--out", "shoes.csv", "--val-share", 0)
    one_line_error(vicp(*split, cwd=tmp_path), "stray.jpg", "--skip-bad")
    assert vicp(*split, "--skip-bad", cwd=tmp_path).returncode == 0
    assert len(pd.read_csv(tmp_path / "shoes.csv")) == 15
