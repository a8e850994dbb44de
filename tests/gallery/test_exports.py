"""A gallery in the formats of other programs: what each of them reads, and that it comes back as it was."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.conftest import Run
from tests.gallery.conftest import COLOURS

from vicp.adapt.embedder import Embedder
from vicp.data.sources import open_photos
from vicp.errors import ConfigError, DataError, GalleryError
from vicp.gallery.gallery import Gallery

DATES = {
    "red": ("2024-05-01T23:30:00+02:00", "2024-05-14", "2024-05-15"),
    "green": ("2024-05-01", "2024-06-03", ""),
    "blue": ("20240520", "2023", "no day"),
}


@pytest.fixture(scope="session")
def dated(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of eleven photos: three dated individuals, and two photos of nobody; not to be written to."""
    folder = tmp_path_factory.mktemp("dated")
    rows = []
    for number, (name, dates) in enumerate(DATES.items()):
        for shot, taken in enumerate(dates):
            rows.append((f"{name}{shot}.png", 'Tom */ "the" cat, 1' if name == "red" else name, taken, "left"))
            noise = np.random.default_rng(10 * number + shot).integers(-20, 20, (48, 48, 3))
            pixels = (np.array(COLOURS[name]) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / rows[-1][0])
    for shot in range(2):
        rows.append((f"nobody{shot}.png", "", "2024-05-02", ""))
        noise = np.random.default_rng(90 + shot).integers(0, 255, (48, 48, 3))
        Image.fromarray(noise.astype(np.uint8)).save(folder / rows[-1][0])
    with open(folder / "photos.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "identity", "date", "viewpoint"), *rows])
    Gallery.create(folder / "gallery", embedder).enroll(folder / "photos.csv", category="Felis catus")
    return folder / "gallery"


def test_capture_histories_for_mark(dated: Path, tmp_path: Path) -> None:
    result = Gallery.open(dated).export_captures(tmp_path / "cats.inp", occasions="week")
    assert result.occasions == ("2024-W18", "2024-W19", "2024-W20", "2024-W21", "2024-W22", "2024-W23")
    assert (result.individuals, result.sightings) == (3, 5)
    assert (result.undated, result.outside, result.unnamed) == (3, 0, 2)
    lines = (tmp_path / "cats.inp").read_text().splitlines()
    assert lines[-3:] == ['/* Tom * / "the" cat, 1 */ 101000 1;', "/* blue */ 000100 1;", "/* green */ 100001 1;"]
    comments = lines[:-3]
    assert all(line.startswith("/* ") and line.endswith(" */") for line in comments)
    assert [line[3:-3] for line in comments[1:]] == [*result.promises, result.warning]
    assert result.promises[0].startswith("No promise yet of how often somebody new gets a name: ")
    assert "two individuals under one name make a population look smaller" in result.warning


def test_capture_histories_by_a_file_of_occasions(dated: Path, tmp_path: Path) -> None:
    occasions = tmp_path / "occasions.csv"
    occasions.write_text("occasion,start,end\nfirst,2024-05-01,2024-05-01\nsecond,2024-05-14,2024-05-31\n")
    result = Gallery.open(dated).export_captures(tmp_path / "cats.csv", occasions=occasions, category="Felis catus")
    assert (result.occasions, result.outside) == (("first", "second"), 1)
    text = (tmp_path / "cats.csv").read_text()
    rows = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))
    assert rows == [
        ["individual", "first", "second"],
        ['Tom */ "the" cat, 1', "1", "1"],
        ["blue", "0", "1"],
        ["green", "1", "0"],
    ]
    assert f"# {result.warning}" in text.splitlines()
    monthly = Gallery.open(dated).export_captures(tmp_path / "cats.csv", occasions="month")
    assert monthly.occasions == ("2024-05", "2024-06")


def test_captures_that_cannot_be_written(dated: Path, made: Path, tmp_path: Path, run: Run) -> None:
    said = " ".join(run("gallery", "export", dated, "--captures", "cats.inp", "--occasions", "month").split())
    counts = "cats.inp: 3 individuals (Felis catus) on 2 occasions, 2024-05 to 2024-06; 4 sightings."
    assert said.startswith(f"{counts} Photos left out: 3 without a day, 2 unnamed. ")
    assert "Misidentification biases" in said
    lonely = run("gallery", "export", dated, "cats.csv", "--occasions", "month")
    assert lonely == "error: --occasions is of --captures: give that, or leave it out\n"
    both = run("gallery", "export", dated, "cats.csv", "--captures", "--pairs")
    assert both == "error: give --pairs or --captures, not both: a file has one layout\n"
    gallery = Gallery.open(dated)
    for occasions, out, reason in (
        (
            "fortnight",
            "a.inp",
            "--occasions fortnight: expected day, week, month, or a CSV with",
        ),
        ("week", "a.txt", "expected a name ending in .inp or .csv"),
    ):
        with pytest.raises(DataError, match=reason):
            gallery.export_captures(tmp_path / out, occasions=occasions)
    (tmp_path / "o.csv").write_text("occasion,start,end\nx,2024-05-03,2024-05-01\n")
    with pytest.raises(DataError, match=r"row 1 \(x\) goes from '2024-05-03' to '2024-05-01', expected days"):
        gallery.export_captures(tmp_path / "a.inp", occasions=tmp_path / "o.csv")
    with pytest.raises(DataError, match="no photo of a named shoe has a date: enroll them with one"):
        Gallery.open(made).export_captures(tmp_path / "a.inp")


def test_hugging_face_both_ways(dated: Path, tmp_path: Path) -> None:
    gallery = Gallery.open(dated)
    facts = gallery.photos().set_index("key")
    facts["identity"] = facts["identity"].astype(object).where(facts["identity"].notna(), None)
    expected = {key: (row.category, row.identity, row.date) for key, row in facts.iterrows()}
    for out in (tmp_path / "folder", tmp_path / "cats.parquet"):
        assert gallery.export(out, layout="hugging-face") == 11
        back = open_photos(out, need_identity=False)
        rows = back.frame.set_index(back.frame["path"].map(lambda path: Path(path).stem))
        assert {key: (row.category, row.identity, row.date) for key, row in rows.iterrows()} == expected
        assert set(rows["viewpoint"]) == {"left", ""}
        original = dated.parent / "green0.png"
        row = list(rows.index).index(facts.index[facts["source"] == original.as_posix()][0])
        assert back.photo_bytes(row) == original.read_bytes()
    schema = pq.read_schema(tmp_path / "cats.parquet")
    assert json.loads(schema.metadata[b"huggingface"])["info"]["features"]["image"] == {"_type": "Image"}
    assert pq.read_table(tmp_path / "cats.parquet")["image"][0].as_py().keys() == {"bytes", "path"}
    with pytest.raises(DataError, match="folder: holds something already: give a new or an empty folder"):
        gallery.export(tmp_path / "folder", layout="hugging-face")


def test_sheets_for_wildbook(dated: Path, tmp_path: Path, run: Run) -> None:
    said = run("gallery", "export", dated, "wb", "--wildbook", "--location", "Mpala, NA")
    assert said.splitlines() == [
        "wb holds 8 encounters in wildbook-1.csv, and the photos.",
        "2 of them have no individual.",
        "Left out 3 photos without a day, which Wildbook needs.",
    ]
    with open(tmp_path / "wb" / "wildbook-1.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    key = rows[0]["Encounter.otherCatalogNumbers"]
    assert rows[0] == {
        "Encounter.mediaAsset0": f"{key}.png",
        "Encounter.individualID": 'Tom */ "the" cat, 1',
        "Encounter.genus": "Felis",
        "Encounter.specificEpithet": "catus",
        "Encounter.year": "2024",
        "Encounter.month": "5",
        "Encounter.day": "1",
        "Encounter.hour": "23",
        "Encounter.minutes": "30",
        "Encounter.verbatimLocality": "Mpala, NA",
        "Encounter.otherCatalogNumbers": key,
        "Encounter.state": "unapproved",
    }
    assert all(value not in ("NA", "nan", "None") for row in rows for value in row.values())
    back = open_photos(tmp_path / "wb" / "wildbook-1.csv", need_identity=False)
    assert len(back) == 8
    assert back.photo_bytes(0) == (dated.parent / "red0.png").read_bytes()
    assert back.frame[["category", "date"]].iloc[0].tolist() == ["Felis catus", "2024-05-01 23:30"]
    assert "--wildbook needs --location" in run("gallery", "export", dated, "wb2", "--wildbook")
    with pytest.raises(ConfigError, match="'cat' is no scientific name: give one, as in --species 'Equus quagga'"):
        Gallery.open(dated).export_wildbook(tmp_path / "wb3", location="x", species="cat")


def test_a_gallery_without_photo_files(dated: Path, embedder: Embedder, tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "thumbnails", embedder, keep_photos=False)
    gallery.enroll(shutil.copy(dated.parent / "red0.png", tmp_path), category="Felis catus")
    for write in (
        lambda: gallery.export(tmp_path / "hf", layout="hugging-face"),
        lambda: gallery.export_wildbook(tmp_path / "wb", location="x"),
    ):
        with pytest.raises(GalleryError, match="keeps no photos, only their thumbnails"):
            write()
