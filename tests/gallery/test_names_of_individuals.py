"""Names that a gallery gets later: refused before photos are read, and asked about where they are nearly another's."""

from pathlib import Path

import pytest
from tests.conftest import write_photo

from vicp.errors import DataError, GalleryError
from vicp.gallery.gallery import Gallery


@pytest.mark.parametrize("name", ["unknown", "?", "#REF!", "../Tom", "'Tom'", "Zo\u00c3\u00ab"])
def test_a_name_that_cannot_be_is_refused_before_the_photo_is_read(gallery: Gallery, tmp_path: Path, name: str) -> None:
    with pytest.raises(GalleryError, match=r"word for nobody|formula|error|out of the gallery|quotes|encoding"):
        gallery.new(tmp_path / "away.jpg", name=name)


def test_a_name_that_is_nearly_anothers_is_asked_about(
    gallery: Gallery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo = write_photo(tmp_path / "new.jpg", (250, 0, 250))
    (question,) = gallery.new(photo, name="Red", force=True).questions
    assert question.startswith("One individual or several? 'Red', 'red' (shoe: case alone).")
    gallery.rename("red", "RED")
    assert "'RED', 'Red' (shoe: case alone)" in caplog.text
    assert "'red'" not in caplog.text, "which is no more"
    caplog.clear()
    gallery.split("green/0.jpg", "blue (1)")
    assert "'blue', 'blue (1)' (shoe: what a copy's name gets alone)" in caplog.text
    with pytest.raises(GalleryError, match="'red' is called 'RED' now"):
        gallery.rename("red", "Tom")


def test_labels_that_contradict_each_other_name_their_photos(gallery: Gallery) -> None:
    a, b, c = "red/0.jpg", "blue/0.jpg", "green/0.jpg"
    with pytest.raises(DataError, match=r"green/0\.jpg and .*red/0\.jpg\. Correct the labels"):
        gallery.label([(a, b, True), (b, c, True), (a, c, False)])
