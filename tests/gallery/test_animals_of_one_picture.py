"""Several animals on one picture: enrolled one by one from a file of boxes, and never taken for the same individual."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Run

from vicp.adapt.embedder import Embedder
from vicp.data.photos.crops import of_one_picture, picture_of
from vicp.data.sources import open_photos
from vicp.data.sources.detections import BoxFile
from vicp.gallery.gallery import Gallery
from vicp.gallery.labelling.proposals import propose_from
from vicp.gallery.recognition.cluster import Grouping, cluster_photos
from vicp.runtime.photo_encoder import encoder_of

HALVES = ([0, 0, 0.5, 1], [0.5, 0, 0.5, 1])


@pytest.fixture
def herd(tmp_path: Path) -> Path:
    """`herd/N.png`: three pictures, each of two animals of one colour."""
    (tmp_path / "herd").mkdir()
    images = []
    for number in range(3):
        noise = np.random.default_rng(number).integers(-20, 20, (32, 64, 3))
        Image.fromarray((np.array((200, 60, 60)) + noise).astype(np.uint8)).save(tmp_path / "herd" / f"{number}.png")
        boxes = [{"category": "1", "conf": 0.9, "bbox": box} for box in HALVES]
        images.append({"file": f"{number}.png", "detections": boxes})
    document = {"detection_categories": {"1": "animal"}, "images": images}
    (tmp_path / "md.json").write_text(json.dumps(document))
    return tmp_path / "herd"


def test_which_photos_are_of_one_picture() -> None:
    names = ["a.png#xywh=0,0,5,5", "b.png", "a.png#xywh=9,9,5,5", "b.png"]
    assert [picture_of(name) for name in names] == ["a.png", "", "a.png", ""]
    assert np.argwhere(of_one_picture([picture_of(name) for name in names])).tolist() == [[0, 2], [2, 0]]


def test_the_option_and_what_is_wrong_with_it(herd: Path, run: Run) -> None:
    found = json.loads(run("data", "check", "herd", "--boxes", "md.json", "--json"))
    assert found["photos"] == 6
    refused = run("data", "check", "herd", "--margin", "0")
    assert refused.endswith("--margin is of boxes, and herd has none: give --boxes FILE, or leave it out\n")
    assert "none.json: cannot be read (No such file or directory)" in run(
        "data", "check", "herd", "--boxes", "none.json"
    )
    assert "--min-confidence" in run("gallery", "identify", "herds", "herd", "--min-confidence", "0.5")


def test_enroll_cluster_and_pairs(embedder: Embedder, herd: Path, tmp_path: Path) -> None:
    table = open_photos(herd, boxes=BoxFile(tmp_path / "md.json", margin=0), need_identity=False)
    herds = Gallery.create(tmp_path / "herds", embedder)
    added = herds.enroll(table, category="cow")
    assert (added.added, added.near_names, added.near) == (6, (), 0)
    assert list(herds.photos()["source"][:2]) == [
        f"{herd}/0.png#xywh=percent:0,0,50,100",
        f"{herd}/0.png#xywh=percent:50,0,50,100",
    ]
    groups: dict[str, list[str]] = {}
    for photo in herds.cluster(cut=0.01, prior_new=0.01).photos:
        groups.setdefault(photo.identity, []).append(picture_of(photo.source))
    assert max(map(len, groups.values())) > 1
    assert all(len(set(pictures)) == len(pictures) for pictures in groups.values())

    sources = herds.photos().set_index("key")["source"]
    by_gallery = [(sources[pair.left], sources[pair.right]) for pair in herds.next_pairs("cow", count=50).pairs]
    by_folder = propose_from(encoder_of(embedder), table, count=50).pairs
    pairs = [*by_gallery, *((pair.left, pair.right) for pair in by_folder)]
    assert len(pairs) >= 4
    assert all(picture_of(left) != picture_of(right) for left, right in pairs)


def test_who_stands_beside_a_known_individual_is_somebody_else(embedder: Embedder, herd: Path, tmp_path: Path) -> None:
    encoder = encoder_of(embedder)
    table = open_photos(herd, boxes=tmp_path / "md.json", need_identity=False)
    frame = table.frame.assign(identity=[None] * 6)
    frame.loc[[0, 2], "identity"] = ["Berta", "Berta"]
    grouping = Grouping(cut=0.01, prior_new=0.01)
    proposal = cluster_photos(encoder, type(table)(frame, table.root), prompt=None, grouping=grouping)
    known = [photo for photo in proposal.photos if photo.known]
    assert known, "somebody on the third picture may be Berta"
    assert {picture_of(photo.photo) for photo in known} == {"2.png"}
