"""Tables as people, field tools and data sets write them: read as they are meant, or refused with where and why."""

import io
import json
import logging
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vicp.data.images import decode_photo
from vicp.data.sources import open_photos
from vicp.data.sources.tables.table import read_table
from vicp.errors import ConfigError, DataError


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def jpeg(colour: tuple[int, int, int] = (1, 2, 3)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def facts(path: Path, *columns: str) -> list[list[str]]:
    frame = open_photos(path).frame
    return frame[["path", "identity", *columns]].to_numpy().tolist()


@pytest.mark.parametrize(
    "text",
    [
        'path,identity\n0.jpg,"Spot\n1.jpg,b\n2.jpg,"Spot\n3.jpg,c\n',  # one quote at the start of each value
        'path,identity,note\n0.jpg,a,"x\n1.jpg,b,y\n2.jpg,c,z"\n',  # in a column that is passed over
        'path,identity\n0.jpg,"a\n1.jpg,b\n2.jpg,c\n',  # never closed
        'path;identity\n0.jpg;"Tom" the cat\n1.jpg;b\n',  # text behind a closed quote
        'path,identity\n0.jpg,a\n"1.jpg,b\n2.jpg",c\n',  # in the path
    ],
)
def test_stray_quotes_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"quote"):
        read_table(written(tmp_path / "a.csv", text))


def test_quotes_that_are_right_are_read(tmp_path: Path) -> None:
    text = 'path,identity,note\n0.jpg,"Spot ""the"" dog","two\nlines, of text"\n"1, 2.jpg",6" cat,\n\n'
    assert facts(written(tmp_path / "a.csv", text)) == [["0.jpg", 'Spot "the" dog'], ["1, 2.jpg", '6" cat']]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("name", "separator"), [("a.csv", ";"), ("a.tsv", "\t"), ("a.tab", "\t"), ("a.csv", "|"), ("a.csv", "\t")]
)
def test_separators_and_line_ends(tmp_path: Path, name: str, separator: str, ending: str) -> None:
    rows = ["path,identity,camera", "0.jpg,tom,c 1", "1.jpg,kit,"]
    text = ending.join(row.replace(",", separator) for row in rows) + ending
    assert facts(written(tmp_path / name, text), "camera") == [["0.jpg", "tom", "c 1"], ["1.jpg", "kit", ""]]


def test_what_spreadsheets_write(tmp_path: Path) -> None:
    text = "sep=;\r\npath;identity;;\r\n0.jpg;1,5;;\r\n;;;\r\n"
    assert facts(written(tmp_path / "a.csv", text)) == [["0.jpg", "1,5"]]
    (tmp_path / "b.csv").write_bytes("path\tidentity\n0.jpg\tété\n".encode("utf-16"))
    assert facts(tmp_path / "b.csv") == [["0.jpg", "été"]]


def test_xlsx(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["path", "identity", "date"],
        ["0.jpg", 7, pd.Timestamp("2024-05-01")],
        ["1.jpg", 8.0, None],
        [None] * 3,
    ):
        book.active.append(row)
    book.create_sheet("notes").append(["nothing"])
    book.save(tmp_path / "a.xlsx")
    assert facts(tmp_path / "a.xlsx", "date") == [["0.jpg", "7", "2024-05-01"], ["1.jpg", "8", ""]]
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(DataError, match=r"b\.xlsx: not an .xlsx file, or a damaged one"):
        open_photos(tmp_path / "b.xlsx")
    openpyxl.Workbook().save(tmp_path / "c.xlsx")
    with pytest.raises(DataError, match=r"c\.xlsx: its first sheet is empty"):
        open_photos(tmp_path / "c.xlsx")


TOOLS = {
    "timelapse": (
        "RootFolder,File,RelativePath,DateTime,DeleteFlag,Individual",
        "x,0.jpg,CAM1\\a,2024-05-01 10:00:00,false,F12",
    ),
    "camtrapr": ("Station,Directory,FileName,DateTimeOriginal,individualID", "S1,CAM1/a,0.jpg,2024:05:01 10:00:00,F12"),
    "camtrap dp": (
        "mediaID,deploymentID,filePath,timestamp,individualID",
        "m1,D1,CAM1/a/0.jpg,2024-05-01T10:00:00Z,F12",
    ),
    "wildbook": ("Encounter.mediaAsset0,Encounter.individualID,Encounter.genus", "CAM1/a/0.jpg,F12,Equus"),
    "oml": ("label,path,split,is_query", "F12,CAM1/a/0.jpg,train,"),
    "exiftool": (
        "SourceFile,FileName,Directory,CreateDate,Animal ID",
        "CAM1/a/0.jpg,0.jpg,CAM1/a,2024:05:01 10:00:00,F12",
    ),
    "animl": ("FilePath,FileName,DateTime,individual_id", "CAM1/a/0.jpg,0.jpg,2024-05-01 10:00:00,F12"),
    "kaggle": ("Image,Id", "CAM1/a/0.jpg,F12\nCAM1/a/1.jpg,F12"),
    "addaxai": ("relative_path,label,identity", "CAM1/a/0.jpg,animal,F12"),
    "petface": ("filename,label", "CAM1/a/0.jpg,F12"),
    "fastai": ("fname,label,is_valid", "CAM1/a/0.jpg,F12,True"),
    "wildlife": ("image_id,path,identity,orientation", "1,CAM1/a/0.jpg,F12,Left"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_tables_of_field_tools(tmp_path: Path, tool: str, caplog: pytest.LogCaptureFixture) -> None:
    header, rows = TOOLS[tool]
    with caplog.at_level(logging.INFO):
        frame = open_photos(written(tmp_path / "a.csv", f"{header}\n{rows}\n")).frame
    assert frame.loc[0, ["path", "identity"]].tolist() == ["CAM1/a/0.jpg", "F12"]
    if "date" in frame:
        assert frame.loc[0, "date"][:13].replace("T", " ") == "2024-05-01 10"
    if tool == "timelapse":
        said = (
            "read path from RelativePath and File, identity from Individual, date from DateTime; columns passed over: "
        )
        assert said + "RootFolder, DeleteFlag" in caplog.text
    if tool == "wildlife":
        assert frame.loc[0, "viewpoint"] == "left"


def test_labels_of_a_detector_are_no_individuals(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "relative_path,label\n0.jpg,animal\n1.jpg,person\n")
    with pytest.raises(DataError, match=r"no column 'identity' .*--column identity=label"):
        open_photos(path)


def test_the_photos_of_an_encounter_side_by_side(tmp_path: Path) -> None:
    text = "Encounter.mediaAsset0,Encounter.mediaAsset1,Encounter.individualID\na.jpg,b.jpg,F1\nc.jpg,,F2\n"
    assert facts(written(tmp_path / "a.csv", text)) == [["a.jpg", "F1"], ["c.jpg", "F2"], ["b.jpg", "F1"]]


def test_columns_that_the_user_names(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "path,Name of cat,label\n0.jpg,tom,3\n1.jpg,kit,4\n")
    assert list(open_photos(path, columns={"identity": "Name of cat"}).frame["identity"]) == ["tom", "kit"]
    with pytest.raises(DataError, match="no column 'Name of dog', did you mean 'Name of cat'"):
        open_photos(path, columns={"identity": "Name of dog"})
    with pytest.raises(ConfigError, match="no column 'identiti', did you mean 'identity'"):
        open_photos(path, columns={"identiti": "label"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,identity,identity\n0.jpg,a,b\n", "two columns are called 'identity'"),
        ("path, path,identity\n0.jpg,1.jpg,b\n", "two columns are called 'path'"),
        ("path,Identity,IDENTITY\n0.jpg,a,b\n", r"the columns 'Identity' and 'IDENTITY' mean the same: say which"),
        (
            "when,where\n1,2\n",
            r"no column 'path' .*; no column 'identity' .*there are: when, where.*--column identity=where",
        ),
        ("Herd of 2024,,\npath,identity,note\n0.jpg,a,\n", r"if line 2 is the header, delete the lines above it; else"),
        ("path,identity\n0.jpg,a\npath, identity\n1.jpg,b\n", "line 3 repeats the header: delete it"),
        ("#imgindex,gname,name,ROI\n1,a.jpg,b,0\n", r"such as --column identity=name"),
        ("path,Cat tag,seen\n0.jpg,a,b\n", r"such as --column identity='Cat tag'"),
    ],
)
def test_columns_that_repeat_or_are_missing(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        open_photos(written(tmp_path / "a.csv", text))


def test_paths_in_other_forms(tmp_path: Path) -> None:
    (tmp_path / "caf\u00e9").mkdir()
    (tmp_path / "caf\u00e9" / "0.jpg").write_bytes(jpeg())
    (tmp_path / "back\\slash.jpg").write_bytes(jpeg())
    text = "path,identity\ncafe\u0301\\0.jpg,a\nback\\slash.jpg,b\n"
    table = open_photos(written(tmp_path / "a.csv", text))
    assert [table.photo_bytes(index) for index in range(2)] == [jpeg(), jpeg()]


def test_five_bad_rows_their_count_and_where_paths_lead_from(tmp_path: Path) -> None:
    rows = "".join(f"{i}.jpg,\n" for i in range(9))
    with pytest.raises(DataError, match="9 photos cannot be used") as caught:
        open_photos(written(tmp_path / "a.csv", "path,identity\n" + rows))
    assert str(caught.value).count("no identity") == 5
    assert "row 5 (4.jpg): no identity; and 4 more" in str(caught.value)
    assert str(caught.value).endswith(f"Paths are relative to {tmp_path}")


@pytest.mark.parametrize("word", ["unknown", "Unbekannt", "____", "n/a", "NA", "null"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "metadata", "folder"])
def test_nobody_is_no_individual(tmp_path: Path, word: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    if kind == "folder" and "/" in word:
        pytest.skip("no folder can be called so")
    names = ["tom", "tom", "kit", "kit", word, word]
    frame = pd.DataFrame({"path": [f"{i}.jpg" for i in range(6)], "identity": names})
    source = tmp_path / {"csv": "a.csv", "parquet": "a.parquet"}.get(kind, "d")
    if kind == "csv":
        frame.to_csv(source, index=False)
    elif kind == "parquet":
        frame.to_parquet(source)
    elif kind == "metadata":
        written(source / "metadata.csv", frame.to_csv(index=False))
    else:
        for path, name in frame.itertuples(index=False):
            written(source / name / path, "")
    with caplog.at_level(logging.INFO):
        assert set(open_photos(source).frame["identity"]) == {"tom", "kit"}
    assert f"2 photos named {word!r}, a word for nobody: they are left out" in caplog.text
    everyone = open_photos(source, need_identity=False).frame
    assert sum(everyone["identity"].isna()) == 2


def test_only_nobody_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "path,identity\n0.jpg,?\n1.jpg,unknown\n")
    with pytest.raises(DataError, match=r"2 photos named '\?', 'unknown', a word for nobody.*expected the names"):
        open_photos(path)


def test_spreadsheet_damage_is_listed_by_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "path,identity\n0.jpg,#REF!\n1.jpg,1.2E+11\n2.jpg,tom\n")
    with pytest.raises(DataError, match=r"2 photos .*row 1 \(0.jpg\): .*#REF!.*; row 2 \(1.jpg\): .*1.2E\+11"):
        open_photos(path)


def test_hugging_face_images_and_names_of_classes(tmp_path: Path) -> None:
    images = pa.array([{"bytes": jpeg((i, 0, 0)), "path": f"{i}.jpg"} for i in range(3)])
    features = {"info": {"features": {"label": {"names": ["kit", "tom"], "_type": "ClassLabel"}}}}
    table = pa.table({"image": images, "label": [1, 0, 1], "objects": [{"x": 1}] * 3})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "a.parquet")
    photos = open_photos(tmp_path / "a.parquet")
    assert photos.frame[["path", "identity"]].to_numpy().tolist() == [
        ["0.jpg", "tom"],
        ["1.jpg", "kit"],
        ["2.jpg", "tom"],
    ]
    assert photos.photo_bytes(1) == jpeg((1, 0, 0))
    pq.write_table(pa.table({"img": [jpeg(), None], "identity": ["a", "b"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"row 2 .*image holds NoneType"):
        open_photos(tmp_path / "b.parquet")


BOXES = {
    "wildlife": ("bbox", '"[3, 2, 4, 5]"'),
    "bare": ("box", "3 2 4 5"),
    "corners in one": ("bbox_xyxy", "3 2 7 7"),
    "object": ("bbox", '"{""x"": 3, ""y"": 2, ""width"": 4, ""height"": 5}"'),
    "coco": ("x,y,w,h", "3,2,4,5"),
    "oml": ("x_1,x_2,y_1,y_2", "3,7,2,7"),
    "voc": ("xmin,ymin,xmax,ymax", "3,2,7,7"),
    "addaxai": ("bbox_left,bbox_top,bbox_right,bbox_bottom", "3,2,7,7"),
    "camtrap dp": ("bboxX,bboxY,bboxWidth,bboxHeight", "0.3,0.2,0.4,0.5"),
    "megadetector": ("bbox", '"[0.3, 0.2, 0.4, 0.5]"'),
    "yolo": ("x_center,y_center,width,height", "0.5,0.45,0.4,0.5"),
    "centres in pixels": ("cx,cy,w,h", "5,4.5,4,5"),
}


@pytest.mark.parametrize("kind", BOXES)
def test_boxes_are_read_said_and_cropped(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    columns, box = BOXES[kind]
    path = written(tmp_path / "a.csv", f"path,identity,{columns}\n0.png,tom,{box}\n")
    with caplog.at_level(logging.INFO):
        table = open_photos(path)
    assert "1 photo is cropped to it" in caplog.text
    assert np.array_equal(np.array(decode_photo(table.photo_bytes(0))), pixels[2:7, 3:7])


def test_two_individuals_of_one_photo_and_bad_boxes(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "0.png")
    text = 'path,identity,bbox\n0.png,tom,"[0, 0, 5, 5]"\n0.png,kit,"[10, 10, 50, 5]"\n1.png,rex,\n'
    table = open_photos(written(tmp_path / "a.csv", text))
    assert list(table.frame["path"]) == ["0.png#xywh=0,0,5,5", "0.png#xywh=10,10,50,5", "1.png"]
    assert [decode_photo(table.photo_bytes(index)).size for index in range(2)] == [(5, 5), (10, 5)]
    rows = ['"[1, 2, 3]"', "a b c d", '"[1, 2, 0, 4]"', '"[1, 2, nan, 4]"', "10% 10% 20% 20%", '"[1, 2, 3, 4]"']
    rows.append("0.1 0.1 0.5 0.5")  # a share of the sides, where others are pixels
    text = "path,identity,bbox\n" + "".join(f"{i}.png,tom,{box}\n" for i, box in enumerate(rows))
    with pytest.raises(
        DataError, match=r"6 photos cannot be used: row 1 \(0.png\): its box \[1, 2, 3\] is not x, y, width"
    ):
        open_photos(written(tmp_path / "b.csv", text))
    outside = open_photos(written(tmp_path / "c.csv", 'path,identity,bbox\n0.png,tom,"[30, 30, 5, 5]"\n'))
    with pytest.raises(DataError, match=r"its box \(30,30,5,5\) lies outside the photo \(20 x 20\)"):
        outside.photo_bytes(0)
    with pytest.raises(DataError, match="the same path as row 1; individuals of one photo need a box each"):
        open_photos(written(tmp_path / "d.csv", "path,identity\n0.png,tom\n0.png,kit\n"))


def test_dates_in_two_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "File,Animal,Date,Time\n0.jpg,tom,2024-05-01,10:30:00\n1.jpg,tom,,\n")
    assert facts(path, "date") == [["0.jpg", "tom", "2024-05-01 10:30:00"], ["1.jpg", "tom", ""]]
