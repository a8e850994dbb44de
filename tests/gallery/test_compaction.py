"""Compaction frees what no undo needs, whatever reads meanwhile and whenever it is killed."""

import json
import multiprocessing
import random
from datetime import timedelta
from pathlib import Path

import pytest
from tests.helpers.killing import kill_after
from typer.testing import CliRunner

from vicp.cli import app
from vicp.errors import ConfigError, GalleryError
from vicp.gallery.gallery import Gallery
from vicp.gallery.store import compaction
from vicp.gallery.store.compaction import compact
from vicp.gallery.store.database import change
from vicp.gallery.store.snapshot import Snapshot

RENAMES, DEPTH = 24, 3


def files_of(gallery: Gallery) -> dict[str, int]:
    """How many files each table has."""
    folders = (folder for folder in Path(gallery.uri).iterdir() if folder.is_dir())
    return {folder.stem: sum(file.is_file() for file in folder.rglob("*")) for folder in folders}


def rows_of(snapshot: Snapshot) -> dict[str, list[str]]:
    """All that is shown."""
    return {table: sorted(map(str, snapshot.read(table).to_pylist())) for table in snapshot.tables}


def rename_often(gallery: Gallery, times: int) -> None:
    for number in range(times):
        gallery.rename("red" if number == 0 else f"red-{number - 1}", f"red-{number}")


def compact_for_ever(uri: str, started: str) -> None:
    """What is killed: one compaction after the other, with something to join in each."""
    Path(started).touch()
    while True:
        with change(uri, "compact", author="ann") as writer:
            compact(writer, undo_depth=DEPTH, readers=timedelta(0), many_files=2)
        Gallery.open(uri, author="ann").label_unsure([("red/0.jpg", "blue/0.jpg")])


def test_what_is_freed_and_what_stays(gallery: Gallery) -> None:
    rename_often(gallery, RENAMES)
    reader, before, shown = gallery.snapshot, files_of(gallery), rows_of(gallery.snapshot)
    first = gallery.compact(undo_depth=DEPTH)
    assert rows_of(reader) == shown, "a reader that opened it before reads on"
    assert rows_of(gallery.snapshot) == shown
    assert first.kept_for_readers >= RENAMES - DEPTH, "they are of the last ten minutes"
    with change(gallery.uri, "compact", author="ann") as writer:
        second = compact(writer, undo_depth=DEPTH, readers=timedelta(0), many_files=2)
    after = files_of(gallery)
    assert second.removed >= RENAMES - DEPTH
    assert (second.files, second.kept_for_readers) == (sum(after.values()) + 2, 0), "two files are of the lock"
    assert after["photos"] < before["photos"] / 4
    assert after["journal"] < before["journal"] / 4
    assert sum(after.values()) < sum(before.values()) / 2
    assert rows_of(gallery.snapshot) == shown
    assert len(gallery.log()) == RENAMES + 2, "no operation of its own"
    assert [entry.versions == {} for entry in gallery.log()] == [True] * (RENAMES + 1 - DEPTH) + [False] * (DEPTH + 1)

    names = [f"red-{number}" for number in range(RENAMES)]
    for undone in range(1, DEPTH + 1):
        gallery.undo()
        assert names[-1 - undone] in set(gallery.photos()["identity"])
    with pytest.raises(GalleryError, match="compaction has removed that state"):
        gallery.undo()
    with pytest.raises(GalleryError, match="operation 2 cannot be brought back"):
        gallery.restore(2)
    gallery.restore(RENAMES + 2)
    assert rows_of(gallery.snapshot) == shown
    assert gallery.rename(names[-1], "red").command == "rename"


def test_killed_in_the_middle(
    fork: multiprocessing.context.ForkServerContext, gallery: Gallery, tmp_path: Path
) -> None:
    rename_often(gallery, 8)
    rng, shown = random.Random(0), gallery.photos()
    for attempt in range(4):
        started = tmp_path / f"started-{attempt}"
        process = fork.Process(target=compact_for_ever, args=(gallery.uri, str(started)))
        process.start()
        assert kill_after(process, started, rng.uniform(0.02, 0.5))
        assert gallery.photos().equals(shown)
    removed = [entry.versions == {} for entry in gallery.log()]
    assert any(removed), "no kill came after a state was struck out"
    gallery.compact(undo_depth=DEPTH)
    for table in ("photos", "identities", "originals"):
        assert len(gallery.snapshot.read(table)) in (len(shown), 4 + 8)
    gallery.restore(next(entry.operation for entry in gallery.log() if entry.versions))
    assert len(gallery.photos()) == len(shown)


def test_writing_compacts_by_itself(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "READERS", timedelta(0))
    monkeypatch.setattr(compaction, "UNDO_DEPTH", DEPTH)
    monkeypatch.setattr(compaction, "_STEPS_BETWEEN", 8)
    most = 0
    for number in range(30):
        gallery.set_aside([f"red/{number % 2}.jpg"])
        most = max(most, sum(bool(entry.versions) for entry in gallery.log()))
    assert most <= DEPTH + 1 + 8
    assert len(gallery.log()) == 32


def test_the_command(gallery: Gallery) -> None:
    gallery.rename("red", "rot")
    said = CliRunner().invoke(app, ["gallery", "compact", gallery.uri, "--undo-depth", "1", "--json"])
    assert said.exit_code == 0, said.output
    facts = json.loads(said.output)
    assert facts["undo_depth"] == 1
    assert facts["megabytes"] == pytest.approx(facts["megabytes_before"], rel=0.5)
    by_default = CliRunner().invoke(app, ["gallery", "compact", gallery.uri])
    assert f"{compaction.UNDO_DEPTH:,} changes can be undone at most" in " ".join(by_default.output.split())
    with pytest.raises(ConfigError, match="expected 0 or more"):
        gallery.compact(undo_depth=-1)
