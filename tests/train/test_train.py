import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from vicp.config import EpisodeConfig, PretrainConfig, RunConfig, TrainConfig, dump_config
from vicp.errors import ConfigError, DataError, WeightsError
from vicp.losses.objective import Objective
from vicp.model.build import PRESETS, build_model
from vicp.model.vicp import VICP
from vicp.train.loop import start_model, train
from vicp.train.pretrain import pretrain, two_view_loss
from vicp.train.step import Trainee, joint_step, warmup_step
from vicp.train.validate import check_context
from vicp.train.world import draw_batch, make_world


def tiny_run(out: Path, **train_settings: object) -> RunConfig:
    return RunConfig(
        model=PRESETS["tiny"],
        episodes=EpisodeConfig(
            num_silhouettes=2,
            photos_per_silhouette=64,
            values_per_factor=2,
            contexts=3,
            joint_contexts=2,
            pairs=(0, 4),
            query_pairs=8,
            identities=2,
            photos=8,
            validation_silhouettes=1,
            validation_episodes=4,
        ),
        pretrain=PretrainConfig(teacher_steps=3, num_steps=6, batch_size=8, num_silhouettes=4),
        train=dataclasses.replace(
            TrainConfig(
                warmup_steps=3, joint_steps=3, pair_weight=1.0, agreement_weight=1.0, log_every=1, save_every=2
            ),
            **train_settings,
        ),
        out=str(out),
    )


def losses(out: Path, log: str = "train.jsonl") -> dict[int, float]:
    rows = [json.loads(line) for line in (out / log).read_text().splitlines()]
    return {row["step"]: row["total"] for row in rows if "total" in row}


def test_training_saves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    folder = train(tiny_run(tmp_path))
    model = VICP.from_pretrained(folder)
    assert model.config == PRESETS["tiny"]
    started = start_model(tiny_run(tmp_path))
    assert model.fingerprint != started.fingerprint
    for name, parameter in started.backbone.named_parameters():
        assert torch.equal(parameter, model.backbone.get_parameter(name)), "the backbone stays frozen"


def test_same_seed_same_losses(tmp_path: Path) -> None:
    train(tiny_run(tmp_path / "a"))
    train(tiny_run(tmp_path / "b"))
    assert losses(tmp_path / "a") == losses(tmp_path / "b")


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = VICP.from_pretrained(train(tiny_run(tmp_path / "whole")))
    config = tiny_run(tmp_path / "killed")
    dump_config(config, tmp_path / "run.yaml")
    command = [sys.executable, "-m", "vicp", "train", "--resume", "--config", str(tmp_path / "run.yaml")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / "train.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / "killed" / "train.pt").exists()
    resumed = VICP.from_pretrained(train(config, resume=True))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_resuming_with_other_settings_is_refused(tmp_path: Path) -> None:
    train(tiny_run(tmp_path))
    with pytest.raises(ConfigError, match=r"another train\.margin;"):
        train(tiny_run(tmp_path, margin=0.3), resume=True)


def test_contexts_too_long_for_the_llm_are_refused_at_once(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    config = dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, pairs=(4, 900)))
    with pytest.raises(ConfigError, match=r"episodes\.pairs: 900 pairs.*takes 204"):
        train(config)


def test_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    (tmp_path / "train.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match=r"train\.pt.*cannot resume"):
        train(tiny_run(tmp_path), resume=True)


def test_training_learns_the_held_out_pairs(tmp_path: Path) -> None:
    """The warm-up's losses fall by a third on a world of two rules small enough for the tiny model."""
    config = tiny_run(tmp_path)
    model = start_model(config)
    world = make_world(model, config, "seen", 2)
    objective = Objective(alignment=0.0, pair=1.0, agreement=1.0)
    trainee = Trainee(model)
    optimizer = torch.optim.AdamW([p for p in trainee.parameters() if p.requires_grad], lr=3e-3)
    episodes = draw_batch(world, config.episodes, 4, 3, 0, "fixed")
    first = None
    for _ in range(40):
        terms = warmup_step(trainee, world, episodes, objective)
        first = first or terms.total.item()
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
    assert terms.total.item() < 0.67 * first


def test_joint_step_reaches_every_trained_part(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    model = start_model(config)
    world = make_world(model, config, "seen", 2)
    episodes = draw_batch(world, config.episodes, 4, 2, 0, "joint")
    objective = Objective(pair=1.0, agreement=1.0)
    terms = joint_step(Trainee(model), world, episodes, objective, margin=0.1, mining="batch_all")
    assert all(term is not None and term.isfinite() for term in vars(terms).values())
    terms.identity.backward()
    for part in (model.head, model.reasoner, model.connector, model.comparison):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in model.backbone.parameters())


def test_context_check_tells_a_static_model(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    model = build_model(PRESETS["tiny"]).eval()
    world = make_world(model, config, "choice", 1)
    exam = draw_batch(world, config.episodes, 4, 4, 0, "exam")
    assert check_context(model, world.tokens, exam).spread > 0.01
    with torch.no_grad():
        model.head.out.weight.zero_()
    assert check_context(model, world.tokens, exam).spread == pytest.approx(0, abs=1e-6)


def test_pretraining_makes_a_backbone_that_training_starts_from(tmp_path: Path) -> None:
    config = tiny_run(tmp_path / "backbone")
    folder = pretrain(config)
    assert len(losses_of(tmp_path / "backbone" / "pretrain.jsonl")) == 6
    started = start_model(tiny_run(tmp_path / "run", backbone=str(folder)))
    fresh = start_model(tiny_run(tmp_path / "run"))
    name = "vit.encoder.layer.0.attention.q_proj.weight"
    names = dict(started.backbone.named_parameters())
    name = name if name in names else next(n for n in names if n.endswith("weight") and "layer.0" in n)
    assert not torch.equal(names[name], dict(fresh.backbone.named_parameters())[name])


def losses_of(log: Path) -> list[float]:
    return [json.loads(line)["factors"] for line in log.read_text().splitlines()]


def test_missing_backbone_and_photos_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"train\.backbone.*vicp pretrain"):
        train(tiny_run(tmp_path, backbone=str(tmp_path / "none")))
    config = tiny_run(tmp_path)
    config = dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, photos="none.parquet"))
    with pytest.raises(DataError, match=r"pretrain\.photos"):
        pretrain(config)


def test_two_view_loss_by_hand() -> None:
    views = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    expected = torch.log(torch.exp(torch.tensor(1.0)) + 2) - 1  # partner at cosine 1, two strangers at 0
    torch.testing.assert_close(two_view_loss(views, 1.0), expected)
