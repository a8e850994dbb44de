import io
import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vicp.data.sources import open_photos
from vicp.data.sources.folders.folder import read_folder
from vicp.data.sources.options import ReadOptions
from vicp.data.sources.tables.table import read_table
from vicp.errors import DataError


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (1, 2, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def csv(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_folder_of_categories(tmp_path: Path) -> None:
    for name in ("cat/tom/2.jpg", "cat/tom/10.JPG", "shoe/left boot/été 猫.png"):
        photo(tmp_path / name)
    photos = read_folder(tmp_path)
    assert list(photos.frame["row"]) == [1, 2, 3]
    assert list(photos.frame["path"]) == ["cat/tom/2.jpg", "cat/tom/10.JPG", "shoe/left boot/été 猫.png"]
    assert photos.identities == ("cat/tom", "cat/tom", "shoe/left boot")
    assert photos.photo_bytes(2).startswith(b"\x89PNG")
    assert read_folder(tmp_path, ReadOptions(category="cat")).categories == ("cat",)
    with pytest.raises(DataError, match="no category 'cats', did you mean 'cat'"):
        read_folder(tmp_path, ReadOptions(category="cats"))


def test_folder_of_identities(tmp_path: Path) -> None:
    photo(tmp_path / "tom" / "1.jpg")
    photo(tmp_path / "0007" / "1.jpg")
    assert read_folder(tmp_path).identities == ("photos/0007", "photos/tom")
    assert read_folder(tmp_path, ReadOptions(category="cat")).identities == ("cat/0007", "cat/tom")


def test_flat_folder_only_without_identities(tmp_path: Path) -> None:
    photo(tmp_path / "1.jpg")
    assert read_folder(tmp_path, ReadOptions(need_identity=False)).frame["identity"].tolist() == [None]
    with pytest.raises(DataError, match=r"the one photo has no identities, expected .*make a folder per identity"):
        read_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "heic", "HEIF"])
def test_every_photo_ending(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(b"")
    assert len(read_folder(tmp_path, ReadOptions(need_identity=False))) == 1


def test_other_files_are_ignored_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photo(tmp_path / "tom" / "1.jpg")
    photo(tmp_path / "__MACOSX" / "tom" / "1.jpg")
    photo(tmp_path / ".cache" / "1.jpg")
    photo(tmp_path / "tom" / "@eaDir" / "1.jpg" / "SYNOFILE_THUMB_M.jpg")
    photo(tmp_path / "$RECYCLE.BIN" / "1.jpg")
    for name in ("notes.txt", "more.TXT", "README", "tom/Thumbs.db", "tom/._1.jpg"):
        (tmp_path / name).write_text("")
    with caplog.at_level(logging.WARNING):
        assert list(read_folder(tmp_path).frame["path"]) == ["tom/1.jpg"]
    assert "ignored 3 files that are not photos (2 x .txt, 1 x no ending)" in caplog.text


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "tom").mkdir()
    with pytest.raises(DataError, match=r"no photos in .*: expected files such as .jpg"):
        read_folder(tmp_path)


def test_mixed_depths_name_the_odd_ones(tmp_path: Path) -> None:
    for name in ("tom/1.jpg", "tom/2.jpg", "stray.jpg", "cat/tom/3.jpg"):
        photo(tmp_path / name)
    with pytest.raises(DataError, match="2 photos cannot be used") as caught:
        read_folder(tmp_path)
    assert "row 1 (cat/tom/3.jpg): not placed as most photos here are (identity/photo)" in str(caught.value)
    assert "(stray.jpg)" in str(caught.value)
    photos = read_folder(tmp_path, ReadOptions(skip_bad=True))
    assert list(photos.frame["path"]) == ["tom/1.jpg", "tom/2.jpg"]
    assert [bad.path for bad in photos.skipped] == ["cat/tom/3.jpg", "stray.jpg"]


def test_photos_too_deep(tmp_path: Path) -> None:
    photo(tmp_path / "a" / "b" / "c" / "1.jpg")
    with pytest.raises(DataError, match=r"photos lie 3 folders deep \(a/b/c/1.jpg\), expected "):
        read_folder(tmp_path)


@pytest.mark.parametrize("target", [".", "..", "tom"])
def test_symlink_loops_end_and_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture, target: str) -> None:
    root = tmp_path / "root"
    photo(root / "tom" / "1.jpg")
    (root / "zoe").symlink_to(root / target, target_is_directory=True)
    with caplog.at_level(logging.WARNING):
        assert list(read_folder(root).frame["path"]) == ["tom/1.jpg"]
    assert f"not entered, its photos are read elsewhere or it loops: {root / 'zoe'}" in caplog.text


def test_a_link_to_itself_is_a_photo_that_cannot_be_used(tmp_path: Path) -> None:
    photo(tmp_path / "tom" / "1.jpg")
    (tmp_path / "tom" / "2.jpg").symlink_to(tmp_path / "tom" / "2.jpg")
    table = open_photos(tmp_path)
    assert list(table.frame["path"]) == ["tom/1.jpg", "tom/2.jpg"]
    with pytest.raises(DataError, match=r"cannot be read \(Too many levels of symbolic links\)"):
        table.photo_bytes(1)


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path: Path) -> None:
    photo(tmp_path / "archive" / "1.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "tom").symlink_to(tmp_path / "archive", target_is_directory=True)
    assert list(read_folder(tmp_path / "root").frame["path"]) == ["tom/1.jpg"]


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    photo(tmp_path / "tom" / "1.jpg")
    try:
        os.rename(os.fsencode(tmp_path / "tom" / "1.jpg"), os.fsencode(tmp_path / "tom") + b"/\xe9t\xe9.jpg")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(DataError, match=r"row 1 \(tom/\?t\?.jpg\): its name is not valid UTF-8: rename it"):
        read_folder(tmp_path)


def test_csv(tmp_path: Path) -> None:
    photo(tmp_path / "my photos" / "été.png")
    text = "\ufeffpath,identity,category,split,age\nmy photos/été.png,0007,cat,train,3\nb.png,8,cat,,4\n"
    photos = read_table(csv(tmp_path / "a.csv", text))
    assert list(photos.frame.columns) == ["row", "path", "category", "identity", "split"]
    assert photos.identities == ("cat/0007", "cat/8")
    assert list(photos.frame["split"]) == ["train", ""]
    assert photos.photo_bytes(0).startswith(b"\x89PNG")
    assert photos.root == tmp_path


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["1", "2.0", "3.00"], ["1", "2", "3"]),
        (["0007", "7"], ["0007", "7"]),
        (["1.0", "1.1"], ["1.0", "1.1"]),
        (["NA", "None", "Nan"], ["NA", "None", "Nan"]),
        ([" tom ", "été 猫"], ["tom", "été 猫"]),
    ],
)
def test_csv_identities_stay_text(tmp_path: Path, written: list[str], read: list[str]) -> None:
    rows = "".join(f"{i}.jpg,{identity}\n" for i, identity in enumerate(written))
    photos = read_table(csv(tmp_path / "a.csv", "path,identity\n" + rows), ReadOptions(category="cat"))
    assert list(photos.frame["identity"]) == read
    assert photos.categories == ("cat",)


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (np.array([1, 2]), ["1", "2"]),
        (np.array([1.0, 2.0]), ["1", "2"]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (np.array([1.5, 2.0]), ["1.5", "2.0"]),
    ],
)
def test_parquet_identities_become_text(tmp_path: Path, column: object, read: list[str]) -> None:
    pd.DataFrame({"path": ["a.jpg", "b.jpg"], "identity": column}).to_parquet(tmp_path / "a.parquet")
    assert list(read_table(tmp_path / "a.parquet").frame["identity"]) == read


def test_parquet_with_the_photos_inside(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image": [png(), png()], "identity": ["a", "b"], "category": "cat", "camera": None})
    frame.to_parquet(tmp_path / "a.pq")
    photos = open_photos(tmp_path / "a.pq")
    assert photos.root is None
    assert list(photos.frame["path"]) == ["row-1", "row-2"]
    assert list(photos.frame["camera"]) == ["", ""]
    assert photos.photo_bytes(1) == png()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_without_identity_are_listed_or_skipped(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"path": ["a.jpg", "b.jpg", "c.jpg"], "identity": [1, np.nan, 3]})
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    with pytest.raises(DataError, match=r"a\.\w+: 1 photo cannot be used: row 2 \(b.jpg\): no identity\. .*--skip-bad"):
        read_table(path)
    photos = read_table(path, ReadOptions(skip_bad=True))
    assert photos.identities == ("photos/1", "photos/3")
    assert [(bad.row, bad.reason) for bad in photos.skipped] == [(2, "no identity")]
    assert read_table(path, ReadOptions(need_identity=False)).frame["identity"].tolist() == ["1", None, "3"]


def test_all_bad_rows_in_one_message(tmp_path: Path) -> None:
    text = "path,identity,category\na.jpg,1,cat\n,2,cat\na.jpg,3,cat\nb.jpg,,cat\nc.jpg,nan,cat\nd.jpg,5,\n"
    with pytest.raises(DataError, match="5 photos cannot be used") as caught:
        read_table(csv(tmp_path / "a.csv", text))
    for part in (
        "row 2 (no path): no path",
        "row 3 (a.jpg): the same path as row 1",
        "row 4 (b.jpg): no identity",
        "row 5 (c.jpg): no identity",
        "row 6 (d.jpg): no category",
    ):
        assert part in str(caught.value)


def test_image_column_without_bytes(tmp_path: Path) -> None:
    pd.DataFrame({"image": [png(), None], "identity": ["a", "b"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"row 2 \(row-2\): image holds NoneType, expected the bytes"):
        read_table(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "paht,identity\na.jpg,1\n",
            r"no column 'path', did you mean 'paht'\? \(there are: paht, identity\)",
        ),
        ("path,name\na.jpg,1\n", r"no column 'identity' .*Expected path, identity: rename or add them"),
        ("path,identity\n", "no usable rows, expected one per photo"),
        ("", "not a CSV with a header"),
        ("path,identity\na.jpg,1\nb.jpg,2,3\n", "not a CSV with a header and one row per line: 1 of 2 rows .*line 3"),
        ("path,identity\na.jpg,1,2\nb.jpg,2,3\n", "more values than the header has names"),
    ],
)
def test_wrong_csv(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=rf"a\.csv: .*{reason}"):
        read_table(csv(tmp_path / "a.csv", text))


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("path,identity\nété.jpg,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv: not UTF-8 text .*save it as CSV UTF-8"):
        read_table(tmp_path / "a.csv")


def test_wrong_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file"):
        read_table(tmp_path / "a.parquet")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"no column 'path' \(there are: x\)"):
        read_table(tmp_path / "b.parquet")


def test_a_table_that_is_a_folder(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match=r"cannot be read|no column"):
            read_table(tmp_path / name)


def test_a_category_of_a_table_is_selected(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "path,identity,category\na.jpg,1,cat\nb.jpg,1,shoe\n")
    assert open_photos(path, category="shoe").identities == ("shoe/1",)
    with pytest.raises(DataError, match=r"no category 'shoo', did you mean 'shoe'\? \(there are: cat, shoe\)"):
        open_photos(path, category="shoo")


def test_open_photos_takes_folders_tables_and_photos(tmp_path: Path) -> None:
    photo(tmp_path / "my cats" / "tom" / "1.jpg")
    table = csv(tmp_path / "a.CSV", "path,identity\nmy cats/tom/1.jpg,tom\n")
    single = open_photos(tmp_path / "my cats" / "tom" / "1.jpg", category="cat", need_identity=False)
    assert single.frame.iloc[0].tolist() == [1, "1.jpg", "cat", None]
    contents = {source.photo_bytes(0) for source in (open_photos(tmp_path / "my cats"), open_photos(table), single)}
    assert len(contents) == 1


def test_open_photos_refuses_the_rest(tmp_path: Path) -> None:
    photo(tmp_path / "1.jpg")
    (tmp_path / "a.txt").write_text("{}")
    with pytest.raises(DataError, match=r"no such file or folder: .*nowhere"):
        open_photos(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"a\.txt: cannot tell what this is, expected a folder, a table"):
        open_photos(tmp_path / "a.txt")
    with pytest.raises(DataError, match="a single photo has no identity"):
        open_photos(tmp_path / "1.jpg")
