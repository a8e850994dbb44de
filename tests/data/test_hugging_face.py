"""Datasets of Hugging Face: image folders with metadata, one for each split, and several boxes on a photo."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.conftest import LayOut

from vicp.data.sources import open_photos
from vicp.errors import DataError

TWO = {"bbox": [[1, 2, 3, 4], [5.5, 6, 7, 8]], "categories": [0, 1], "identity": ["Tom", "Kit"], "area": [12, 56]}


def lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


def test_several_boxes_on_a_photo(tmp_path: Path) -> None:
    rows = ({"file_name": "a.jpg", "objects": TWO}, {"file_name": "b.jpg", "objects": {"bbox": []}, "identity": "Rex"})
    lines(tmp_path / "pets" / "metadata.jsonl", *rows)
    frame = open_photos(tmp_path / "pets").frame
    assert frame[["path", "category", "identity"]].to_numpy().tolist() == [
        ["a.jpg#xywh=1,2,3,4", "pets", "Tom"],
        ["a.jpg#xywh=5.5,6,7,8", "pets", "Kit"],
        ["b.jpg", "pets", "Rex"],
    ]


def test_a_table_of_each_split(tmp_path: Path, lay_out: LayOut) -> None:
    lay_out(tmp_path, "train/1.jpg", "test/2.jpg")
    lines(tmp_path / "train" / "metadata.jsonl", {"file_name": "1.jpg", "label": "Tom"})
    (tmp_path / "test" / "metadata.csv").write_text("file_name,label\n2.jpg,Tom\n")
    table = open_photos(tmp_path, category="cat")
    assert table.frame[["row", "path", "identity", "split"]].to_numpy().tolist() == [
        [1, "train/1.jpg", "Tom", "train"],
        [2, "test/2.jpg", "Tom", "test"],
    ]
    assert table.root == tmp_path


def test_parquet_names_the_classes_of_objects(tmp_path: Path) -> None:
    names = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    features = {"info": {"features": {"objects": {"feature": {"categories": names}, "_type": "Sequence"}}}}
    images = pa.array([{"bytes": b"x", "path": "a.jpg"}])
    table = pa.table({"image": images, "objects": [TWO]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "a.parquet")
    photos = open_photos(tmp_path / "a.parquet")
    assert photos.frame[["path", "category", "identity"]].to_numpy().tolist() == [
        ["a.jpg#xywh=1,2,3,4", "cat", "Tom"],
        ["a.jpg#xywh=5.5,6,7,8", "dog", "Kit"],
    ]


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_lines_that_are_no_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(DataError, match=r"a\.jsonl: not JSON lines, or a damaged file"):
        open_photos(tmp_path / "a.jsonl")
