"""The walks: folders as people have them, commands as people type them, and what their answers are worth."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.walks import run as walks
from benchmarks.walks.commands import grouping_of, largest_difference, summarise
from benchmarks.walks.photos import Walk, write_photos
from vicp.data.procedural.world import world_photos
from vicp.errors import DataError

POTS = Walk(("pots",), "pot", known=6, photos=2, others=3)


@pytest.fixture(scope="module")
def pots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn individuals of four photos."""
    path = tmp_path_factory.mktemp("sets") / "pots.parquet"
    drawn = world_photos(num_categories=1, num_identities=10, photos_per_identity=4, size=48)
    pd.DataFrame(drawn[["path", "image", "category", "identity"]]).to_parquet(path)
    return path


def test_no_photo_is_both_known_and_asked(pots: Path, tmp_path: Path) -> None:
    photos = write_photos(POTS, {"pots": pots}, tmp_path, seed=1)
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.jpg"))
    assert len(files) == 6 * 2 + 6 * 2 + 3 * 2
    assert len({(tmp_path / file).read_bytes() for file in files}) == len(files)
    assert photos.shown["pot-006-1.jpg"] == "pot-006"
    assert photos.new == ("001-0.jpg", "002-0.jpg", "003-0.jpg")
    again = write_photos(POTS, {"pots": pots}, tmp_path / "again", seed=1)
    assert again.shown == photos.shown
    first = "known/pot-001/0.jpg"
    assert (tmp_path / "again" / first).read_bytes() == (tmp_path / first).read_bytes()


def test_frames_and_clips_are_moments(pots: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(pots)
    clips = tmp_path / "holstein2025.parquet"
    frame.assign(sequence=[f"clip{row % 4 // 2}" for row in range(len(frame))]).to_parquet(clips)
    walk = Walk(("holstein2025",), "cow", known=10, photos=4, others=0)
    photos = write_photos(walk, {"holstein2025": clips}, tmp_path / "herd", seed=0)
    clip_of = {bytes(image): row % 4 // 2 for row, image in enumerate(frame["image"])}
    for name, cow in photos.shown.items():
        asked = clip_of[(tmp_path / "herd" / "asked" / name).read_bytes()]
        known = [clip_of[file.read_bytes()] for file in (tmp_path / "herd" / "known" / cow).iterdir()]
        assert (len(known), set(known), asked) == (2, {0}, 1)


def test_the_program_writes_its_page(
    pots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(walks.WALKS, "pots", POTS)
    monkeypatch.setenv("VICP_CACHE", str(tmp_path / "cache"))
    arguments = [str(pots), "--draws", "1", "--model", "tiny", "--runs", str(tmp_path / "runs")]
    walks.main([*arguments, "--out", str(tmp_path / "walks")])
    facts, page = json.loads((tmp_path / "walks.json").read_text()), (tmp_path / "walks.md").read_text()
    row = facts["walks"]["pots"]
    assert (row["individuals"], row["photos"], row["asked"], row["asked_new"]) == (6, 12, 12, 3)
    assert row["difference"] < 1e-6
    assert 0 <= row["ece"] <= 1
    commands = [command.split()[1] for command, _ in facts["logs"]["pots"]]
    assert commands == ["teach", "identify", "verify", "verify", "cluster", "gallery", "gallery", "gallery"]
    assert "$ vicp teach known --category pot --out pot.prompt.safetensors --model tiny\nRead " in page
    assert all(len(line) <= 80 for log in facts["logs"].values() for _, answer in log for line in answer.splitlines())
    kept = list((tmp_path / "runs").iterdir())
    assert len(kept) == 1
    kept[0].write_text(kept[0].read_text().replace("Read ", "Has read "))
    walks.main([*arguments, "--out", str(tmp_path / "again")])
    assert "Has read " in (tmp_path / "again.md").read_text(), "what was done is not done again"
    with pytest.raises(DataError, match="no walk has all its sets among other"):
        walks.main([str(tmp_path / "other.parquet")])


def test_measures_by_hand() -> None:
    photos = [("a", "one", 0.9), ("b", "one", 0.9), ("c", "two", 0.6), ("d", "two", 0.6), ("e", "three", None)]
    listed = [{"source": f"{name}.jpg", "identity": group, "probability": p} for name, group, p in photos]
    shown = {"a.jpg": 1, "b.jpg": 1, "c.jpg": 2, "d.jpg": 3, "e.jpg": 3}
    found = grouping_of({"photos": listed}, shown)
    assert (found["groups"], found["pure"], found["stated"], found["grouped"]) == (2, 1, pytest.approx(1.5), 4)
    answers = [
        {"known": True, "answered": True, "first": True, "right": True, "new": False, "stated": 0.8},
        {"known": True, "answered": True, "first": True, "right": False, "new": True, "stated": 0.6},
        {"known": False, "answered": True, "first": False, "right": True, "new": True, "stated": 0.6},
        {"known": False, "answered": False, "first": False, "right": False, "new": False, "stated": None},
    ]
    row = summarise([{"individuals": 2, "photos": 4, "answers": answers, "difference": 0.0, "grouping": found}])
    assert (row["answered"], row["top1"], row["named_right"], row["called_new"]) == (0.75, 1.0, 0.5, 0.5)
    assert (row["stated"], row["right"]) == (pytest.approx(0.65), pytest.approx(0.75)), "known and new weigh the same"
    assert row["ece"] == pytest.approx(0.25 * 0.2 + 0.75 * (0.5 / 0.75 - 0.6))
    assert (row["pure"], row["stated_pure"], row["grouped"]) == (0.5, pytest.approx(0.75), 0.8)


def test_answers_that_differ() -> None:
    one = {"probability_new": 0.3, "candidates": [{"probability": 0.7}]}
    other = {"probability_new": 0.3, "candidates": [{"probability": 0.65}]}
    assert largest_difference([one, one], [one, other]) == pytest.approx(0.05)
