"""The other data sets, and which reader a folder gets."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from vicp.data.sources import open_photos
from vicp.data.sources.datasets.cute import read_cute
from vicp.data.sources.datasets.market import read_market, read_msmt17, read_veri
from vicp.data.sources.options import ReadOptions
from vicp.data.sources.tables.metadata import read_metadata
from vicp.errors import DataError

LayOut = Callable[..., Path]
Write = Callable[..., None]


def test_market(market: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        table = read_market(market)
    assert table.frame.drop(columns=["row", "path"]).to_numpy().tolist() == [
        ["person", "0002", "train", "1", "c1s1"],
        ["person", "0002", "train", "2", "c2s3"],
        ["person", "0001", "query", "1", "c1s1"],
        ["person", "distractor-0000_c1s1_000151_01", "gallery", "1", "c1s1"],
        ["person", "distractor-0000_c3s2_000376_01", "gallery", "3", "c3s2"],
        ["person", "0001", "gallery", "2", "c2s1"],
    ]
    assert table.frame["path"].iloc[1] == "bounding_box_train/0002_c2s3_000776_01.JPG"
    assert list(table.frame.columns[-2:]) == ["camera", "sequence"]
    assert "left out 1 junk photos (identity -1)" in caplog.text
    assert "not photos" not in caplog.text


def test_market_bad_photos(market: Path, lay_out: LayOut) -> None:
    lay_out(market, "query/0002_c3s1_000001_00.jpg", "bounding_box_test/picture.jpg")
    with pytest.raises(DataError, match="2 photos cannot be used") as caught:
        read_market(market)
    assert "(query/0002_c3s1_000001_00.jpg): identity 0002 is in two splits, train and query" in str(caught.value)
    assert "(bounding_box_test/picture.jpg): its name is not as expected" in str(caught.value)
    assert len(read_market(market, ReadOptions(skip_bad=True))) == 6
    (market / "query").rename(market / "queries")
    with pytest.raises(DataError, match="no folder query, expected bounding_box_train, query, bounding_box_test"):
        read_market(market)


def test_veri(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "image_train/0001_c001_00016450_0.jpg", "image_query/0002_c002_00030600_0.jpg")
    lay_out(tmp_path, "image_test/0002_c002_00030600_0.jpg", "image_test/0005_c003_00082280_0.jpg")
    table = read_veri(tmp_path)
    assert list(table.frame.columns) == ["row", "path", "category", "identity", "split", "camera"]
    assert table.identities == ("vehicle/0001", "vehicle/0002", "vehicle/0002", "vehicle/0005")
    assert list(table.frame["split"]) == ["train", "query", "gallery", "gallery"]
    assert list(table.frame["camera"]) == ["001", "002", "002", "003"]
    assert read_veri(tmp_path, ReadOptions(category="car")).categories == ("car",)


def test_msmt17(msmt17: Path) -> None:
    table = read_msmt17(msmt17)
    assert table.frame["path"].iloc[0] == "train/0000/0000_000_01_0303morning_0015_0.jpg"
    assert table.frame.drop(columns=["row", "path"]).to_numpy().tolist() == [
        ["person", "train-0000", "train", "01", "c01-0303morning"],
        ["person", "train-0000", "val", "04", "c04-0302noon"],
        ["person", "test-0000", "query", "02", "c02-0303evening"],
        ["person", "test-0000", "gallery", "15", "c15-0113noon"],
        ["person", "test-0001", "", "03", "c03-0303morning"],
    ]


def test_msmt17_bad_photos(msmt17: Path, lay_out: LayOut, write: Write) -> None:
    query = "0000/0000_000_02_0303evening_0015_0.jpg 0"
    write(msmt17, "list_gallery.txt", query, "0007/0007_000_02_0303noon_0015_0.jpg 7")
    lay_out(msmt17, "train/0000/picture.jpg")
    with pytest.raises(DataError, match="3 photos cannot be used") as caught:
        read_msmt17(msmt17)
    for part in (
        "(train/0000/picture.jpg): its name is not as expected",
        f"(test/{query[:-2]}): in two splits, query and gallery",
        "(test/0007/0007_000_02_0303noon_0015_0.jpg): named in list_gallery.txt, but there is no such file",
    ):
        assert part in str(caught.value)


CUTE = ("apple/1/in_the_wild/1.jpg", "apple/1/studio/lighting/2.JPG", "apple/2/left light/1.jpg", "light/1/wild/1.png")


@pytest.mark.parametrize("above", ["", "CUTE/"])
def test_cute(tmp_path: Path, above: str, lay_out: LayOut) -> None:
    lay_out(tmp_path, *(above + name for name in CUTE), "apple/1/studio/lighting/Thumbs.db")
    table = read_cute(tmp_path)
    assert table.frame.drop(columns=["row", "path"]).to_numpy().tolist() == [
        ["apple", "1", "test", "in_the_wild"],
        ["apple", "1", "test", "studio/lighting"],
        ["apple", "2", "test", "left light"],
        ["light", "1", "test", "wild"],
    ]
    assert read_cute(tmp_path, ReadOptions(category="light")).identities == ("light/1",)
    lay_out(tmp_path, "stray.jpg", "pear/1.jpg")
    with pytest.raises(DataError, match=r"2 photos .*\(pear/1\.jpg\): not placed as <category>/<identity>/<condition>"):
        read_cute(tmp_path)
    assert len(read_cute(tmp_path, ReadOptions(skip_bad=True))) == 4


def test_wildlife(wildlife: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        table = read_metadata(wildlife)
    assert table.identities == ("Turtles/t001", "Turtles/t002")
    assert list(table.frame["row"]) == [1, 3]
    assert list(table.frame["split"]) == ["train", ""]
    assert list(table.frame["date"]) == ["2019-07-01", ""]
    assert list(table.frame["viewpoint"]) == ["left", ""]
    assert "1 photo named 'unknown', a word for nobody: it is left out" in caplog.text
    assert table.photo_bytes(0) == b""
    assert read_metadata(wildlife, ReadOptions(category="turtle")).categories == ("turtle",)
    assert list(read_metadata(wildlife, ReadOptions(need_identity=False)).frame["identity"]) == ["t001", None, "t002"]


def test_wildlife_species_and_bad_rows(wildlife: Path, write: Write) -> None:
    lines = ("1,a.jpg,zebra", ",b.jpg,zebra", "1,c.jpg,lion", "2,a.jpg,lion")
    write(wildlife, "metadata.csv", "identity,path,species", *lines)
    with pytest.raises(DataError, match=r"metadata\.csv: 2 photos cannot be used") as caught:
        read_metadata(wildlife)
    assert "row 2 (b.jpg): no identity" in str(caught.value)
    assert "row 4 (a.jpg): the same path as row 1" in str(caught.value)
    table = read_metadata(wildlife, ReadOptions(skip_bad=True))
    assert table.identities == ("zebra/1", "lion/1")
    assert len(table.skipped) == 2
    assert read_metadata(wildlife, ReadOptions(category="lion", skip_bad=True)).identities == ("lion/1",)
    write(wildlife, "metadata.csv", "identity,path", "unknown,a.jpg")
    with pytest.raises(DataError, match=r"'unknown', a word for nobody: .*no photo is left"):
        read_metadata(wildlife)


@pytest.mark.parametrize(
    ("layout", "category", "categories", "photos"),
    [
        ("petface", None, ("cat", "dog"), 11),
        ("petface", "dog", ("dog",), 2),
        ("shopid10k", None, ("beverage_bottle", "hat"), 7),
        ("shopid10k", "hat", ("hat",), 3),
        ("market", None, ("person",), 6),
        ("market", "pedestrian", ("pedestrian",), 6),
        ("msmt17", None, ("person",), 5),
        ("msmt17", "pedestrian", ("pedestrian",), 5),
        ("wildlife", None, ("Turtles",), 2),
        ("wildlife", "turtle", ("turtle",), 2),
    ],
)
def test_open_photos_tells_the_layouts_apart(
    request: pytest.FixtureRequest, layout: str, category: str | None, categories: tuple[str, ...], photos: int
) -> None:
    table = open_photos(request.getfixturevalue(layout), category=category)
    assert table.categories == categories
    assert len(table) == photos
    assert ("fold" in table.frame) == (layout == "shopid10k")


def test_open_photos_tells_veri_and_cute(tmp_path: Path, lay_out: LayOut) -> None:
    veri = lay_out(tmp_path / "veri", *(f"image_{name}/0001_c001_1_0.jpg" for name in ("query", "test")))
    (veri / "image_train").mkdir()
    assert list(open_photos(veri).frame["split"]) == ["query", "gallery"]
    assert open_photos(veri, category="car").categories == ("car",)
    cute = lay_out(tmp_path / "cute", *CUTE)
    assert list(open_photos(cute, category="apple").frame["domain"]) == ["in_the_wild", "studio/lighting", "left light"]


def test_open_photos_leaves_other_folders_to_read_folder(tmp_path: Path, lay_out: LayOut, write: Write) -> None:
    lay_out(tmp_path, "cat/tom/1.jpg", "shoe/left/1.jpg", "images/split/1.jpg", "train/0001/1.jpg")
    write(tmp_path, "metadata.csv", "name,value", "licence,none")
    assert open_photos(tmp_path).identities == ("cat/tom", "images/split", "shoe/left", "train/0001")
    lay_out(tmp_path, "cat/studio/1.jpg")  # a cat's name, not a condition
    assert "cat/studio" in open_photos(tmp_path).identities
