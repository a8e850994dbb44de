"""Labelled pairs in a gallery: none twice, none against another, each with who and when, and undone like all else."""

from pathlib import Path

import pandas as pd
import pytest

from vicp.errors import DataError, GalleryError
from vicp.gallery.gallery import Gallery
from vicp.gallery.labelling.labels import LabelResult, labelled_pairs
from vicp.gallery.store.tables import PAIRS


def write(path: Path, *rows: str) -> Path:
    path.write_text("left,right,same\n" + "".join(f"{row}\n" for row in rows))
    return path


def keys(gallery: Gallery) -> dict[str, list[str]]:
    """Keys of each identity's photos."""
    frame = gallery.photos()
    return {name: sorted(own["key"]) for name, own in frame.groupby("identity")}


def test_pairs_are_kept_once_and_undone(gallery: Gallery, tmp_path: Path) -> None:
    red, blue = keys(gallery)["red"], keys(gallery)["blue"]
    file = write(tmp_path / "pairs.csv", "red/0.jpg,red/1.jpg,1", f"{red[0]},{blue[0][:12]},different", "red/0.jpg,x,")
    done = gallery.label(file, reason="seen by eye")
    assert done == LabelResult(added=2, known=0, total=2, same=1)
    assert gallery.label(file) == LabelResult(added=0, known=2, total=2, same=1)
    rows = gallery.snapshot.read(PAIRS).to_pylist()
    assert {(row["author"], row["reason"], row["category"]) for row in rows} == {("ann", "seen by eye", "shoe")}
    assert gallery.stats().pairs == 2
    assert gallery.export(tmp_path / "out.csv", layout="pairs") == 2
    out = pd.read_csv(tmp_path / "out.csv")
    assert sorted(out["same"]) == [0, 1]
    assert set(out["left"]) | set(out["right"]) <= {*red, *blue}
    gallery.undo()
    assert len(labelled_pairs(gallery.snapshot)) == 0


def test_pairs_are_triples_too(gallery: Gallery) -> None:
    pairs = [("red/0.jpg", "red/1.jpg", True), ("red/0.jpg", "blue/0.jpg", False)]
    assert gallery.label(pairs) == LabelResult(added=2, known=0, total=2, same=1)
    with pytest.raises(DataError, match=r"expected \(left, right, same\) each"):
        gallery.label([("red/0.jpg", "red/1.jpg")])


def test_contradictions_change_nothing(gallery: Gallery, tmp_path: Path) -> None:
    gallery.label(write(tmp_path / "a.csv", "red/0.jpg,red/1.jpg,1", "red/1.jpg,red/2.jpg,1"))
    with pytest.raises(DataError, match=r"b\.csv: the gallery has the opposite label for"):
        gallery.label(write(tmp_path / "b.csv", "red/1.jpg,red/0.jpg,0"))
    with pytest.raises(DataError, match="different"):
        gallery.label(write(tmp_path / "c.csv", "red/0.jpg,red/2.jpg,0"))
    assert len(labelled_pairs(gallery.snapshot)) == 2


def test_photos_that_are_not_there_are_named(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=r"no photo named 'nosuch\.jpg'"):
        gallery.label(write(tmp_path / "a.csv", "red/0.jpg,nosuch.jpg,1"))


def test_pairs_of_a_removed_photo_are_left_out(gallery: Gallery, tmp_path: Path) -> None:
    gallery.label(write(tmp_path / "a.csv", "red/0.jpg,red/1.jpg,1", "blue/0.jpg,red/1.jpg,0"))
    gallery.remove_photos(["red/0.jpg"])
    assert labelled_pairs(gallery.snapshot).same.tolist() == [False]
