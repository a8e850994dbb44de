import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny_runs import losses, tiny_run

from vicp.config import RunConfig
from vicp.errors import ConfigError, DataError, WeightsError
from vicp.model.build import PRESETS, build_model
from vicp.model.vicp import VICP
from vicp.train.batch import Batch, collate
from vicp.train.ground import image_transform
from vicp.train.loop import train
from vicp.train.pretrain import pretrain, two_view_loss
from vicp.train.prompting import make_trainee, start_model
from vicp.train.validate import check_context
from vicp.train.world import World, make_world


def world_of(model: VICP, config: RunConfig, split: str, num: int) -> World:
    return make_world(
        model.backbone, config.episodes, split, num=num, transform=image_transform(config), seed=config.seed
    )


def batch_of(world: World, config: RunConfig, *, num_pairs: int, num: int, seed: str, photos: bool) -> Batch:
    episodes = [world.draw(config.episodes, num_pairs, seed, number) for number in range(num)]
    return collate(world, episodes, support=True, asked=True, photos=photos)


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
    one, other = ({step: row["total"] for step, row in losses(tmp_path / name).items()} for name in "ab")
    assert one == other
    assert len(set(one.values())) > 1


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
    config = tiny_run(tmp_path, align_weight=0.0)
    model = start_model(config)
    trainee = make_trainee(config, model)
    optimizer = torch.optim.AdamW([p for p in trainee.parameters() if p.requires_grad], lr=3e-3)
    batch = batch_of(world_of(model, config, "seen", 2), config, num_pairs=4, num=3, seed="fixed", photos=False)
    first = None
    for _ in range(40):
        terms = trainee(batch)
        first = first or terms.total.item()
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
    assert terms.total.item() < 0.67 * first


def test_joint_step_reaches_every_trained_part(tmp_path: Path) -> None:
    config = tiny_run(tmp_path, mining="batch_all")
    model = start_model(config)
    batch = batch_of(world_of(model, config, "seen", 2), config, num_pairs=4, num=2, seed="joint", photos=True)
    terms = make_trainee(config, model)(batch)
    assert all(term is not None and term.isfinite() for term in vars(terms).values())
    terms.identity.backward()
    for part in (model.head, model.reasoner, model.connector, model.comparison):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in model.backbone.parameters())


def test_context_check_tells_a_static_model(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    model = build_model(PRESETS["tiny"]).eval()
    world = world_of(model, config, "choice", 1)
    exam = [batch_of(world, config, num_pairs=4, num=1, seed=f"exam {n}", photos=True) for n in range(4)]
    check = check_context(model, exam, image_transform(config))
    assert check.spread > 1e-3
    assert len({check.own, check.other, check.null, check.frozen}) > 1
    with torch.no_grad():
        model.head.out.weight.zero_()
    check = check_context(model, exam, image_transform(config))
    assert check.spread == pytest.approx(0, abs=1e-6)
    assert check.own == check.other == check.shuffled == check.null


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


def test_gradient_checkpointing_and_bfloat16_change_no_more_than_rounding(tmp_path: Path) -> None:
    train(tiny_run(tmp_path / "plain", precision="float32"))
    train(tiny_run(tmp_path / "checkpointed", precision="float32", gradient_checkpointing=True))
    train(tiny_run(tmp_path / "half", precision="bfloat16"))
    plain, checkpointed, half = (losses(tmp_path / name) for name in ("plain", "checkpointed", "half"))
    for step, row in plain.items():
        assert checkpointed[step]["total"] == pytest.approx(row["total"], abs=1e-4)
        assert half[step]["total"] == pytest.approx(row["total"], rel=0.05)
    assert any(half[step]["total"] != row["total"] for step, row in plain.items())
