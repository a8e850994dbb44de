"""Filling a Camtrap DP package: individuals where somebody can say, and every other byte as it was."""

import re
import shutil
import zipfile
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Run, write_photo
from tests.gallery.conftest import COLOURS
from tests.helpers.camtrap import medium, observation, write_package

from vicp.adapt.embedder import Embedder
from vicp.data.camtrap.package import CamtrapPackage
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.gallery.gallery import Gallery


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A red shoe, two red ones on one photo, a named green one, a blue event, a yellow and a red event, a person."""
    root = tmp_path / "package"
    write_photo(root / "red.jpg", COLOURS["red"], seed=900)
    noise = np.random.default_rng(5).integers(-20, 20, (48, 96, 3))
    Image.fromarray((np.array(COLOURS["red"]) + noise).clip(0, 255).astype(np.uint8)).save(root / "two.png")
    for number, name in enumerate(("green", "blue", "yellow")):
        write_photo(root / f"{name}.jpg", COLOURS[name], seed=910 + number)
    write_photo(root / "blue2.jpg", COLOURS["blue"], seed=930)
    write_photo(root / "red2.jpg", COLOURS["red"], seed=931)
    media = [medium("m1", "red.jpg"), medium("m2", "two.png"), medium("m3", "green.jpg")]
    media += [medium("m4", "blue.jpg", minute="10:00"), medium("m5", "blue2.jpg", minute="11:00")]
    media += [medium("m6", "yellow.jpg", minute="20:00"), medium("m7", "red2.jpg", minute="21:00")]
    left, right = (0, 0, 0.5, 1), (0.5, 0, 0.5, 1)
    observations = [
        observation("o1", "m1", species="shoe", comments='"left, ""as it was"""'),
        observation("o2", "m2", species="shoe", box=left),
        observation("o3", "m2", species="shoe", box=right),
        observation("o4", "m3", species="shoe", individual="Greta"),
        observation("o5", minute="10:00", species="shoe"),
        observation("o6", minute="20:00", species="shoe"),
        observation("o7", "m1", kind="human", species="Homo sapiens"),
        observation("o8", "m3", species="Lynx lynx"),
    ]
    return write_package(root, media, observations)


def column(package: Path, name: str) -> list[str]:
    return CamtrapPackage.open(package).table("observations").values(name)


def test_individuals_are_filled_in(package: Path, made: Path, embedder: Embedder, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in package.iterdir()}
    gallery, out = Gallery.open(made, embedder), tmp_path / "filled"
    result = gallery.fill_camtrap(package, out=out, category="shoe")
    assert (result.filled, result.individuals, result.named, result.new, result.unsure) == (3, 2, 1, 0, 2)
    assert {file.name: file.read_bytes() for file in package.iterdir()} == before, "the package itself is not touched"

    # two of one photo: one is red; the event of one blue shoe is told, that of a yellow and a red one is not
    assert column(out, "individualID") == ["red", "", "red", "Greta", "blue", "", "", ""]
    assert column(out, "classificationMethod") == ["machine", "human", "machine", "human", "machine", *["human"] * 3]
    assert column(out, "classifiedBy")[0] == f"VICP {version('vicp')} {gallery.encoder.fingerprint}"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", column(out, "classificationTimestamp")[0])
    said = gallery.identify(package / "red.jpg", category="shoe").identifications[0]
    assert float(column(out, "classificationProbability")[0]) == pytest.approx(said.probability, abs=1e-4)

    after = {file.name: file.read_bytes() for file in out.iterdir()}
    rows = [data["observations.csv"].split(b"\r\n") for data in (before, after)]
    changed = [number for number, (old, new) in enumerate(zip(*rows, strict=True)) if old != new]
    assert changed == [1, 3, 5]
    assert rows[1][1].endswith(b',,"left, ""as it was"""')
    told = before["datapackage.json"].replace(b'"individualAnimals": false', b'"individualAnimals": true')
    assert after["datapackage.json"] == told
    same = before.keys() - {"observations.csv", "datapackage.json"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}

    again = gallery.fill_camtrap(out, category="shoe")
    assert (again.filled, again.named) == (0, 4)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == after
    names = open_photos(out, category="shoe").frame["identity"]
    assert sorted(names) == ["Greta", "blue", "blue", "red", "red"]


def test_zips_and_nobody_known(package: Path, made: Path, embedder: Embedder, tmp_path: Path) -> None:
    zipped = Path(shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path, "package"))
    gallery = Gallery.open(made, embedder)
    untouched = zipped.read_bytes()
    result = gallery.fill_camtrap(zipped, category="shoe", promised_only=True)
    assert (result.filled, result.new, result.unsure) == (0, 0, 5)
    with zipfile.ZipFile(zipped) as new, zipfile.ZipFile(BytesIO(untouched)) as old:
        names = set(old.namelist()) - {"package/datapackage.json"}  # somebody was named: individuals are told apart
        assert {name: new.read(name) for name in names} == {name: old.read(name) for name in names}
    assert gallery.fill_camtrap(zipped, category="shoe", out=tmp_path / "new.zip").filled == 3
    assert column(tmp_path / "new.zip", "individualID") == ["red", "", "red", "Greta", "blue", "", "", ""]
    assert column(zipped, "individualID") == ["", "", "", "Greta", "", "", "", ""]


def test_stopped_in_the_middle_nothing_is_lost(package: Path, made: Path, embedder: Embedder) -> None:
    (package / "datapackage.json.part").mkdir()  # so that the second file cannot be written
    gallery = Gallery.open(made, embedder)
    with pytest.raises(DataError, match="package: cannot be written"):
        gallery.fill_camtrap(package, category="shoe")
    assert len(open_photos(package, category="shoe").frame) == 5, "the first file is whole"
    (package / "datapackage.json.part").rmdir()
    assert gallery.fill_camtrap(package, category="shoe").named == 4
    assert b'"individualAnimals": true' in (package / "datapackage.json").read_bytes()


def test_what_is_wrong_is_said_in_one_line(package: Path, made: Path, run: Run, tmp_path: Path) -> None:
    fill = ("camtrap", "fill", "package", "--gallery", made)
    assert run("camtrap", "fill", "nowhere", "--gallery", made) == "error: nowhere: no such folder or file\n"
    inside = run(*fill, "--category", "shoe", "--out", "package/more")
    assert inside == "error: package/more: lies in the package itself: give another place\n"
    there = run(*fill, "--category", "shoe", "--out", "package/red.jpg")
    assert there == "error: package/red.jpg: is there already: give the name of a new file\n"
    several = run(*fill, "--species", "Lynx lunx")
    assert several == "error: package: no animal is a Lynx lunx; there are 8 x shoe, 1 x Lynx lynx\n"
    filled = run(*fill, "--category", "shoe", "--promised-only").splitlines()
    left = "Left as they were: 1 had an individual, 5 cannot be told."
    assert filled == ["package: 0 observations of 0 individuals filled in.", left]
    assert run("camtrap", "darwin-core", "package") == "occurrence.csv holds 7 occurrences.\n"
    observations = package / "observations.csv"
    observations.write_bytes(observations.read_bytes().replace(b"classifiedBy", b"by"))
    assert "no column 'classifiedBy', which Camtrap DP 1.0 has: add it" in run(*fill)
