"""Killed at any moment, an enrolment goes on: no photo lost, none twice, and readers never see half of a step."""

import multiprocessing
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS
from tests.helpers.killing import kill_after

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.sources import open_photos
from vicp.errors import GalleryError
from vicp.gallery.categories import add_categories, find_category
from vicp.gallery.contents import embedded_photos, photos
from vicp.gallery.enrollment.enroll import enroll_photos
from vicp.gallery.enrollment.reindex import reindex_categories
from vicp.gallery.gallery import Gallery
from vicp.gallery.store.database import change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import IDENTITIES, ORIGINALS
from vicp.runtime.photo_encoder import encoder_of

KILLS, SHOTS, STEP = 20, 40, 4


def enroll_slowly(uri: str, folder: str, started: str) -> None:
    """What is killed: a process of its own that enrolls, in small steps."""
    from vicp.adapt.load import load_model

    encoder = encoder_of(replace(load_model("tiny"), batch_size=STEP))  # a step ends with a batch
    table = open_photos(folder, category="shoe")
    Path(started).touch()
    with change(uri, "enroll", author="ann") as writer:
        enroll_photos(writer, encoder, table, step=STEP)


def reindex_slowly(uri: str, folder: str, started: str) -> None:
    from vicp.adapt.load import load_model

    embedder = replace(load_model("tiny"), batch_size=STEP)
    Path(started).touch()
    with change(uri, "reindex", author="ann") as writer:
        reindex_categories(writer, encoder_of(embedder), {"shoe": None}, step=STEP)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many") / "shoes"
    for number, (name, colour) in enumerate(COLOURS.items()):
        for shot in range(SHOTS):
            write_photo(root / name / f"{shot}.jpg", colour, seed=1000 * number + shot)
    return root


def check_whole(snapshot: Snapshot, at_least: set[str]) -> set[str]:
    """Asserts that the tables of a state agree, and that nothing seen before is gone; returns the photos' keys."""
    frame = photos(snapshot)
    keys = list(frame["key"])
    assert len(keys) == len(set(keys)), "a photo is there twice"
    assert at_least <= set(keys), "a photo is lost"
    numbers = frame["number"].tolist()
    prompted = find_category(snapshot, "shoe")
    tables = [ORIGINALS, *([prompted.table] if prompted.table in snapshot.tables else [])]
    for table in tables:
        assert sorted(snapshot.read(table, ["number"])["number"].to_pylist()) == numbers, table
    known = set(snapshot.read(IDENTITIES, ["identity"])["identity"].to_pylist())
    assert set(frame["identity"]) <= known
    return set(keys)


def test_killed_twenty_times(
    fork: multiprocessing.context.ForkServerContext, embedder: Embedder, many: Path, tmp_path: Path
) -> None:
    uri = str(tmp_path / "gallery")
    gallery = Gallery.create(uri, embedder)
    with change(uri, "categories", author="ann") as writer:
        add_categories(writer, encoder_of(embedder), {"shoe": None})
    rng = random.Random(0)
    seen: set[str] = set()
    killed, growing = 0, 0
    total = len(COLOURS) * SHOTS
    window = 0.25  # seconds; as long as a few steps take on this machine today
    while killed < KILLS:
        started = tmp_path / f"started-{killed}"
        process = fork.Process(target=enroll_slowly, args=(uri, str(many), str(started)))
        process.start()
        killed += kill_after(process, started, rng.uniform(0, window))
        now = check_whole(gallery.snapshot, seen)
        growing += now > seen
        due = (total - len(seen)) / (KILLS - killed + 3)  # to be not quite done at the last kill
        window *= min(1.3, max(0.3, due / max(len(now) - len(seen), 1)))
        seen = now
        assert len(seen) < total or killed >= KILLS - 3, "it was done too early for the test to mean anything"
    assert growing >= 5, "most kills came before anything was written"
    table = open_photos(many, category="shoe")
    done = gallery.enroll(table)
    assert (done.added, done.known) == (total - len(seen), len(seen))
    snapshot = gallery.snapshot
    assert len(check_whole(snapshot, seen)) == total
    _, expected = encoder_of(embedder).embed(table)
    found = embedded_photos(snapshot, find_category(snapshot, "shoe"))
    by_source = dict(zip(found.frame["source"], found.embeddings, strict=True))
    for path, row in zip(table.frame["path"], expected, strict=True):
        np.testing.assert_allclose(by_source[(many / path).as_posix()], row, atol=1e-5)


def test_a_killed_reindex_goes_on(
    fork: multiprocessing.context.ForkServerContext, embedder: Embedder, gallery: Gallery, tmp_path: Path
) -> None:
    before = gallery.categories()["shoe"]
    for attempt in range(3):
        started = tmp_path / f"started-{attempt}"
        process = fork.Process(target=reindex_slowly, args=(gallery.uri, "", str(started)))
        process.start()
        kill_after(process, started, 0.06)
    done = gallery.reindex(without_prompt=["shoe"])
    after = gallery.categories()["shoe"]
    assert before.space != after.space
    assert sum(done.embedded.values()) + sum(done.embedded_before.values()) in (0, 12), (
        "0 if a killed run was just done"
    )
    assert len(check_whole(gallery.snapshot, set())) == 12
    assert len(embedded_photos(gallery.snapshot, after).frame) == 12


def create_slowly(uri: str, prompt: str, started: str) -> None:
    from vicp.adapt.load import load_model
    from vicp.adapt.prompt import Prompt

    embedder, taught = load_model("tiny"), Prompt.load(prompt)
    Path(started).touch()
    Gallery.create(uri, embedder, [taught], author="ann")


def test_a_killed_creation_leaves_a_whole_gallery_or_none(
    fork: multiprocessing.context.ForkServerContext, embedder: Embedder, shoe_prompts: list[Prompt], tmp_path: Path
) -> None:
    shoe_prompts[0].save(tmp_path / "shoe.prompt.safetensors")
    rng, made, none = random.Random(1), 0, 0
    for number in range(8):
        uri, started = str(tmp_path / f"gallery-{number}"), tmp_path / f"started-{number}"
        process = fork.Process(
            target=create_slowly, args=(uri, str(tmp_path / "shoe.prompt.safetensors"), str(started))
        )
        process.start()
        kill_after(process, started, rng.uniform(0, 0.3))
        try:
            gallery = Gallery.open(uri)
            made += 1
        except GalleryError:
            gallery = Gallery.create(uri, embedder, shoe_prompts[:1])
            none += 1
        assert set(gallery.categories()) == {"shoe"}
    assert made + none == 8
