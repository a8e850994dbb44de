from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message, check_enough
from vicp.errors import DataError


def table(pairs: list[tuple[str, str | None]], root: Path | None = Path()) -> PhotoTable:
    frame = pd.DataFrame({"row": range(1, len(pairs) + 1), "path": [f"{i}.jpg" for i in range(len(pairs))]})
    frame["category"] = [category for category, _ in pairs]
    frame["identity"] = pd.Series([identity for _, identity in pairs], dtype=object)
    return PhotoTable(frame, root)


def test_an_identity_is_the_pair_of_category_and_identity() -> None:
    photos = table([("shoe", "1"), ("cat", "1"), ("cat", "tom")])
    assert photos.categories == ("cat", "shoe")
    assert photos.identities == ("shoe/1", "cat/1", "cat/tom")
    assert len(photos) == 3


def test_slashes_do_not_merge_identities() -> None:
    assert len(set(table([("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c")]).identities)) == 3


def test_unknown_identities_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"1 photo has no identity \(first: 1.jpg\)"):
        _ = table([("cat", "tom"), ("cat", None)]).identities


def test_select_keeps_order_and_takes_masks() -> None:
    photos = table([("cat", "a"), ("cat", "b"), ("shoe", "c")])
    assert list(photos.select([2, 0]).frame["row"]) == [3, 1]
    assert list(photos.select(np.array([False, True, True])).frame["row"]) == [2, 3]
    assert len(photos.select([])) == 0
    assert list(photos.of_category("shoe").frame["path"]) == ["2.jpg"]


def test_unknown_category_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="no category 'cast', did you mean 'cat'"):
        table([("cat", "a"), ("shoe", "b")]).of_category("cast")


def test_photo_bytes_from_files(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").write_bytes(b"abc")
    (tmp_path / "1.jpg").mkdir()
    photos = table([("cat", "a")] * 3, tmp_path)
    assert photos.photo_bytes(0) == b"abc"
    with pytest.raises(DataError, match=r"a folder, not a file: .*1\.jpg"):
        photos.photo_bytes(1)
    with pytest.raises(DataError, match=r"no such file: .*2\.jpg"):
        photos.photo_bytes(2)


def test_photo_bytes_from_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").symlink_to("0.jpg")  # a permission would not stop root; a link to itself stops everyone
    with pytest.raises(DataError, match=r"cannot be read \(.*symbolic links\): .*0\.jpg"):
        table([("cat", "a")], tmp_path).photo_bytes(0)


def test_photo_bytes_from_the_table() -> None:
    photos = table([("cat", "a"), ("cat", "b")], root=None)
    photos = PhotoTable(photos.frame.assign(image=[b"one", b"two"]), None)
    assert photos.select([1]).photo_bytes(0) == b"two"


def test_message_lists_rows_paths_and_reasons_on_one_line() -> None:
    message = bad_photos_message([BadPhoto(3, "a b.jpg", "the file is empty"), BadPhoto(7, "c.jpg", "no such file")])
    assert message.startswith("2 photos cannot be used: row 3 (a b.jpg): the file is empty; row 7 (c.jpg): no such")
    assert message.endswith("go on without them: --skip-bad, in Python skip_bad=True")
    assert "\n" not in message


def test_a_long_list_is_cut_but_counted() -> None:
    message = bad_photos_message([BadPhoto(row, f"{row}.jpg", "empty") for row in range(1, 34)])
    assert message.startswith("33 photos cannot be used")
    assert "row 5 (5.jpg)" in message
    assert "row 6 " not in message
    assert "; and 28 more." in message


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([], "no photos"),
        ([("cat", "tom")] * 3, r"only one identity \(cat/tom\) in 3 photos: .* at least two. Add another's"),
        ([("cat", "a"), ("shoe", "b")] * 2, "only one identity per category in 4 photos"),
        ([("cat", "a"), ("cat", "b")], "only one photo of each of the 2 identities: .* Add a second photo"),
        ([("cat", "a"), ("cat", "b"), ("shoe", "c"), ("shoe", "c")], "no category has both"),
    ],
)
def test_too_little_to_learn_from(pairs: list[tuple[str, str | None]], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        check_enough(table(pairs))


def test_enough() -> None:
    check_enough(table([("cat", "a"), ("cat", "a"), ("cat", "b"), ("shoe", "c")]))
