from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from tests.helpers.photos import blob_photo

from vicp.cli.render.data import check_lines
from vicp.data.audit.check import CheckReport, GroupCounts, check_source
from vicp.data.audit.leaks import IdentityLeak, Leaks, PhotoLeak

REAL_PHOTOS = Path(__file__).parents[3] / "shared" / "data"


def check(source: Path) -> CheckReport:
    done: list[tuple[int, int]] = []
    checked = check_source(source, progress=lambda number, total: done.append((number, total)))
    assert done == [(number, len(done)) for number in range(1, len(done) + 1)]
    return checked


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A table of five photos: tom twice and kit twice in train, tom once in test."""
    rows = [("tom", "train"), ("tom", "train"), ("kit", "train"), ("kit", "train"), ("tom", "test")]
    for number in range(len(rows)):
        blob_photo(number).save(tmp_path / f"{number}.jpg", quality=92)
    frame = pd.DataFrame(rows, columns=["identity", "split"])
    frame.assign(path=[f"{n}.jpg" for n in range(5)], category="cat").to_csv(tmp_path / "cats.csv", index=False)
    return tmp_path / "cats.csv"


def test_counts_of_categories_and_splits(listed: Path) -> None:
    report = check(listed)
    assert report.categories == (GroupCounts("cat", 5, 2, 2, 2.5, 3),)
    assert report.splits == (GroupCounts("test", 1, 1, 1, 1.0, 1), GroupCounts("train", 4, 2, 2, 2.0, 2))
    assert (report.photos, report.bad, report.warning, report.leaks.duplicates) == (5, (), "", 0)


def test_an_identity_in_train_and_test(listed: Path) -> None:
    report = check(listed)
    assert not report.passed
    assert report.leaks == Leaks((IdentityLeak("cat/tom", ("test", "train")),), (), 0, 0, 0, ())


def test_a_copy_in_another_split_a_wrong_label_and_a_broken_photo(listed: Path) -> None:
    folder = listed.parent
    Image.open(folder / "0.jpg").resize((100, 100)).save(folder / "4.jpg", quality=60)
    (folder / "2.jpg").write_bytes((folder / "1.jpg").read_bytes())
    (folder / "3.jpg").write_bytes(b"")
    report = check(listed)
    assert report.leaks.photos == (
        PhotoLeak("0.jpg", "4.jpg", "near", "splits"),
        PhotoLeak("1.jpg", "2.jpg", "equal", "identities"),
    )
    assert [photo.path for photo in report.bad] == ["3.jpg"]


def test_without_splits_and_identities(tmp_path: Path) -> None:
    for number in (0, 1, 0):
        blob_photo(number).save(tmp_path / f"{len(list(tmp_path.iterdir()))}.png")
    checked = check(tmp_path)
    assert checked.passed
    assert checked.splits == ()
    assert checked.leaks.duplicates == 1
    assert checked.categories == (GroupCounts("photos", 3, 0, 0, 0.0, 0),)


def test_nothing_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "tom").mkdir()
    (tmp_path / "tom" / "0.jpg").write_bytes(b"")
    checked = check(tmp_path)
    assert (len(checked.bad), checked.leaks.duplicates, checked.passed) == (1, 0, False)


@pytest.mark.parametrize(
    ("name", "between", "labels", "others"),
    [("cattely", 0, 0, 212), ("zebra_rapid", 2, 0, 0), ("lego_minifig", 0, 0, 2)],
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


def test_photos_are_counted_by_moment(listed: Path) -> None:
    assert check(listed).moments == 5
    frame = pd.read_csv(listed)
    frame.assign(sequence=["a", "a", "a", "b", "c"]).to_csv(listed, index=False)
    report = check(listed)
    assert report.moments == 4, "of two cats, a sequence is two moments"
    line = "5 photos are of 4 moments: near-equal frames, photos of one sequence and photos less than a minute apart"
    assert any(text.startswith(line) for text in check_lines(report))
