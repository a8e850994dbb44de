"""`metadata.csv` as WildlifeDatasets and WildlifeReID-10k publish it: boxes, sides, dates, and unknowns."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vicp.data.images import decode_photo
from vicp.data.sources import open_photos
from vicp.errors import DataError

HEADER = "image_id,identity,path,bbox,date,keypoints,position,segmentation,species,video"
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)


@pytest.fixture
def turtles(tmp_path: Path) -> Path:
    rows = [
        '1,t001,images/t001/a.png,"[10.0, 5.0, 20.0, 10.0]",2019-07-01 12:30:00,"[1.0, 2.0]",left,,Caretta caretta,',
        '2,t001,images/t001/b.png,"[0.0, 0.0, 5.5, 20.0]",2020-07-01,,right,"{""counts"": [1, 2], ""size"": [3]}",'
        "Caretta caretta,7",
        "3,unknown,images/c.png,,,,,,Caretta caretta,",
    ]
    root = tmp_path / "SeaTurtleID"
    for name in ("t001/a.png", "t001/b.png", "c.png"):
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(root / "images" / name)
    (root / "metadata.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return root


def test_boxes_sides_dates_and_nobody(turtles: Path) -> None:
    table = open_photos(turtles)
    columns = ["path", "category", "identity", "date", "viewpoint", "sequence"]
    assert table.frame[columns].to_numpy().tolist() == [
        ["images/t001/a.png#xywh=10,5,20,10", "Caretta caretta", "t001", "2019-07-01 12:30:00", "left", ""],
        ["images/t001/b.png#xywh=0,0,5.5,20", "Caretta caretta", "t001", "2020-07-01", "right", "7"],
    ]
    assert np.array_equal(np.array(decode_photo(table.photo_bytes(0))), PIXELS[5:15, 10:30])
    every = open_photos(turtles, need_identity=False, category="turtle")
    assert every.frame["identity"].tolist()[2] is None
    assert set(every.frame["category"]) == {"turtle"}
    assert open_photos(turtles / "metadata.csv").frame[columns].equals(table.frame[columns])


def test_the_table_of_wildlifereid_10k(tmp_path: Path) -> None:
    header = "identity,image_id,path,date,orientation,species,split,dataset,cluster_id"
    rows = (
        "ATRW_1,a1,images/ATRW/1.jpg,2019-01-01,right,tiger,train,ATRW,3",
        "ATRW_1,a2,images/ATRW/2.jpg,,unknown,tiger,test,ATRW,-1",
        "BelugaID_7,b1,images/BelugaID/3.jpg,2020-02-02,top,whale,test,BelugaID,5",
    )
    (tmp_path / "metadata.csv").write_text("\n".join([header, *rows]) + "\n")
    frame = open_photos(tmp_path).frame
    assert frame[["category", "identity", "viewpoint", "split", "domain"]].to_numpy().tolist() == [
        ["tiger", "ATRW_1", "right", "train", "ATRW"],
        ["tiger", "ATRW_1", "", "test", "ATRW"],
        ["whale", "BelugaID_7", "top", "test", "BelugaID"],
    ]


def test_a_box_that_is_none(turtles: Path) -> None:
    text = (turtles / "metadata.csv").read_text().replace("[10.0, 5.0, 20.0, 10.0]", "[10.0, 5.0, 20.0]")
    (turtles / "metadata.csv").write_text(text)
    with pytest.raises(DataError, match=r"row 1 \(images/t001/a.png\): its box \[10.0, 5.0, 20.0\] is not x, y, width"):
        open_photos(turtles)
