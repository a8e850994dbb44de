"""Runs that are killed, stopped, or out of disk lose nothing."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.helpers.killing import wait_for_step
from tiny_runs import checks, losses, tiny_baseline, tiny_photo_run, tiny_run

from vicp.config import RunConfig
from vicp.config_files import dump_config, load_config
from vicp.errors import ConfigError, TrainingError, WeightsError
from vicp.train.episodes.batch import Batch
from vicp.train.loop import train
from vicp.train.run import Run, start_run
from vicp.train.signals import StopRequest
from vicp.train.state import Checkpoint, TrainState, append_log, check_same_settings, start_log, without_lost_best


def start(config: RunConfig, settings: Path) -> subprocess.Popen[str]:
    """`vicp train --resume` in a process of its own."""
    dump_config(config, settings)
    command = [sys.executable, "-m", "vicp", "train", "--resume", "--config", str(settings)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("make", [tiny_run, tiny_photo_run])
def test_a_run_killed_again_and_again_ends_in_the_same_bits(tmp_path: Path, make) -> None:
    settings = {"warmup_steps": 2, "joint_steps": 10, "save_every": 3, "accumulate": 2}
    whole = train(make(tmp_path / "whole", **settings)).parent / "last"
    config = make(tmp_path / "killed", **settings)
    log = tmp_path / "killed" / "train.jsonl"
    luck = random.Random(0)
    for step in (1, 5, 8):
        process = start(config, tmp_path / "run.yaml")
        wait_for_step(process, log, step)
        time.sleep(luck.random() * 0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    train(config, resume=True)
    expected = load_file(whole / "model.safetensors")
    found = load_file(tmp_path / "killed" / "last" / "model.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    whole_losses = {step: row["total"] for step, row in losses(tmp_path / "whole").items()}
    assert {step: row["total"] for step, row in losses(tmp_path / "killed").items()} == whole_losses


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    config = tiny_run(tmp_path / "run", joint_steps=4000, save_every=4000)
    process = start(config, tmp_path / "run.yaml")
    wait_for_step(process, tmp_path / "run" / "train.jsonl", 2)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"error: {number.name} stopped the run after step ")
    assert "--resume" in last
    saved = torch.load(tmp_path / "run" / "train.pt", weights_only=True)
    assert f"after step {saved['step']} of 4003" in last
    assert saved["step"] < 4003
    assert set(checks(tmp_path / "run")) == {0}, "a validation could take longer than a cluster waits"


def test_one_signal_twice_is_one_and_a_later_one_stops_at_once() -> None:
    stop = StopRequest()
    for _ in range(2):
        stop.ask(signal.SIGINT, None)
    assert stop.by == "SIGINT"
    stop._since -= 3
    with pytest.raises(KeyboardInterrupt):
        stop.ask(signal.SIGINT, None)


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    train(config)
    before = (tmp_path / "train.pt").read_bytes()
    with pytest.raises(ConfigError, match=r"holds a run already .*give --resume"):
        train(config)
    assert (tmp_path / "train.pt").read_bytes() == before
    train(config, resume=True)
    (tmp_path / "train.pt").unlink()
    with pytest.raises(ConfigError, match="holds a run already"):
        train(config)
    with pytest.raises(ConfigError, match=r"holds (best and )?last but no train\.pt to go on from"):
        train(config, resume=True)
    assert (tmp_path / "last").exists()


def test_a_best_model_that_is_gone_is_looked_for_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert without_lost_best(TrainState(9, best=3.0, stale=4), tmp_path) == TrainState(9)
    assert "best is gone, so it is looked for anew from step 9 on" in caplog.text
    (tmp_path / "best").mkdir()
    assert without_lost_best(TrainState(9, best=3.0, stale=4), tmp_path) == TrainState(9, best=3.0, stale=4)


def test_curves_go_on_where_the_checkpoint_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, take_step = tiny_baseline(tmp_path, joint_steps=6, trackers=("tensorboard",)), Run.take_step

    def killed(run: Run, step: int, *batches: Sequence[Batch], **since: float) -> dict[str, float]:
        if step == 5:
            raise KeyboardInterrupt
        return take_step(run, step, *batches, **since)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "take_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    train(config, resume=True)
    curves = EventAccumulator(str(tmp_path / "curves" / "vicp")).Reload()
    assert [event.step for event in curves.Scalars("total")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in curves.Scalars("map")] == [0, 2, 4, 6]


def test_what_decides_nothing_may_change_on_resume(tmp_path: Path) -> None:
    config = tiny_photo_run(tmp_path, joint_steps=1)
    dump_config(config, tmp_path / "train.yaml")
    other = dataclasses.replace(config.data, keep_features=False, threads=7)
    check_same_settings(dataclasses.replace(config, data=other, out="moved"), tmp_path / "train.yaml")
    other = dataclasses.replace(other, flip=False)
    with pytest.raises(ConfigError, match=r"another data\.flip; "):
        check_same_settings(dataclasses.replace(config, data=other), tmp_path / "train.yaml")


def test_gradients_that_are_not_finite_never_reach_the_weights(tmp_path: Path) -> None:
    run = start_run(tiny_baseline(tmp_path))
    weight = next(p for p in run.method.module.parameters() if p.requires_grad)
    weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weight.detach().clone()
    with pytest.raises(TrainingError, match=r"the gradient of step 1 is (nan|inf)"):
        run.take_step(0, run.method.sample(0))
    assert torch.equal(weight, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True).returncode
    ):
        pytest.skip("this user cannot mount a small disk to fill")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_leaves_the_last_good_checkpoint(small_disk: Path) -> None:
    module = torch.nn.Linear(200, 1000)  # 0.8 MB
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    checkpoint = Checkpoint(small_disk / "train.pt")
    checkpoint.save(module, optimizer, TrainState(1))
    good = module.weight.detach().clone()
    (small_disk / "filler").write_bytes(b"x" * 1_800_000)
    with torch.no_grad():
        module.weight.add_(1)
    with pytest.raises(WeightsError, match=r"train\.pt: cannot write.*last good one is still there.*--resume"):
        checkpoint.save(module, optimizer, TrainState(2))
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "train.pt"]
    assert checkpoint.load(module, optimizer) == TrainState(1)
    assert torch.equal(module.weight, good)


def test_a_full_disk_leaves_the_settings(small_disk: Path) -> None:
    config = tiny_run(small_disk)
    dump_config(config, small_disk / "train.yaml")
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(b"x" * 4_000_000)
    with pytest.raises(ConfigError, match=r"train\.yaml: cannot write the settings"):
        dump_config(dataclasses.replace(config, seed=5), small_disk / "train.yaml")
    assert load_config(RunConfig, small_disk / "train.yaml") == config


def test_frozen_weights_stay_out_of_the_checkpoint(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2).requires_grad_(False), torch.nn.Linear(2, 2))
    optimizer = torch.optim.SGD(module[1].parameters(), lr=0.1)
    Checkpoint(tmp_path / "a.pt").save(module, optimizer, TrainState(3, best=1.5, stale=2))
    assert set(torch.load(tmp_path / "a.pt", weights_only=True)["module"]) == {"1.weight", "1.bias"}
    assert Checkpoint(tmp_path / "a.pt").load(module, optimizer) == TrainState(3, 1.5, 2)
    with pytest.raises(WeightsError, match=r"other tensors than this model's: 1\.bias"):
        Checkpoint(tmp_path / "a.pt").load(torch.nn.Sequential(module[0], torch.nn.Linear(2, 2, bias=False)), optimizer)


def test_standing_counts_validations_that_are_no_better() -> None:
    state = TrainState()
    for step, (score, expected) in enumerate(
        [(float("nan"), (None, 0)), (3.0, (3.0, 0)), (2.0, (3.0, 1)), (3.0, (3.0, 2)), (4.0, (4.0, 0))]
    ):
        state = state.after(step, score)
        assert (state.step, state.best, state.stale) == (step, *expected)


def test_early_stop(tmp_path: Path) -> None:
    config = tiny_run(tmp_path, learning_rate=0.0, warmup_steps=1, joint_steps=40, save_every=1, patience=2)
    train(config)
    assert max(losses(tmp_path)) == 4  # one of the warm-up, the first ranked, two that are no better
    train(config, resume=True)
    assert max(losses(tmp_path)) == 4, "it was over"


def test_a_log_goes_on_where_the_checkpoint_does(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    for step in (1, 2, 3):
        append_log(log, {"step": step, "total": step / 3})
    log.write_text(log.read_text() + '{"step": 4, "tot')  # killed while it wrote
    start_log(log, 2)
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        {"step": 1, "total": 0.333333},
        {"step": 2, "total": 0.666667},
    ]
    start_log(log, 0)
    assert log.read_text() == ""
