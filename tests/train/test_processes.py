"""Two real processes (gloo) do what one does, and the run ends when one of them dies."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, save_language_model
from tiny_runs import checks, losses, tiny_baseline, tiny_photo_run, tiny_run
from transformers import LlamaForCausalLM

from vicp.config import PartConfig, RunConfig
from vicp.config_files import dump_config
from vicp.errors import ConfigError, StoppedError, TrainingError
from vicp.train.episodes.batch import Shard
from vicp.train.launch import launch
from vicp.train.loop import train

TOLERANCE = 1e-4  # of a loss: sums over two halves round otherwise than over the whole


@pytest.mark.parametrize("make", [tiny_photo_run, tiny_baseline])
def test_two_processes_have_the_losses_of_one(tmp_path: Path, make) -> None:
    settings = {"accumulate": 2, "align_weight": 0.1} if make is tiny_photo_run else {"loss": "supcon"}
    train(make(tmp_path / "one", **settings))
    launch(make(tmp_path / "two", **settings), num_processes=2)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys()
    for step, row in one.items():
        for name in row.keys() - {"s/step", "img/s"}:
            assert two[step][name] == pytest.approx(row[name], abs=TOLERANCE), (step, name)
    last = max(checks(tmp_path / "one"))
    own = "own" if make is tiny_photo_run else "map"
    assert checks(tmp_path / "two")[last][own] == pytest.approx(checks(tmp_path / "one")[last][own], abs=0.5)


def test_a_split_llm_gives_the_losses_of_a_whole_one(tmp_path: Path) -> None:
    llm = LlamaForCausalLM(LANGUAGE_CONFIGS["llama"]())
    source = str(save_language_model(llm, tmp_path / "llm"))
    config = tiny_photo_run(tmp_path / "one")
    config = dataclasses.replace(
        config, model=dataclasses.replace(config.model, reasoner=PartConfig(source=source), freeze_reasoner=True)
    )
    train(config)
    split = dataclasses.replace(config.train, shard_llm=True)
    launch(dataclasses.replace(config, train=split, out=str(tmp_path / "two")), num_processes=2)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(two[step]["total"] == pytest.approx(one[step]["total"], abs=TOLERANCE) for step in one)
    with pytest.raises(ConfigError, match=r"train\.shard_llm: there is nothing to split in one process"):
        train(dataclasses.replace(config, train=split, out=str(tmp_path / "alone")))


def test_shards_share_a_batch_without_overlap() -> None:
    rows = torch.arange(12)
    parts = [Shard(rank, 3).of(rows).tolist() for rank in range(3)]
    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_photos_must_divide_among_processes(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"^episodes\.photos: 8 photos do not divide among 3 processes; give a multiple of 3$"
    ):
        launch(tiny_photo_run(tmp_path), num_processes=3)
    with pytest.raises(ConfigError, match="--processes 0"):
        launch(tiny_photo_run(tmp_path), num_processes=0)


def test_a_loss_of_weight_zero_is_logged_and_not_waited_for(tmp_path: Path) -> None:
    settings = {"agreement_weight": 0.0, "warmup_steps": 2, "joint_steps": 1}
    train(tiny_run(tmp_path / "one", **settings))
    launch(tiny_run(tmp_path / "two", **settings), num_processes=2)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys() == {1, 2, 3}
    for step, row in one.items():
        assert two[step]["agreement"] == pytest.approx(row["agreement"], abs=TOLERANCE)
        assert two[step]["total"] == pytest.approx(row["total"], abs=TOLERANCE)


def start(config: RunConfig, settings: Path) -> subprocess.Popen[str]:
    dump_config(config, settings)
    command = [sys.executable, "-m", "vicp", "train", "--processes", "2", "--config", str(settings)]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )


def wait_for(log: Path, ended: Callable[[], object]) -> None:
    deadline = time.monotonic() + 180
    while not ended() and time.monotonic() < deadline and '"total"' not in (log.read_text() if log.exists() else ""):
        time.sleep(0.05)


def test_a_process_that_dies_ends_the_run_with_a_clear_error(tmp_path: Path) -> None:
    process = start(tiny_baseline(tmp_path / "run", joint_steps=100_000, save_every=100_000), tmp_path / "run.yaml")
    wait_for(tmp_path / "run" / "train.jsonl", lambda: process.poll() is not None)
    ranks = [p for p in psutil.Process(process.pid).children() if "resource_tracker" not in " ".join(p.cmdline())]
    assert len(ranks) == 2
    os.kill(max(p.pid for p in ranks), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "died (SIGKILL), so the run ended" in said.strip().splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["the launcher", "all of them, as a terminal does"])
def test_ctrl_c_saves_in_several_processes(tmp_path: Path, send: Callable[[int, int], None]) -> None:
    process = start(tiny_baseline(tmp_path / "run", joint_steps=100_000, save_every=100_000), tmp_path / "run.yaml")
    wait_for(tmp_path / "run" / "train.jsonl", lambda: process.poll() is not None)
    send(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert said.strip().splitlines()[-1].startswith("error: SIGINT stopped the run")
    assert (tmp_path / "run" / "train.pt").exists()
    assert "Traceback" not in said


def test_a_launcher_that_is_stopped_leaves_no_thread_running(tmp_path: Path) -> None:
    def interrupt() -> None:
        wait_for(tmp_path / "run" / "train.jsonl", lambda: False)
        os.kill(os.getpid(), signal.SIGINT)

    before = set(threading.enumerate())
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(StoppedError, match=r"^SIGINT stopped the run; what was saved is in ") as stopped:
        launch(tiny_baseline(tmp_path / "run", joint_steps=100_000, save_every=100_000), num_processes=2)
    assert set(threading.enumerate()) <= before, stopped  # though the error is still held
    assert (tmp_path / "run" / "train.pt").exists()
