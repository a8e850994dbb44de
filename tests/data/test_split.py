from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.split import SplitPart, split_photos
from vicp.data.write import write_table
from vicp.errors import ConfigError, DataError

REAL_PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "holstein2025.parquet"


def table(sizes: dict[str, list[int]], **columns: list[str]) -> PhotoTable:
    """Photos per identity of every category; identities are called a0, a1, ... in each."""
    rows = [(c, f"a{n}") for c, counts in sizes.items() for n, count in enumerate(counts) for _ in range(count)]
    frame = pd.DataFrame(rows, columns=["category", "identity"], dtype=object)
    frame.insert(0, "path", [f"photos/{row}.jpg" for row in range(len(frame))])
    frame.insert(0, "row", range(1, len(frame) + 1))
    return PhotoTable(frame.assign(**columns), Path())


def splits_of(table: PhotoTable) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, value in zip(table.identities, table.frame["split"], strict=True):
        found[name].add(value)
    return dict(found)


SIZES = st.dictionaries(
    st.sampled_from(["cat", "dog", "shoe", "cup"]),
    st.lists(st.integers(1, 5), max_size=20).map(lambda rest: [2] * 6 + rest),
    min_size=1,
)


@settings(max_examples=50, deadline=None)
@given(SIZES, st.integers(0, 3), st.randoms(use_true_random=False))
def test_an_identity_lies_in_one_split_whatever_the_order_of_rows(sizes, seed: int, random) -> None:
    photos = table(sizes)
    split, _ = split_photos(photos, seed=seed)
    found = splits_of(split)
    assert all(len(values) == 1 for values in found.values())
    frame = split.frame
    for _, rows in frame.groupby("category"):
        for name in ("train", "val", "test"):
            assert (rows[rows["split"] == name].groupby("identity").size() >= 2).sum() >= 2
    order = list(range(len(photos)))
    random.shuffle(order)
    again = split_photos(photos.select(order), seed=seed)[0].frame
    pd.testing.assert_frame_equal(again.sort_values("row").reset_index(drop=True), frame)


def test_shares_are_of_identities() -> None:
    split, _ = split_photos(table({"cat": [3] * 100 + [1] * 20, "dog": [2] * 10}), val_share=0.2, test_share=0.3)
    identities = {name: next(iter(values)) for name, values in splits_of(split).items()}
    cats = [value for name, value in identities.items() if name.startswith("cat")]
    assert [cats.count(name) for name in ("train", "val", "test")] == [60, 24, 36]
    singles = [identities[f"cat/a{n}"] for n in range(100, 120)]
    assert [singles.count(name) for name in ("train", "val", "test")] == [10, 4, 6]
    dogs = [value for name, value in identities.items() if name.startswith("dog")]
    assert [dogs.count(name) for name in ("train", "val", "test")] == [5, 2, 3]


def test_a_small_share_still_gets_two_identities() -> None:
    _, report = split_photos(table({"cat": [2] * 8}), val_share=0.01, test_share=0.5)
    assert report.splits == (
        SplitPart("train", 6, 3, ("cat",)),
        SplitPart("val", 4, 2, ("cat",)),
        SplitPart("test", 6, 3, ("cat",)),
    )


def test_the_seed_decides_and_categories_do_not_disturb_each_other() -> None:
    photos = table({"cat": [2] * 30, "dog": [2] * 30})
    one, same, other = (split_photos(photos, seed=seed)[0].frame["split"] for seed in (1, 1, 2))
    assert list(one) == list(same)
    assert list(one) != list(other)
    assert list(one[:60]) != list(one[60:])
    alone = split_photos(table({"cat": [2] * 30}), seed=1)[0].frame["split"]
    assert list(alone) == list(one[:60])


def test_no_shares_put_everything_into_train() -> None:
    split, report = split_photos(table({"cat": [1], "dog": [3]}), val_share=0, test_share=0, folds=2)
    assert list(split.frame["split"]) == ["train"] * 4
    assert [part.name for part in report.splits] == ["train"]


def test_folds_are_balanced_by_photos() -> None:
    sizes = {"cat": [4] * 6, "dog": [2] * 8, "cup": [2] * 7, "hat": [2] * 6, "shoe": [3] * 10}  # 24, 16, 14, 12, 30
    split, report = split_photos(table(sizes), folds=2)
    assert split.frame.groupby("category")["fold"].nunique().eq(1).all()
    assert [(part.name, part.photos) for part in report.folds] == [("0", 44), ("1", 52)]
    assert [part.categories for part in report.folds] == [("cup", "shoe"), ("cat", "dog", "hat")]
    assert report.notes == ()


def test_fewer_categories_than_folds() -> None:
    both, report = split_photos(table({"cat": [2] * 6, "dog": [2] * 7}))
    assert set(both.frame["fold"]) == {"0", "1"}
    assert report.notes == ("2 folds instead of 5: there are no more categories.",)
    one, report = split_photos(table({"cat": [2] * 6}))
    assert "fold" not in one.frame
    assert report.notes == ("No folds: there is only one category.",)
    assert split_photos(table({"cat": [2] * 6, "dog": [2] * 6}), folds=0)[1].notes == ()


def test_by_time_cuts_between_days() -> None:
    dates = [f"2025-01-{day:02} {hour:02}:30" for day in range(1, 11) for hour in (3, 20)]
    order = np.random.default_rng(0).permutation(20)
    photos = table({"cat": [4] * 5}, date=[dates[n] for n in order], split=["old"] * 20)
    frame = split_photos(photos, by="time", val_share=0.2, test_share=0.27)[0].frame
    days = {name: sorted(set(rows["date"].str[8:10])) for name, rows in frame.groupby("split")}
    assert days == {
        "train": ["01", "02", "03", "04", "05"],
        "val": ["06", "07"],
        "test": ["08", "09", "10"],
    }


def test_by_time_goes_to_the_nearest_day_and_leaves_none_empty() -> None:
    photos = table({"cat": [10]}, date=["2025-01-01"] * 8 + ["2025-01-02", "2025-01-03"])
    frame = split_photos(photos, by="time")[0].frame
    assert list(frame["split"]) == ["train"] * 8 + ["val", "test"]
    late = table({"cat": [10]}, date=["2025-01-01", "2025-01-02"] + ["2025-01-03"] * 8)
    assert list(split_photos(late, by="time")[0].frame["split"]) == ["train", "val"] + ["test"] * 8
    frame = split_photos(photos, by="time", val_share=0, test_share=0.12)[0].frame
    assert list(frame["split"]) == ["train"] * 9 + ["test"]


def test_by_time_says_what_is_shared_and_what_has_no_date() -> None:
    dates = ["2025-01-01", "2025-01-02", "2025-01-03", "", "2025-01-03"]
    split, report = split_photos(table({"cat": [4, 1]}, date=dates), by="time", val_share=0)
    assert list(split.frame["split"]) == ["train", "train", "test", "", "test"]
    assert report.notes[:2] == (
        "1 of the 2 identities of the test are in train too (closed set).",
        "1 photo without a date is in no split.",
    )
    assert report.splits[-1] == SplitPart("", 1, 1, ("cat",))


def test_by_camera_no_camera_is_in_two_splits() -> None:
    cameras = ["a"] * 50 + ["b"] * 30 + ["c"] * 12 + ["d"] * 8 + [""] * 3
    frame = split_photos(table({"cat": [103]}, camera=cameras), by="camera", val_share=0.12)[0].frame
    found = {name: set(rows["camera"]) for name, rows in frame.groupby("split")}
    assert found == {"test": {"a"}, "train": {"b", "d"}, "val": {"c"}, "": {""}}


def test_by_camera_leaves_no_split_empty() -> None:
    for seed in range(5):
        photos = table({"cat": [30]}, camera=[*"abc"] * 10)
        frame = split_photos(photos, by="camera", val_share=0.01, seed=seed)[0].frame
        assert set(frame["split"]) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("sizes", "columns", "by", "reason"),
    [
        ({"cat": [2] * 5 + [1] * 9, "dog": [2] * 6}, {}, "identity", "cat: 5 identities with two photos or more, exp"),
        ({"cat": [4], "dog": [1]}, {}, "identity", "cat: 1 identities .*; dog: 0 identities .*set a share to 0"),
        ({"cat": [4]}, {}, "time", "cat: no dates, expected a column date"),
        ({"cat": [2]}, {"date": ["2025-01-01", "1/2/25"]}, "time", r"row 2 \(photos/1.jpg\): date '1/2/25'"),
        ({"cat": [2]}, {"date": ["2025-01-01", "2025-01-02"]}, "time", "photos of 2 days, expected one or more for"),
        ({"cat": [4]}, {}, "camera", "cat: 0 cameras in the column camera"),
        ({"cat": [3]}, {"camera": ["a", "b", ""]}, "camera", "cat: 2 cameras .* train, val, test"),
    ],
)
def test_what_is_missing_is_said(sizes, columns, by, reason: str) -> None:
    with pytest.raises(DataError, match=f"cannot be split by {by}: .*{reason}"):
        split_photos(table(sizes, **columns), by=by)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.5), (0.1, -1)])
def test_shares_that_make_no_sense(shares: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="sum to less than 1"):
        split_photos(table({"cat": [2] * 6}), val_share=shares[0], test_share=shares[1])


@pytest.mark.parametrize("suffix", ["csv", "parquet", "pq"])
def test_a_table_of_paths_is_read_back(tmp_path: Path, suffix: str) -> None:
    photos = tmp_path / "my, photos" / "cat"
    for name in ("tom", "kit"):
        for shot in range(2):
            (photos / name).mkdir(parents=True, exist_ok=True)
            (photos / name / f"é{shot}.jpg").write_bytes(f"{name}{shot}".encode())
    read = open_photos(tmp_path / "my, photos")
    out = tmp_path / "tables" / "new" / f"all.{suffix}"
    split, _ = split_photos(read, val_share=0, test_share=0)
    write_table(split, out)
    back = open_photos(out)
    assert back.frame["path"].iloc[0] == "../../my, photos/cat/kit/é0.jpg"
    assert [back.photo_bytes(n) for n in range(4)] == [read.photo_bytes(n) for n in range(4)]
    assert back.identities == read.identities
    assert list(back.frame["split"]) == ["train"] * 4
    assert [path.name for path in out.parent.iterdir()] == [f"all.{suffix}"]


def test_photos_in_a_parquet_go_along(tmp_path: Path) -> None:
    rows = {"image": [b"a", b"b", b"c", b"d"], "identity": [*"xxyy"], "category": [*"ccdd"], "camera": [*"1212"]}
    pd.DataFrame(rows).to_parquet(tmp_path / "in.parquet")
    photos = open_photos(tmp_path / "in.parquet")
    split, _ = split_photos(photos, val_share=0, test_share=0.5, by="camera", folds=2)
    write_table(split, tmp_path / "out.parquet", source=tmp_path / "in.parquet")
    back = open_photos(tmp_path / "out.parquet")
    assert back.root is None
    assert list(back.frame["image"]) == [b"a", b"b", b"c", b"d"]
    for column in ("path", "split", "fold", "camera"):
        assert list(back.frame[column]) == list(split.frame[column])
    with pytest.raises(DataError, match=r"out\.csv: a CSV cannot hold the photos .*\.parquet"):
        write_table(split, tmp_path / "out.csv")
    with pytest.raises(DataError, match=r"in\.parquet: holds the photos themselves"):
        write_table(split, tmp_path / "in.parquet", source=tmp_path / "in.parquet")
    assert list(pd.read_parquet(tmp_path / "in.parquet").columns) == list(rows)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    photos, _ = split_photos(table({"cat": [2] * 6}))
    with pytest.raises(DataError, match=r"out\.txt: cannot tell which table to write"):
        write_table(photos, tmp_path / "out.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="its folder cannot be made"):
        write_table(photos, tmp_path / "file" / "out.csv")
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        write_table(photos, tmp_path / "out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out.csv"]


def test_real_dates() -> None:
    if not REAL_PHOTOS.exists():
        pytest.skip(f"the development photos are not here: {REAL_PHOTOS}")
    split, _ = split_photos(open_photos(REAL_PHOTOS), by="time")
    frame = split.frame
    days = [frame.loc[frame["split"] == name, "date"] for name in ("train", "val", "test")]
    assert all(before.max() < after.min() for before, after in pairwise(days))
    assert [len(part) for part in days] == [1345, 535, 1598]
    assert (frame.loc[frame["split"] == "", "date"] == "").all()
