"""A backbone pretrained on drawn objects and natural photos; a run that is stopped or killed goes on."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_runs import tiny_run, with_natural_photos
from transformers import AutoModel

from vicp.config import RunConfig
from vicp.config_files import dump_config
from vicp.errors import ConfigError, StoppedError, TrainingError
from vicp.train.initialize import initialize_model
from vicp.train.pretraining.photos import photos_to_learn
from vicp.train.pretraining.run import pretrain
from vicp.train.pretraining.step import two_view_loss
from vicp.train.pretraining.teacher import train_teacher
from vicp.train.signals import StopRequest
from vicp.train.state import Checkpoint


def test_pretraining_makes_a_backbone_that_training_starts_from(tmp_path: Path) -> None:
    config = tiny_run(tmp_path / "backbone")
    folder = pretrain(config)
    assert len(losses_of(tmp_path / "backbone" / "pretrain.jsonl")) == 6
    started = initialize_model(tiny_run(tmp_path / "run", backbone=str(folder)))
    fresh = initialize_model(tiny_run(tmp_path / "run"))
    name = "vit.encoder.layer.0.attention.q_proj.weight"
    names = dict(started.backbone.named_parameters())
    name = name if name in names else next(n for n in names if n.endswith("weight") and "layer.0" in n)
    assert not torch.equal(names[name], dict(fresh.backbone.named_parameters())[name])


def losses_of(log: Path) -> list[float]:
    return [json.loads(line)["factors"] for line in log.read_text().splitlines()]


def test_pretraining_starts_from_a_backbone_and_learns_what_photos_wear(tmp_path: Path) -> None:
    config = with_natural_photos(tiny_run(tmp_path / "a"), tmp_path / "photos.parquet")
    first = pretrain(config)
    photos = {"photos": str(tmp_path / "photos.parquet"), "photos_per_step": 2, "dressed_per_step": 4}
    settings = dataclasses.replace(config.pretrain, num_steps=1, **photos)
    config = dataclasses.replace(config, pretrain=settings, out=str(tmp_path / "b"))
    again = dataclasses.replace(config, train=dataclasses.replace(config.train, backbone=str(first)))
    folder = pretrain(again)
    before, after = (AutoModel.from_pretrained(f).state_dict() for f in (first, folder))
    moved = max((before[name] - after[name]).abs().max().item() for name in before)
    assert 0 < moved < 0.1, "one step away from where it started"
    row = json.loads((tmp_path / "b" / "pretrain.jsonl").read_text().splitlines()[-1])
    assert 1 < row["dressed"] < 4, "about log 8"


@pytest.mark.parametrize(("key", "value"), [("num_silhouettes", 0), ("num_steps", -1), ("temperature", 0.0)])
def test_pretraining_settings_that_make_no_sense(tmp_path: Path, key: str, value: float) -> None:
    config = tiny_run(tmp_path / "a")
    config = dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, **{key: value}))
    with pytest.raises(ConfigError, match=rf"pretrain\.{key} is {value}; expected "):
        pretrain(config)
    assert not (tmp_path / "a").exists()


def test_two_view_loss_by_hand() -> None:
    views = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    expected = torch.log(torch.exp(torch.tensor(1.0)) + 2) - 1  # partner at cosine 1, two strangers at 0
    torch.testing.assert_close(two_view_loss(views, 1.0), expected)


def test_ctrl_c_saves_and_the_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    def longer(out: Path) -> RunConfig:
        config = tiny_run(out)
        train = dataclasses.replace(config.train, save_every=1000)
        return dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, num_steps=15), train=train)

    config, log = longer(tmp_path / "run"), tmp_path / "run" / "pretrain.jsonl"
    dump_config(config, tmp_path / "run.yaml")
    command = [sys.executable, "-m", "vicp", "pretrain", "--config", str(tmp_path / "run.yaml")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline and not log.exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    step = torch.load(tmp_path / "run" / "pretrain.pt", weights_only=True)["step"]
    assert 1 <= step < 15
    assert said.splitlines()[-1].startswith(f"error: SIGINT stopped the run after step {step} of 15; it is saved in ")
    found = AutoModel.from_pretrained(pretrain(config, resume=True)).state_dict()
    expected = AutoModel.from_pretrained(pretrain(longer(tmp_path / "whole"))).state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_a_teacher_that_is_stopped_goes_on_too(tmp_path: Path) -> None:
    photos, photo_tokens = photos_to_learn(tiny_run(tmp_path)), StopRequest()
    photo_tokens.ask(signal.SIGTERM, None)
    stopped, whole = Checkpoint(tmp_path / "stopped.pt"), Checkpoint(tmp_path / "whole.pt")
    with pytest.raises(StoppedError, match=r"^SIGTERM stopped the run after step 1 of 3; it is saved in "):
        train_teacher(photos, stopped, seed=0, stop=photo_tokens)
    found = train_teacher(photos, stopped, seed=0, stop=StopRequest()).state_dict()
    expected = train_teacher(photos, whole, seed=0, stop=StopRequest()).state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_a_run_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    config = tiny_run(tmp_path / "run")
    folder = pretrain(config)
    before = (tmp_path / "run" / "pretrain.pt").read_bytes()
    with pytest.raises(ConfigError, match=r"already \(teacher\.pt, pretrain\.pt, backbone\); give --resume"):
        pretrain(config)
    assert (tmp_path / "run" / "pretrain.pt").read_bytes() == before
    assert pretrain(config, resume=True) == folder


def test_a_run_that_diverges_ends_before_it_saves_what_is_no_number(tmp_path: Path) -> None:
    config = tiny_run(tmp_path / "run")
    config = dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, learning_rate=1e30))
    with pytest.raises(TrainingError, match=r"^the (loss|gradient) of step \d is (nan|inf); .*lower pretrain\."):
        pretrain(config)
    assert not (tmp_path / "run" / "backbone").exists()
    saved = tmp_path / "run" / "pretrain.pt"
    tensors = torch.load(saved, weights_only=True)["module"].values() if saved.exists() else []
    assert all(tensor.isfinite().all() for tensor in tensors)
