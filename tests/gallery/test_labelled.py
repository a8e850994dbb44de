"""Labelled pairs in a gallery: none twice, none against another, each with who and when, and undone like all else."""

from pathlib import Path

import pandas as pd
import pytest

from vicp.errors import DataError, GalleryError
from vicp.gallery.contents import photos
from vicp.gallery.edit import remove_photos
from vicp.gallery.labelling.labels import export_pairs, label_pairs, labelled_pairs
from vicp.gallery.stats import gallery_stats
from vicp.gallery.store.database import open_gallery, undo
from vicp.gallery.store.tables import PAIRS


def write(path: Path, *rows: str) -> Path:
    path.write_text("left,right,same\n" + "".join(f"{row}\n" for row in rows))
    return path


def keys(uri: str) -> dict[str, list[str]]:
    """Keys of each identity's photos."""
    frame = photos(open_gallery(uri))
    return {name: sorted(own["key"]) for name, own in frame.groupby("identity")}


def test_pairs_are_kept_once_and_undone(gallery: str, tmp_path: Path) -> None:
    red, blue = keys(gallery)["red"], keys(gallery)["blue"]
    file = write(tmp_path / "pairs.csv", "red/0.jpg,red/1.jpg,1", f"{red[0]},{blue[0][:12]},different", "red/0.jpg,x,")
    done = label_pairs(gallery, file, by="ann", why="seen by eye")
    assert done.summary() == {"added": 2, "known": 0, "total": 2, "same": 1}
    assert label_pairs(gallery, file, by="bob").summary() == {"added": 0, "known": 2, "total": 2, "same": 1}
    snapshot = open_gallery(gallery)
    assert {(row["by"], row["why"], row["category"]) for row in snapshot.read(PAIRS).to_pylist()} == {
        ("ann", "seen by eye", "shoe")
    }
    assert gallery_stats(snapshot).pairs == 2
    assert export_pairs(snapshot, tmp_path / "out.csv") == 2
    out = pd.read_csv(tmp_path / "out.csv")
    assert sorted(out["same"]) == [0, 1]
    assert set(out["left"]) | set(out["right"]) <= {*red, *blue}
    undo(gallery, by="ann")
    assert len(labelled_pairs(open_gallery(gallery))) == 0


def test_contradictions_change_nothing(gallery: str, tmp_path: Path) -> None:
    label_pairs(gallery, write(tmp_path / "a.csv", "red/0.jpg,red/1.jpg,1", "red/1.jpg,red/2.jpg,1"), by="ann")
    with pytest.raises(DataError, match=r"b\.csv: the gallery has the opposite label for"):
        label_pairs(gallery, write(tmp_path / "b.csv", "red/1.jpg,red/0.jpg,0"), by="bob")
    with pytest.raises(DataError, match="different"):
        label_pairs(gallery, write(tmp_path / "c.csv", "red/0.jpg,red/2.jpg,0"), by="bob")
    assert len(labelled_pairs(open_gallery(gallery))) == 2


def test_photos_that_are_not_there_are_named(gallery: str, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=r"no photo named 'nosuch\.jpg'"):
        label_pairs(gallery, write(tmp_path / "a.csv", "red/0.jpg,nosuch.jpg,1"), by="ann")


def test_pairs_of_a_removed_photo_are_left_out(gallery: str, tmp_path: Path) -> None:
    label_pairs(gallery, write(tmp_path / "a.csv", "red/0.jpg,red/1.jpg,1", "blue/0.jpg,red/1.jpg,0"), by="ann")
    remove_photos(gallery, ["red/0.jpg"], by="ann")
    assert labelled_pairs(open_gallery(gallery)).same.tolist() == [False]
