"""What a checkpoint was trained on goes with it, and an evaluation does not look those individuals up."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import write_photo
from tiny_runs import tiny_baseline

from benchmarks.checkpoint.training_identities import main as write_identities
from vicp.adapt.checkpoints import training_identities
from vicp.config import DataConfig
from vicp.data.photo_check import photo_hashes
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.training_identities import NAME, TrainingIdentities
from vicp.errors import ConfigError, DataError, WeightsError
from vicp.evaluation.report.evaluation import EvaluationReport
from vicp.evaluation.run import evaluate
from vicp.train.episodes.split import split_photos
from vicp.train.loop import train

SETTINGS = {"protocol": "disjoint", "pairs": 4, "support_draws": 1, "adapt": ("null",), "diagnose": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen cats of three photos."""
    root = tmp_path_factory.mktemp("photos") / "cats"
    for cat in range(16):
        colour = tuple(int(value) for value in np.random.default_rng(cat).integers(0, 255, 3))
        for shot in range(3):
            write_photo(root / f"cat{cat:02d}" / f"{shot}.jpg", colour, seed=100 * cat + shot)  # type: ignore[arg-type]
    return root


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A checkpoint trained on half of the cats, and their names."""
    config = tiny_baseline(tmp_path_factory.mktemp("run") / "run", joint_steps=1)
    episodes = dataclasses.replace(config.episodes, identities=2, photos=4, validation_episodes=1, validation_pairs=2)
    data = DataConfig(photos=str(folder), validate_on="identities")
    best = train(dataclasses.replace(config, data=data, episodes=episodes))
    table, _ = split_photos(data, size=32, seed=config.seed)
    return best, set(table.frame["identity"])


def run(best: Path, photos: Path | PhotoTable, **settings: object) -> EvaluationReport:
    return evaluate([str(best)], photos, **{**SETTINGS, **settings})  # type: ignore[arg-type]


def looked_up(report: EvaluationReport) -> int:
    (row,) = (row for row in report.rows if not row.category.startswith("mean") and row.adaptation == "null")
    return row.num_identities


def test_the_checkpoint_carries_hashes_of_what_it_was_trained_on(trained: tuple[Path, set[str]], folder: Path) -> None:
    best, names = trained
    known = TrainingIdentities.load(best)
    assert known is not None
    assert (len(names), len(known.identities), len(known.photos)) == (8, 8, 24)
    assert (best / NAME).stat().st_size < 600, "8 bytes for an individual and for a photo"
    table = open_photos(folder)
    rows = known.rows_in(table, photo_hashes(table))
    assert set(table.frame["identity"][rows]) == names


def test_trained_individuals_are_not_looked_up_and_it_is_said(trained: tuple[Path, set[str]], folder: Path) -> None:
    best, _ = trained
    every, rest = run(best, folder, keep_trained=True), run(best, folder)
    num_left_out = looked_up(every) - looked_up(rest)
    assert 0 < num_left_out < looked_up(every)
    assert not any("trained" in reason for reason in every.skipped)
    (reason,) = (reason for reason in rest.skipped if "trained" in reason)
    noun = "individual is" if num_left_out == 1 else "individuals are"
    (category,) = open_photos(folder).categories
    assert reason == (
        f"{category}: {num_left_out} {noun} not looked up, for a checkpoint was trained on them "
        "(--keep-trained keeps them)."
    )


def test_renamed_individuals_are_known_by_their_photos(
    trained: tuple[Path, set[str]], folder: Path, tmp_path: Path
) -> None:
    best, _ = trained
    for cat in sorted(folder.iterdir()):
        shutil.copytree(cat, tmp_path / "cats" / f"other{cat.name[3:]}")
    assert looked_up(run(best, tmp_path / "cats")) == looked_up(run(best, folder))


def test_nothing_left_is_refused(trained: tuple[Path, set[str]], folder: Path) -> None:
    best, names = trained
    table = open_photos(folder)
    own = table.select(table.frame["identity"].isin(names).to_numpy(dtype=bool))
    with pytest.raises(DataError, match="a checkpoint was trained on every individual that would be looked up"):
        run(best, own)
    assert looked_up(run(best, own, keep_trained=True)) == 4


def test_a_run_that_goes_on_from_a_checkpoint_knows_both(trained: tuple[Path, set[str]], tmp_path: Path) -> None:
    best, _ = trained
    start = TrainingIdentities.load(best)
    assert start is not None
    other = TrainingIdentities(np.array([1], dtype=np.uint64), np.array([2], dtype=np.uint64))
    joined = start.joined(other)
    joined.save(tmp_path)
    found = TrainingIdentities.load(tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found.identities, joined.identities)
    assert (len(found.identities), len(found.photos)) == (9, 25)


def test_the_packaged_checkpoint_knows_the_labelled_sets_that_it_learned_from() -> None:
    known = training_identities("mini")
    assert known is not None
    frame = pd.DataFrame({"row": [1, 2], "path": ["a", "b"], "category": "dog", "identity": ["dog10", "Rex"]})
    rows = known.rows_in(PhotoTable(frame, None), np.zeros(2, dtype=np.uint64))
    assert rows.tolist() == [True, False], "dog10 of dogs_street"


def test_sets_under_their_published_names_are_laid_beside_a_checkpoint(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_identities([str(folder), "--model", str(tmp_path)])
    assert "16 individuals, 48 photos" in capsys.readouterr().out
    known = TrainingIdentities.load(tmp_path)
    table = open_photos(folder)
    assert known is not None
    assert known.rows_in(table, photo_hashes(table)).all()
    with pytest.raises(ConfigError, match="no such folder; --model is that of a checkpoint"):
        write_identities([str(folder), "--model", "mini"])


def test_photos_whose_folders_are_named_keep_their_name(trained: tuple[Path, set[str]], folder: Path) -> None:
    best, _ = trained
    assert run(best, folder, folders="identity").source == folder.name
    with pytest.raises(ConfigError, match="columns, folders and boxes say how to read a table or folder"):
        run(best, open_photos(folder), folders="identity")


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    assert TrainingIdentities.load(tmp_path) is None
    (tmp_path / NAME).write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="damaged"):
        TrainingIdentities.load(tmp_path)
