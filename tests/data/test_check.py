from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from tests.data.test_duplicates import photo

from vicp.data.audit.check import CheckReport, check_source

REAL_PHOTOS = Path(__file__).parents[3] / "shared" / "data"


def check(source: Path) -> CheckReport:
    done: list[tuple[int, int]] = []
    checked = check_source(source, progress=lambda number, total: done.append((number, total)))
    assert done == [(number, len(checked.table)) for number, _ in done]
    return checked


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A table of five photos: tom twice and kit twice in train, tom once in test."""
    rows = [("tom", "train"), ("tom", "train"), ("kit", "train"), ("kit", "train"), ("tom", "test")]
    for number in range(len(rows)):
        photo(number).save(tmp_path / f"{number}.jpg", quality=92)
    frame = pd.DataFrame(rows, columns=["identity", "split"])
    frame.assign(path=[f"{n}.jpg" for n in range(5)], category="cat").to_csv(tmp_path / "cats.csv", index=False)
    return tmp_path / "cats.csv"


def test_counts_of_categories_and_splits(listed: Path) -> None:
    summary = check(listed).summary()
    cat = {"photos": 5, "identities": 2, "least": 2, "median": 2.5, "most": 3}
    assert summary["categories"] == [{"category": "cat", **cat}]
    assert summary["splits"] == [
        {"split": "test", "photos": 1, "identities": 1, "least": 1, "median": 1.0, "most": 1},
        {"split": "train", "photos": 4, "identities": 2, "least": 2, "median": 2.0, "most": 2},
    ]
    assert (summary["photos"], summary["bad"], summary["warning"], summary["duplicates"]) == (5, [], "", 0)


def test_an_identity_in_train_and_test(listed: Path) -> None:
    checked = check(listed)
    assert not checked.passed
    assert checked.summary()["leaks"] == {
        "identities": [{"identity": "cat/tom", "splits": ["test", "train"]}],
        "photos": [],
        "unlisted": 0,
        "notes": [],
    }
    assert checked.lines() == [
        "5 photos",
        "  cat: 5 photos of 2 identities, 2 to 3 each (median 2.5)",
        "  split test: 1 photos of 1 identities, 1 to 1 each (median 1)",
        "  split train: 4 photos of 2 identities, 2 to 2 each (median 2)",
        "Identities in splits that should share none: 1 (an error: numbers measured on these splits would be too good)",
        "  cat/tom: test, train",
        "Every photo can be used.",
    ]


def test_a_copy_in_another_split_a_wrong_label_and_a_broken_photo(listed: Path) -> None:
    folder = listed.parent
    Image.open(folder / "0.jpg").resize((100, 100)).save(folder / "4.jpg", quality=60)
    (folder / "2.jpg").write_bytes((folder / "1.jpg").read_bytes())
    (folder / "3.jpg").write_bytes(b"")
    summary = check(listed).summary()
    assert summary["leaks"]["photos"] == [
        {"a": "0.jpg", "b": "4.jpg", "kind": "near", "why": "splits"},
        {"a": "1.jpg", "b": "2.jpg", "kind": "bytes", "why": "identities"},
    ]
    assert [row["path"] for row in summary["bad"]] == ["3.jpg"]


def test_without_splits_and_identities(tmp_path: Path) -> None:
    for number in (0, 1, 0):
        photo(number).save(tmp_path / f"{len(list(tmp_path.iterdir()))}.png")
    checked = check(tmp_path)
    assert checked.passed
    assert checked.summary()["splits"] == []
    assert checked.leaks.duplicates == 1
    assert checked.lines()[1] == "  photos: 3 photos, identities unknown"


def test_nothing_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "tom").mkdir()
    (tmp_path / "tom" / "0.jpg").write_bytes(b"")
    checked = check(tmp_path)
    assert (len(checked.bad), checked.leaks.duplicates, checked.passed) == (1, 0, False)


@pytest.mark.parametrize(
    ("name", "between", "labels", "others"),
    [("cattely", 0, 0, 141), ("zebra_rapid", 2, 0, 0), ("lego_minifig", 0, 0, 2)],
)
def test_real_photos(name: str, between: int, labels: int, others: int) -> None:
    """Hand-checked: frames of a burst and shots of one moment, and no two animals or figures taken for one another."""
    source = REAL_PHOTOS / f"{name}.parquet"
    if not source.exists():
        pytest.skip(f"the development photos are not here: {source}")
    checked = check(source)
    assert checked.bad == ()
    assert (checked.leaks.in_two_splits, checked.leaks.two_identities) == (between, labels)
    assert checked.leaks.identities == ()
    assert checked.leaks.duplicates == pytest.approx(others, abs=max(1, others // 10))  # decoders differ in a bit
