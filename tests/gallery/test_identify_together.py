"""Photos of one individual asked together, and photos compared with some of the gallery alone."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vicp
from benchmarks.service.photos import photo_bytes
from vicp.adapt.embedder import Embedder
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.decisions.outcome import ErrorTargets, Identification
from vicp.errors import ConfigError
from vicp.gallery.gallery import Gallery
from vicp.gallery.queries import query_tables
from vicp.gallery.recognition.identify_together import moments_of
from vicp.gallery.search.category_search import NOBODY_LEFT

NAMES = ("ada", "ben", "cleo", "dora", "emil", "finn", "gita", "hugo")


@pytest.fixture(scope="module")
def known(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Eight individuals of three photos, of two cameras and three days; the last photos of two show the left side."""
    root = tmp_path_factory.mktemp("known")
    for number, name in enumerate(NAMES):
        for shot in range(3):
            (root / name).mkdir(exist_ok=True)
            (root / name / f"{shot}.jpg").write_bytes(photo_bytes(number, shot=shot))
    table = open_photos(root, category="thing")
    shots = [int(Path(path).stem) for path in table.frame["path"]]
    facts = {
        "camera": ["gate" if shot < 2 else "pond" for shot in shots],
        "date": [f"2025-04-0{shot + 1}T09:00:00" for shot in shots],
        "viewpoint": [
            "left" if shot == 2 and name in NAMES[:2] else ""
            for shot, name in zip(shots, table.frame["identity"], strict=True)
        ],
    }
    gallery = Gallery.create(root.parent / f"{root.name}-gallery", embedder, author="ann")
    gallery.enroll(replace(table, frame=table.frame.assign(**facts)))
    return gallery


def burst(folder: Path, individual: int, shot: int, frames: int) -> list[Path]:
    """Frames that differ in the quality of their JPEG alone."""
    image = Image.open(io.BytesIO(photo_bytes(individual, shot=shot)))
    paths = [folder / f"{individual}-{shot}-{frame}.jpg" for frame in range(frames)]
    for frame, path in enumerate(paths):
        image.save(path, quality=95 - frame)
    return paths


def only(gallery: Gallery, photos: list[Path], **how: object) -> Identification:
    (found,) = gallery.identify(photos, together=True, **how)
    return found


def test_moments_are_told_by_what_photos_show(tmp_path: Path) -> None:
    paths = [*burst(tmp_path, 0, 7, 3), *burst(tmp_path, 0, 8, 2)]
    assert list(moments_of(query_tables(paths, skip_bad=False)[0])) == [0, 0, 0, 1, 1]


def test_one_photo_together_is_that_photo(known: Gallery, tmp_path: Path) -> None:
    photos = burst(tmp_path, 1, 7, 1)
    (alone,) = known.identify(photos)
    found = only(known, photos)
    assert replace(found, sentence=alone.sentence) == alone
    assert found.sentence == f"{alone.sentence}; from 1 photo of one moment"


def test_a_moment_counts_once_however_many_photos_it_has(known: Gallery, tmp_path: Path) -> None:
    long, short = burst(tmp_path, 1, 7, 4), burst(tmp_path, 1, 8, 1)
    found = only(known, long + short)
    assert found.sentence.endswith("; from 5 photos of 2 moments")
    each = [report.candidates[0] for report in known.identify(long + short)]
    assert {candidate.identity for candidate in each} == {"ben"}
    model = vicp.Model(known.encoder)
    rows = model.encode([str(path) for path in long + short])
    frame = known.photos()
    stored = model.encode(query_tables([Path(p) for p in frame["source"]], skip_bad=False)[0])
    ben = (frame["identity"] == "ben").to_numpy()
    closest = (rows @ stored[ben].T).max(axis=1)  # of each photo
    expected = (closest[:4].mean() + closest[4]) / 2  # of each moment
    assert found.candidates[0].similarity == pytest.approx(float(expected), abs=1e-5)
    again = only(known, long[:1] + short)
    assert found.probability == pytest.approx(again.probability, abs=0.02)


def test_it_is_promised_only_where_each_photo_is(known: Gallery, tmp_path: Path) -> None:
    lax = ErrorTargets(false_match_rate=0.6, confidence=0.5, false_new_rate=0.6)
    photos = [*burst(tmp_path, 0, 7, 1), *burst(tmp_path, 1, 8, 1)]  # of two individuals
    assert not only(known, photos, targets=lax).promised
    same = [*burst(tmp_path, 0, 0, 1), *burst(tmp_path, 0, 1, 1)]  # as in the gallery
    each = known.identify(same, targets=lax)
    found = only(known, same, targets=lax)
    assert found.promised == all(one.promised for one in each)
    assert found.promised
    assert found.promise.startswith("Promised: at most 60 %")


def test_some_photos_of_the_gallery_alone(known: Gallery, tmp_path: Path) -> None:
    photos = burst(tmp_path, 2, 7, 1)
    assert known.identify(photos).identifications[0].candidates[0].identity == "cleo"
    (left,) = known.identify(photos, among=vicp.PhotoFilter(viewpoint="left"))
    assert {each.identity for each in left.candidates} == {"ada", "ben"}
    assert left.sentence.endswith("compared with 2 individuals alone: somebody new may be one of 6 that were left out")
    keys = set(known.photos().query("source.str.endswith('2.jpg')")["key"])
    for among in (vicp.PhotoFilter(camera="pond"), vicp.PhotoFilter(since="2025-04-03")):
        (found,) = known.identify(photos, among=among)
        assert {each.key for each in found.candidates} < keys
    (days,) = known.identify(photos, among=vicp.PhotoFilter(since="2025-04-01", until="2025-04-02", camera="gate"))
    assert not keys & {each.key for each in days.candidates}
    (nobody,) = known.identify(photos, among=vicp.PhotoFilter(camera="barn"))
    assert (nobody.verdict, nobody.sentence, nobody.candidates) == (None, NOBODY_LEFT, ())
    with pytest.raises(ConfigError, match="'May' is no day: write it as 2025-04-01"):
        vicp.PhotoFilter(since="May")


def test_cameras_come_out_again_and_go_with_their_photos(known: Gallery, tmp_path: Path) -> None:
    assert known.export(tmp_path / "facts.csv") == 24
    frame = open_photos(tmp_path / "facts.csv").frame
    assert sorted(frame["camera"]) == ["gate"] * 16 + ["pond"] * 8
    known.remove_photos([known.photos()["key"][0]])
    assert len(known.snapshot.read("cameras")) == 23
    known.undo()
    assert len(known.snapshot.read("cameras")) == 24


def test_photos_in_memory_are_asked_together(known: Gallery, tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(photo_bytes(0, shot=5)))
    found = only(known, [image, np.asarray(Image.open(io.BytesIO(photo_bytes(0, shot=6))))])
    assert found.candidates[0].identity == "ada"


def test_photos_of_a_table_and_files_are_one_question(known: Gallery, tmp_path: Path) -> None:
    in_memory = PhotoTable(
        query_tables(burst(tmp_path, 1, 7, 1), skip_bad=False)[0].frame.assign(image=[photo_bytes(1, shot=7)]), None
    )
    found = only(known, [in_memory, *burst(tmp_path, 1, 8, 1)])
    assert found.candidates[0].identity == "ben"
    assert found.sentence.endswith("from 2 photos of 2 moments")
