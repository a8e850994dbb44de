import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vicp.data.records import PhotoTable
from vicp.data.support.support import Support, sample_support, split_identities
from vicp.data.support.support_file import read_support
from vicp.errors import DataError

HERD = [name for name in "abcdefghij" for _ in range(6)]  # ten identities of six photos


def pairs_of(support: Support) -> set[tuple[int, int]]:
    return {(min(a, b), max(a, b)) for a, b in zip(support.left, support.right, strict=True)}


def check_valid(support: Support, identities: list[str], num_pairs: int) -> None:
    assert len(support) == num_pairs
    assert (support.left.dtype, support.right.dtype, support.same.dtype) == (np.int64, np.int64, np.bool_)
    assert (support.left != support.right).all()
    assert len(pairs_of(support)) == num_pairs
    names = np.array(identities)
    assert (support.same == (names[support.left] == names[support.right])).all()
    assert support.same.sum() == num_pairs // 2


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=14), st.integers(1, 40), st.integers(0, 5))
def test_every_drawn_support_is_valid_or_refused_rightly(identities: list[str], num_pairs: int, seed: int) -> None:
    same = sum(n * (n - 1) // 2 for n in Counter(identities).values())
    different = len(identities) * (len(identities) - 1) // 2 - same
    if num_pairs // 2 > same or num_pairs - num_pairs // 2 > different:
        with pytest.raises(DataError, match=f"give {same} and {different}: ask for at most"):
            sample_support(identities, num_pairs, seed=seed)
    else:
        check_valid(sample_support(identities, num_pairs, seed=seed), identities, num_pairs)


def test_seeded() -> None:
    first, again, other = (sample_support(HERD, 16, seed=seed) for seed in (1, 1, 2))
    for name in ("left", "right", "same"):
        assert (getattr(first, name) == getattr(again, name)).all()
    assert pairs_of(first) != pairs_of(other)


def test_known_draw() -> None:
    support = sample_support(["a", "a", "b", "b"], 4, seed=0)
    check_valid(support, ["a", "a", "b", "b"], 4)
    assert {(0, 1), (2, 3)} < pairs_of(support)


@pytest.mark.parametrize("num_pairs", [10, 20, 40, 100])
@pytest.mark.parametrize("num_identities", [9, 10])
def test_identities_take_turns(num_pairs: int, num_identities: int) -> None:
    identities = HERD[: 6 * num_identities]
    support = sample_support(identities, num_pairs, seed=3)
    names = np.array(identities)
    same = Counter(dict.fromkeys(identities, 0))
    same.update(names[support.left[support.same]])
    different = Counter(dict.fromkeys(identities, 0))
    different.update(names[support.left[~support.same]])
    different.update(names[support.right[~support.same]])
    assert max(same.values()) - min(same.values()) <= 1
    assert max(different.values()) - min(different.values()) <= 1


def test_every_pair_there_is_can_be_drawn() -> None:
    identities = ["a"] * 4 + ["b"] * 2  # 6 + 1 same, 8 different
    support = sample_support(identities, 15, seed=0)
    assert pairs_of(support) == {(a, b) for b in range(6) for a in range(b)}


def test_order_and_sides_are_shuffled() -> None:
    support = sample_support(HERD, 100, seed=0)
    assert 15 < support.same[:50].sum() < 35
    assert 25 < (support.left < support.right).sum() < 75


def test_unbalanced_identities_do_not_stall() -> None:
    identities = ["a"] * 300 + ["b", "c"]
    support = sample_support(identities, 1200, seed=0)
    check_valid(support, identities, 1200)


def test_too_few_pairs_says_how_many() -> None:
    with pytest.raises(DataError, match="4 photos of 2 identities give 2 and 4: ask for at most 4 pairs"):
        sample_support(["a", "a", "b", "b"], 6, seed=0)
    with pytest.raises(DataError, match="3 photos of 1 identities give 3 and 0: ask for at most 0 pairs"):
        sample_support(["a", "a", "a"], 2, seed=0)
    with pytest.raises(ValueError, match="num_pairs 0"):
        sample_support(HERD, 0, seed=0)


@pytest.mark.parametrize(("num_pairs", "num_changed"), [(2, 2), (4, 2), (8, 4), (16, 8), (64, 32), (5, 2), (7, 4)])
def test_shuffled_labels_tell_nothing(num_pairs: int, num_changed: int) -> None:
    support = sample_support(HERD, num_pairs, seed=0)
    for seed in range(3):
        shuffled = support.shuffled(seed)
        assert pairs_of(shuffled) == pairs_of(support)
        assert shuffled.same.sum() == support.same.sum()
        assert (shuffled.same != support.same).sum() == num_changed
        assert (shuffled.same == support.shuffled(seed).same).all()
        if num_pairs % 4 == 0:
            assert np.corrcoef(shuffled.same, support.same)[0, 1] == pytest.approx(0)


def test_labels_all_alike_cannot_be_shuffled() -> None:
    support = Support(np.array([0, 1]), np.array([2, 3]), np.array([True, True]))
    assert support.shuffled(0).same.tolist() == [True, True]


def test_impossible_supports() -> None:
    with pytest.raises(ValueError, match="paired with itself"):
        Support(np.array([1]), np.array([1]), np.array([True]))
    with pytest.raises(ValueError, match="expected three"):
        Support(np.array([1]), np.array([2]), np.array([1]))


@pytest.mark.parametrize(("share", "num_support"), [(0.5, 5), (0.01, 2), (0.99, 8)])
def test_split_keeps_identities_apart(share: float, num_support: int) -> None:
    names = np.array(HERD)
    support, rest = split_identities(HERD, share_support=share, seed=0)
    assert sorted([*support, *rest]) == list(range(60))
    assert (np.diff(support) > 0).all()
    assert not set(names[support]) & set(names[rest])
    assert len(set(names[support])) == num_support


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=9), st.floats(0.05, 0.95), st.integers(0, 3))
def test_both_sides_of_a_split_can_be_used(sizes: list[int], share: float, seed: int) -> None:
    identities = [str(identity) for identity, size in enumerate(sizes) for _ in range(size)]
    if len(sizes) < 4 or sum(size >= 2 for size in sizes) < 3:
        with pytest.raises(DataError, match=rf"{len(sizes)} identities, .* at least 4 and 3\. Add"):
            split_identities(identities, share_support=share, seed=seed)
        return
    support, rest = (
        Counter(np.array(identities)[rows]) for rows in split_identities(identities, share_support=share, seed=seed)
    )
    assert sum(count >= 2 for count in support.values()) >= 2
    assert len(rest) >= 2
    assert max(rest.values()) >= 2


def test_split_is_seeded() -> None:
    first, again, other = (split_identities(HERD, share_support=0.5, seed=seed)[0] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    with pytest.raises(ValueError, match="share_support 1"):
        split_identities(HERD, share_support=1.0, seed=0)


@pytest.fixture
def photos() -> PhotoTable:
    paths = ["tom/1.jpg", "tom/my cat 猫.jpg", "zoe/1.jpg", "zoe/3.jpg", "boot/4.jpg"]
    frame = pd.DataFrame({"row": range(1, 6), "path": paths, "category": ["cat"] * 4 + ["shoe"]})
    frame["identity"] = pd.Series([path.split("/")[0] for path in paths], dtype=object)
    return PhotoTable(frame, Path())


def written(tmp_path: Path, rows: str, header: str = "left,right,same\n") -> Path:
    (tmp_path / "pairs.csv").write_text(header + rows, encoding="utf-8")
    return tmp_path / "pairs.csv"


def test_read_support(tmp_path: Path, photos: PhotoTable) -> None:
    path = written(tmp_path, "tom/1.jpg,my cat 猫.jpg,same\nzoe/3.jpg,tom/1.jpg,0\n")
    support = read_support(path, photos)
    assert pairs_of(support) == {(0, 1), (0, 3)}
    assert support.same.tolist() == [True, False]
    assert support.left.dtype == np.int64


@pytest.mark.parametrize(
    ("word", "same"),
    [
        *((word, True) for word in ("1", "TRUE", "yes", " Same ", "1.0", "y", "Y", "t", "ja", "same cat", "\u2713")),
        *((word, True) for word in ("\uff34\uff32\uff35\uff25", "Same!", "identical", "S", "s\u00ec")),
        *((word, False) for word in ("No.", "D", "different!")),
        *((word, False) for word in ("-1", "-1.0", "non-match", "Different individuals", "diff", "\u2717")),
        *((word, False) for word in ("0", "False", "no", "different", "0.0", "n", "N", "f", "not same", "nein")),
    ],
)
def test_words_for_same(tmp_path: Path, photos: PhotoTable, word: str, same: bool) -> None:
    assert read_support(written(tmp_path, f"tom/1.jpg,zoe/3.jpg,{word}\n"), photos).same.tolist() == [same]


def test_rows_without_a_label_are_left_out_and_counted(
    tmp_path: Path, photos: PhotoTable, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        "tom/1.jpg,zoe/3.jpg,",
        "tom/1.jpg,my cat 猫.jpg,1.0",
        "tom/1.jpg,zoe/1.jpg,?",
        "zoe/3.jpg,zoe/1.jpg,unsure",
        "zoe/3.jpg,my cat 猫.jpg,skip",
    ]
    with caplog.at_level(logging.INFO):
        assert pairs_of(read_support(written(tmp_path, "\n".join(rows)), photos)) == {(0, 1)}
    assert "4 of 5 pairs have no label yet and are left out" in caplog.text
    with pytest.raises(DataError, match=r"1 of 1 pairs cannot be used: row 2 .*same is '2'"):
        read_support(written(tmp_path, "tom/1.jpg,zoe/3.jpg,\ntom/1.jpg,zoe/1.jpg,2\n"), photos)


def test_photos_are_found_by_what_people_write(tmp_path: Path) -> None:
    frame = pd.DataFrame({"row": [1, 2, 3], "path": ["a/Zo\u00eb.jpg", "b/1.jpg#xywh=1,2,3,4", "b/2.jpg"]})
    table = PhotoTable(frame.assign(category="cat", identity=None), Path())
    for left, right in (
        ("a\\Zo\u00eb.jpg", "b/1.jpg"),
        ("a/Zoe\u0308.jpg", "1.jpg"),
        (" Zo\u00eb.jpg", "1.jpg#xywh=1,2,3,4"),
    ):
        assert pairs_of(read_support(written(tmp_path, f'{left},"{right}",1\n'), table)) == {(0, 1)}


def test_all_bad_pairs_in_one_message(tmp_path: Path, photos: PhotoTable) -> None:
    rows = [
        "tom/1.jpg,zoe/3.jpg,0",
        "1.jpg,zoe/3.jpg,0",
        "nobody.jpg,zoe/3.jpg,0",
        "tom/1.jpg,tom/1.jpg,1",
        "tom/1.jpg,zoe/1.jpg,maybe",
        "zoe/3.jpg,tom/1.jpg,1",
        "boot/4.jpg,tom/1.jpg,0",
    ]
    with pytest.raises(DataError, match=r"pairs\.csv: 6 of 7 pairs cannot be used") as caught:
        read_support(written(tmp_path, "\n".join(rows)), photos)
    for part in (
        "row 2 (1.jpg, zoe/3.jpg): 2 photos are named '1.jpg': write the path",
        "row 3 (nobody.jpg, zoe/3.jpg): no photo 'nobody.jpg' in the table (which has, for",
        "row 4 (tom/1.jpg, tom/1.jpg): a photo paired with itself",
        "row 5 (tom/1.jpg, zoe/1.jpg): same is 'maybe', expected one of 1, true, yes, same, 0",
        "row 6 (zoe/3.jpg, tom/1.jpg): the same pair stands above with the opposite label",
        "; and 1 more. Photos are named as the table names them, in the column path",
    ):
        assert part in str(caught.value)


def test_pairs_of_several_categories(tmp_path: Path, photos: PhotoTable) -> None:
    frame = pd.concat([photos.frame, photos.frame.tail(1).assign(path="boot/5.jpg")], ignore_index=True)
    with pytest.raises(DataError, match=r"pairs\.csv: pairs of several categories \(cat, shoe\)"):
        read_support(written(tmp_path, "tom/1.jpg,zoe/3.jpg,0\n4.jpg,5.jpg,1\n"), PhotoTable(frame, photos.root))


def test_a_repeated_pair_counts_once_and_is_said(
    tmp_path: Path, photos: PhotoTable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        support = read_support(written(tmp_path, "tom/1.jpg,zoe/3.jpg,0\nzoe/3.jpg,tom/1.jpg,no\n"), photos)
    assert len(support) == 1
    assert "row 2 (zoe/3.jpg, tom/1.jpg) repeats a pair" in caplog.text


def test_wrong_support_files(tmp_path: Path, photos: PhotoTable) -> None:
    with pytest.raises(DataError, match="no column 'same', did you mean 'sam'"):
        read_support(written(tmp_path, "", header="left,right,sam\n"), photos)
    with pytest.raises(DataError, match="no pairs, expected one per row"):
        read_support(written(tmp_path, ""), photos)
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read \(No such file"):
        read_support(tmp_path / "nowhere.csv", photos)


def test_of_each_moment_one_photo_takes_part() -> None:
    identities = [name for name in "abcd" for _ in range(6)]
    moments = np.array([3 * individual + frame // 2 for individual in range(4) for frame in range(6)])
    support = sample_support(identities, 8, moments=moments, seed=0)
    photos = np.unique(np.concatenate([support.left, support.right]))
    assert len(np.unique(moments[photos])) == len(photos)
    assert not (moments[support.left] == moments[support.right]).any()


def test_too_few_moments_leave_the_photos_as_they_are() -> None:
    identities, moments = ["a", "a", "b", "b"], np.array([0, 0, 1, 1])
    with_moments, without = (sample_support(identities, 4, moments=m, seed=0) for m in (moments, None))
    np.testing.assert_array_equal(with_moments.left, without.left)
    unique = sample_support(HERD, 16, moments=np.arange(len(HERD)), seed=1)
    np.testing.assert_array_equal(unique.left, sample_support(HERD, 16, seed=1).left)
