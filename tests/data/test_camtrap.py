"""Camtrap DP packages: read as photos, rewritten cell by cell, and turned into Darwin Core occurrences."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.helpers.camtrap import medium, observation, write_package

from vicp.data.camtrap.darwin_core import write_occurrences
from vicp.data.camtrap.package import CamtrapPackage
from vicp.data.camtrap.raw_csv import RawCsv
from vicp.data.images import decode_photo
from vicp.data.sources import open_photos
from vicp.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Two animals on one medium, a third on another; a blank one, a person, and an event without boxes."""
    media = [
        medium("m1", "cam/1.png"),
        medium("m2", "cam/2.png", minute="00:01"),
        medium("m3", "cam/3.png", minute="20:00", deployment="d2"),
        medium("m4", "cam/4.png", minute="21:00", deployment="d2"),
    ]
    observations = [
        observation("o1", "m1", box=(0.25, 0.5, 0.25, 0.5), individual="Tom"),
        observation("o2", "m1", box=(0, 0, 0.5, 0.5), comments='"shy, ""old"""'),
        observation("o3", "m2", individual="NA"),
        observation("o4", "m2", kind="human"),
        observation("o5", minute="20:00", deployment="d2", individual="Kit", species="Lynx lynx"),
        observation("o6", kind="blank"),
    ]
    root = write_package(tmp_path / "package", media, observations)
    (root / "cam").mkdir()
    for number in range(1, 5):
        Image.fromarray(PIXELS).save(root / "cam" / f"{number}.png")
    return root


def test_animals_as_photos(package: Path, tmp_path: Path) -> None:
    table = open_photos(package, need_identity=False)
    columns = ["path", "category", "identity", "camera", "sequence", "date"]
    day = "2024-05-01T10:{}+02:00"
    assert table.frame[columns].to_numpy().tolist() == [
        ["cam/1.png#xywh=percent:25,50,25,50", "Panthera uncia", "Tom", "L1", "e00", day.format("00:00")],
        ["cam/1.png#xywh=percent:0,0,50,50", "Panthera uncia", None, "L1", "e00", day.format("00:00")],
        ["cam/2.png", "Panthera uncia", None, "L1", "e00", day.format("00:01")],
        ["cam/3.png", "Lynx lynx", "Kit", "d2", "e20", day.format("20:00")],
        ["cam/4.png", "Lynx lynx", "Kit", "d2", "e20", day.format("21:00")],
    ]
    assert np.array_equal(np.array(decode_photo(table.photo_bytes(0))), PIXELS[10:20, 10:20])
    named = open_photos(package / "datapackage.json", category="Lynx lynx")
    assert list(named.frame["identity"]) == ["Kit", "Kit"]
    zipped = Path(shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path, "package"))
    of_zip = open_photos(zipped, need_identity=False)
    assert of_zip.frame[columns].equals(table.frame[columns])
    assert of_zip.photo_bytes(0) == table.photo_bytes(0)


def test_occurrences(package: Path, tmp_path: Path) -> None:
    assert write_occurrences(package, tmp_path / "occurrence.csv") == 4
    with open(tmp_path / "occurrence.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["organismID"] for row in rows] == ["Tom", "", "", "Kit"]
    first = {name: value for name, value in rows[0].items() if value}
    assert first == {
        "occurrenceID": "o1",
        "basisOfRecord": "MachineObservation",
        "eventID": "e00",
        "eventDate": "2024-05-01T10:00:00+02:00/2024-05-01T10:05:00+02:00",
        "scientificName": "Panthera uncia",
        "organismID": "Tom",
        "individualCount": "1",
        "lifeStage": "adult",
        "identifiedBy": "ann",
        "dateIdentified": "2024-06-01T00:00:00Z",
        "identificationRemarks": "classified by a human",
        "decimalLatitude": "46.5",
        "decimalLongitude": "8.1",
        "locality": "Ridge",
        "associatedMedia": "cam/1.png",
    }


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_changes_cell_by_cell(end: str) -> None:
    rows = ["\ufeffa,b,c", '1,"x, ""y""",', "", '"2",,z', '3,"two' + end + 'lines",NA']
    data = end.join(rows).encode()
    table = RawCsv.parse(data, name="t.csv")
    assert table.to_bytes() == data
    assert table.values("b") == ['x, "y"', "", f"two{end}lines"]
    assert table.values("c") == ["", "z", ""]
    table.set(0, "c", 'Tom, "the" cat')
    assert table.to_bytes() == data.replace(b'"x, ""y""",', b'"x, ""y""","Tom, ""the"" cat"')
    for wrong, reason in ((b"a,b\n1\n", "row 1 has 1 cells, the header has 2"), (b'a,b\n"1,2\n', "quote in row 1")):
        with pytest.raises(DataError, match=rf"t\.csv: .*{reason}"):
            RawCsv.parse(wrong, name="t.csv")


def test_the_description_changes_in_one_word(package: Path) -> None:
    text = (package / "datapackage.json").read_bytes()
    changed = CamtrapPackage.open(package).with_individuals()
    assert changed == text.replace(b'"individualAnimals": false', b'"individualAnimals": true')
    (package / "datapackage.json").write_bytes(text.replace(b'"individualAnimals": false,', b""))
    again = json.loads(CamtrapPackage.open(package).with_individuals())
    assert again == json.loads(changed)


def test_packages_that_cannot_be_used(package: Path, tmp_path: Path) -> None:
    observations = (package / "observations.csv").read_bytes().decode()
    for wrong, reason in (
        (observations.replace("m2", "m9"), "observation o3 is of the medium 'm9', which media.csv does not have"),
        (observations.replace("0.25,0.5,0.25,0.5", "1,2,3,4"), "observation o1 has the box 1, 2, 3, 4, expected four"),
        (observations.replace("observationType", "type"), "no column 'observationType', which Camtrap DP 1.0 has"),
        (observations.replace("animal", "blank"), "observations.csv has no animal on a photo"),
    ):
        (package / "observations.csv").write_text(wrong, newline="")
        with pytest.raises(DataError, match=reason):
            open_photos(package, need_identity=False)
    (package / "observations.csv").write_text(observations, newline="")
    media = (package / "media.csv").read_bytes().decode()
    outside = media.replace("cam/1.png", "https://agouti.eu/1.png").replace("cam/2.png", "../2.png")
    (package / "media.csv").write_text(outside, newline="")
    with pytest.raises(DataError, match="3 photos cannot be used") as caught:
        open_photos(package, need_identity=False)
    assert "lies on the web: download it into the package" in str(caught.value)
    assert "its filePath leads out of the package" in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no datapackage\.json there: give the folder of a Camtrap DP package"):
        CamtrapPackage.open(tmp_path / "empty")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"x\.zip: no folder and no zip of a Camtrap DP package"):
        open_photos(tmp_path / "x.zip")
