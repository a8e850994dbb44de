"""Class Gallery as a program uses it: its own example, its model, its author, its lock."""

import doctest
import getpass
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.conftest import write_photo

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import DataError, GalleryError
from vicp.gallery import gallery as module
from vicp.gallery.gallery import Gallery
from vicp.gallery.store.database import change
from vicp.runtime.photo_encoder import PhotoEncoder


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("Berta", "Bertha", "Alma")):
        for shot in range(2):
            write_photo(tmp_path / "photos" / name / f"{shot}.jpg", (70 * number, 90, 50), seed=10 * number + shot)
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(module) == (0, 5)


def test_the_model_is_opened_when_it_is_needed(made: Path, embedder: Embedder, shoe_folder: Path) -> None:
    opened = Gallery.open(made)
    assert opened.stats().model == "tiny"
    assert opened.encoder.fingerprint == embedder.fingerprint
    photo = shoe_folder / "red" / "0.jpg"
    assert opened.verify(photo, photo).similarity == pytest.approx(1, abs=1e-5)


def test_a_folder_has_no_lock_to_take_away(made: Path) -> None:
    assert Gallery.unlock(made) is None


def test_a_model_may_hold_its_encoder(made: Path, embedder: Embedder) -> None:
    model = SimpleNamespace(encoder=PhotoEncoder(embedder, batch_size=3))
    assert Gallery.open(made, model).encoder.batch_size == 3


def test_a_model_without_a_name_must_be_given(embedder: Embedder, tmp_path: Path) -> None:
    Gallery.create(tmp_path / "herd", replace(embedder, source=None))
    with pytest.raises(GalleryError, match="does not say how its model is opened: give the model"):
        _ = Gallery.open(tmp_path / "herd").encoder


def test_photos_are_paths_and_tables_alike(gallery: Gallery, shoes: PhotoTable, shoe_folder: Path) -> None:
    by_path = gallery.identify([shoe_folder / "red", str(shoe_folder / "blue" / "0.jpg")])
    by_table = gallery.identify([shoes.select([0]), shoes.select([1])])
    assert [len(by_path.identifications), len(by_table.identifications)] == [4, 2]
    red, other = shoes.select([list(shoes.frame["identity"]).index("red")]), shoe_folder / "blue" / "0.jpg"
    assert gallery.identify(red).identifications[0].candidates[0].identity == "red"
    bytes_of_red = PhotoTable(red.frame.assign(image=[red.photo_bytes(0)]), None)
    pairs = [(shoe_folder / red.frame["path"][0], other), (red, other), (bytes_of_red, other)]
    assert len({round(gallery.verify(*pair).similarity, 5) for pair in pairs}) == 1
    with pytest.raises(DataError, match=r"a table of 12 photos and .*: expected two photos, one each"):
        gallery.verify(shoes, other)


def test_single_photos_are_enrolled_without_names(gallery: Gallery, tmp_path: Path) -> None:
    paths = [write_photo(tmp_path / f"{shot}.jpg", (200, 90, 10 * shot), seed=900 + shot) for shot in range(2)]
    result = gallery.enroll(paths, category="shoe")
    assert (result.added, result.identities) == (2, 0)
    assert repr(gallery) == f"Gallery('{gallery.uri}')"
    assert [found.photo for found in gallery.identify(paths)] == [str(path) for path in paths]


def test_one_name_may_be_given_without_a_list(gallery: Gallery) -> None:
    assert gallery.merge("red", "green").summary == "green into red (shoe): 3 photos"
    assert gallery.split("red/0.jpg", "ruby").summary == "1 photo is ruby (shoe)"
    with pytest.raises(GalleryError, match="nobody to merge into 'red': name at least one"):
        gallery.merge("red", [])


def test_a_layout_that_is_not_there_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="no layout 'xml', expected one of table, fiftyone, hugging-face, pairs"):
        gallery.export(tmp_path / "out.csv", layout="xml")


def test_who_does_it_stands_in_the_log(gallery: Gallery) -> None:
    assert Gallery.open(gallery.uri).author == getpass.getuser()
    entry = Gallery.open(gallery.uri, author="bob").rename("red", "crimson", reason="a better word")
    assert (entry.author, entry.command, entry.reason, entry.shown) == ("bob", "rename", "a better word", True)
    assert gallery.log()[-1] == entry


def test_another_writer_is_named_or_waited_for(gallery: Gallery) -> None:
    with change(gallery.uri, "slow", author="ann"), pytest.raises(GalleryError, match="is writing to this gallery"):
        gallery.rename("red", "crimson")
    assert gallery.rename("red", "crimson").summary == "red is now crimson (shoe): 3 photos"


def test_photos_are_prepared_while_somebody_else_writes(
    gallery: Gallery, shoe_folder: Path, shoe_prompts: list[Prompt], tmp_path: Path
) -> None:
    """Only writing needs the lock: what is there by then, or comes twice, or cannot be used, is left out."""
    folder = tmp_path / "more" / "violet"
    for shot in range(3):
        write_photo(folder / f"{shot}.jpg", (150, 60, 190), seed=40 + shot)
    shutil.copy(folder / "0.jpg", folder / "again.jpg")
    shutil.copy(shoe_folder / "red" / "0.jpg", folder / "red.jpg")
    (folder / "bad.jpg").write_bytes(b"no photo")
    table = open_photos(folder.parent, category="shoe")
    careful = gallery.with_model(replace(gallery.encoder, skip_bad=True, batch_size=2))
    with change(gallery.uri, "slow", author="bob"):
        (prepared,) = careful.prepare(table)
        with pytest.raises(GalleryError, match="is writing to this gallery"):
            careful.enroll_prepared(prepared)
    gallery.enroll(folder / "1.jpg", category="shoe")
    result = careful.enroll_prepared(prepared)
    assert (result.added, result.known, result.named, result.identities) == (2, 3, 1, 1)
    assert [Path(each.path).name for each in result.bad] == ["bad.jpg"]
    assert [Path(each.split(" is ")[0]).name for each in result.other_names] == ["red.jpg"]
    assert len(gallery.photos()) == 15
    assert gallery.log()[-1].summary == "2 photos, 1 new identity, 1 photo named"
    assert gallery.identify(folder / "2.jpg").identifications[0].candidates[0].identity == "violet"
    late = write_photo(tmp_path / "late" / "violet" / "9.jpg", (150, 60, 190), seed=49)
    (prepared,) = gallery.prepare(open_photos(late.parent.parent, category="shoe"))
    gallery.reindex([shoe_prompts[1]])
    with pytest.raises(GalleryError, match="'shoe' are embedded otherwise since these were prepared"):
        gallery.enroll_prepared(prepared)
    assert len(gallery.photos()) == 15
