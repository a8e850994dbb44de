"""Boxes of MegaDetector, COCO and COCO Camera Traps: a row per animal, cropped, with where and when it was taken."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vicp.data.images import decode_photo
from vicp.data.inputs import is_single
from vicp.data.sources import open_photos
from vicp.data.sources.detections import BoxFile
from vicp.errors import ConfigError, DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("cam1/a.png", "cam1/b.png", "cam2/deep/a.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def detection(conf: float, *box: float, category: str = "1", **more: Any) -> dict[str, Any]:
    return {"category": category, "conf": conf, "bbox": list(box), **more}


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def megadetector(path: Path, images: list[dict[str, Any]]) -> Path:
    kinds = {"1": "animal", "2": "person", "3": "vehicle"}
    document = {"info": {"format_version": "1.6"}, "detection_categories": kinds, "images": images}
    return written(path, document | {"classification_categories": {"0": "fox", "7": "hare"}})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    two = [
        detection(0.9, 0.25, 0.5, 0.25, 0.5, classifications=[["7", 0.8], ["0", 0.2]]),
        detection(0.3, 0, 0, 0.1, 0.2, classifications=[["0", 0.6]]),
        detection(0.1, 0.5, 0, 0.1, 0.1),
        detection(0.99, 0, 0, 1, 1, category="2"),
    ]
    return megadetector(
        tmp_path / "md.json",
        [
            {"file": "cam1\\a.png", "detections": two},
            {"file": "cam1/b.png", "detections": []},
            {"file": "cam2/deep/a.png", "detections": [detection(0.5, 0, 0, 0.5, 1, individual="Tom")]},
        ],
    )


def test_every_animal_of_a_photo_is_cropped(photos: Path, results: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        table = open_photos(photos, boxes=BoxFile(results, margin=0), need_identity=False, folders=None)
    assert list(table.frame["path"]) == [
        "cam1/a.png#xywh=percent:25,50,25,50",
        "cam1/a.png#xywh=percent:0,0,10,20",
        "cam2/deep/a.png#xywh=percent:0,0,50,100",
    ]
    assert list(table.frame["category"]) == ["hare", "fox", "photos"]
    assert np.array_equal(np.array(decode_photo(table.photo_bytes(0))), PIXELS[10:20, 10:20])
    assert "3 crops from boxes with a confidence of 0.2 or more" in caplog.text
    assert "1 photo without such a box is left out" in caplog.text


def test_confidence_margin_and_identities_by_option(photos: Path, results: Path) -> None:
    wide = open_photos(photos, boxes=BoxFile(results, min_confidence=0.6, margin=0.1), need_identity=False)
    assert list(wide.frame["path"]) == ["cam1/a.png#xywh=percent:22.5,45,30,55"]
    named = open_photos(photos, boxes=results, columns={"identity": "individual"}, skip_bad=True)
    assert named.frame[["path", "identity"]].to_numpy().tolist() == [
        ["cam2/deep/a.png#xywh=percent:0,0,52.5,100", "Tom"]
    ]
    assert [bad.reason for bad in named.skipped] == ["no identity"] * 2
    assert len(open_photos(photos / "cam1" / "a.png", boxes=results, need_identity=False)) == 2
    results.rename(photos / "md.json")
    itself = open_photos(photos / "md.json", need_identity=False, category="hare")
    assert list(itself.frame["category"]) == ["hare"]
    assert itself.photo_bytes(0)
    assert not is_single(photos / "md.json"), "it names several photos"
    with pytest.raises(ConfigError, match="holds boxes itself"):
        open_photos(photos / "md.json", boxes=photos / "md.json", need_identity=False)
    with pytest.raises(ConfigError, match="margin 5: expected a number from 0 to 1"):
        BoxFile(results, margin=5)


def test_names_of_folders_stay(photos: Path, tmp_path: Path) -> None:
    """A folder per individual, and a file of boxes that ran over the folder above it."""
    (photos / "cam2" / "deep" / "a.png").rename(photos / "cam2" / "c.png")
    files = ("photos/cam1/a.png", "photos/cam1/b.png", "photos/cam2/c.png")
    boxes = megadetector(
        tmp_path / "md.json", [{"file": name, "detections": [detection(0.9, 0, 0, 0.5, 0.5)]} for name in files]
    )
    table = open_photos(photos, boxes=boxes, folders="identity", category="cat")
    assert list(table.frame["identity"]) == ["cam1", "cam1", "cam2"]
    assert set(table.frame["category"]) == {"cat"}


@pytest.fixture
def camera_traps(tmp_path: Path) -> Path:
    images = [
        {"id": "i1", "file_name": "cam1/a.png", "location": "L1", "seq_id": "s1", "datetime": "2022-12-31 09:52:50"},
        {"id": "i2", "file_name": "cam1/b.png", "location": "L1", "seq_id": "s1", "datetime": "2022-12-31 09:52:52"},
        {"id": "i3", "file_name": "cam2/deep/a.png", "location": 2},
    ]
    annotations = [
        {"id": "a1", "image_id": "i1", "category_id": 1, "bbox": [10, 5, 20, 10], "individual_id": 7, "side": "left"},
        {"id": "a2", "image_id": "i1", "category_id": 1, "bbox_relative": [0, 0, 0.5, 0.5], "individual_id": 8},
        {"id": "a3", "image_id": "i2", "category_id": 0},
        {"id": "a4", "image_id": "i3", "category_id": 2, "individual_id": 9},
    ]
    categories = [{"id": 0, "name": "empty"}, {"id": 1, "name": "Panthera uncia"}, {"id": 2, "name": "animal"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    return written(tmp_path / "photos" / "coco.json", document)


def test_coco_camera_traps(photos: Path, camera_traps: Path) -> None:
    table = open_photos(camera_traps)
    columns = ["path", "category", "identity", "camera", "sequence", "date", "viewpoint"]
    assert table.frame[columns].to_numpy().tolist() == [
        ["cam1/a.png#xywh=9,4.5,22,11", "Panthera uncia", "7", "L1", "s1", "2022-12-31 09:52:50", "left"],
        ["cam1/a.png#xywh=percent:0,0,52.5,52.5", "Panthera uncia", "8", "L1", "s1", "2022-12-31 09:52:50", ""],
        ["cam2/deep/a.png", "photos", "9", "2", "", "", ""],
    ]
    assert decode_photo(table.photo_bytes(0)).size == (22, 12)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "no file of boxes: expected MegaDetector's results, or COCO with images and annotations"),
        ({"images": [{"file": "a.png"}]}, "not of the form of MegaDetector or COCO: no 'detection_categories'"),
        ({"images": [], "annotations": []}, "no box of an animal with a confidence of 0.2 or more in 0 photos"),
        (
            {
                "detection_categories": {"1": "animal"},
                "images": [{"file": "a.png", "detections": [detection(1, 10, 0, 30, 1)]}],
            },
            r"the box \[10, 0, 30, 1\] of a.png is not a share of its sides",
        ),
        (
            {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "bbox": [0, 0, 0, 5]}]},
            r"the box \[0, 0, 0, 5\] of a.png is not x, y, width and height",
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, document: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        open_photos(written(tmp_path / "boxes.json", document), need_identity=False)


def test_photos_of_which_nothing_is_said(photos: Path, tmp_path: Path) -> None:
    boxes = megadetector(
        tmp_path / "md.json",
        [
            {"file": "cam1/a.png", "detections": [detection(0.9, 0, 0, 0.5, 0.5)]},
            {"file": "cam1/b.png", "failure": "truncated", "detections": None},
            {"file": "film.mp4", "frame_rate": 25, "detections": []},
        ],
    )
    with pytest.raises(DataError, match="2 photos cannot be used") as caught:
        open_photos(photos, boxes=boxes, need_identity=False)
    assert "(cam1/b.png): the detector failed on it (truncated)" in str(caught.value)
    assert "(cam2/deep/a.png): the file of boxes does not name it" in str(caught.value)
    boxes.write_text("{")
    with pytest.raises(DataError, match=r"md\.json: not JSON, or a damaged file"):
        open_photos(photos, boxes=boxes, need_identity=False)


def test_one_individual_twice_on_a_photo_is_asked_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    annotations = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": [9 * i, 0, 5, 5], "identity": "Tom"} for i in range(2)
    ]
    document = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": annotations, "categories": []}
    with caplog.at_level(logging.INFO):
        open_photos(written(tmp_path / "coco.json", document))
    assert "1 photo named twice on one photo, first Tom on a.png" in caplog.text
