"""Every config in configs/ makes two steps, at tiny sizes and on the procedural world."""

import dataclasses
from pathlib import Path

import pytest
from tiny_runs import checks, losses, tiny_photo_run, tiny_run

from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.model.build import PRESETS, vision_backbone
from vicp.model.loading.backbone_checkpoint import load_backbone
from vicp.model.loading.checkpoint import load_pretrained
from vicp.model.loading.weights import fingerprint
from vicp.train.initialize import initialize_backbone
from vicp.train.loop import train
from vicp.train.methods.method import photos_per_step
from vicp.train.pretraining.run import pretrain

CONFIGS = Path(__file__).parent.parent.parent / "configs"
SHIPPED = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yaml"))


def shrunk(config: RunConfig, out: Path) -> RunConfig:
    """The same switches with tiny parts, few photos and two steps."""
    tiny, sizes = PRESETS["tiny"], tiny_photo_run(out)
    parts = {name: getattr(tiny, name) for name in ("backbone", "reasoner", "qformer", "image_size")}
    small = {name: getattr(sizes.episodes, name) for name in ("identities", "photos", "query_pairs", "joint_contexts")}
    pools = {"num_silhouettes": 2, "photos_per_silhouette": 64, "values_per_factor": 2, "contexts": 2}
    held_out_batches = {"validation_silhouettes": 1, "validation_episodes": 2, "validation_pairs": 4}
    return dataclasses.replace(
        config,
        model=dataclasses.replace(
            config.model, **parts, num_latents=4, num_prompts=4, metric_rank=min(config.model.metric_rank, 8)
        ),
        data=dataclasses.replace(
            sizes.data if config.data.photos else config.data,
            validate_on=config.data.validate_on,
            keep_features=config.data.keep_features,
        ),
        episodes=dataclasses.replace(config.episodes, **small, **pools, **held_out_batches, pairs=(4,)),
        train=dataclasses.replace(
            config.train,
            backbone=None,
            start=None,
            fresh=(),
            warmup_steps=min(config.train.warmup_steps, 1),
            epochs=0,
            joint_steps=2,
            log_every=1,
            save_every=2,
            lora_layers=None if config.train.lora_layers is None else 1,
        ),
        pretrain=dataclasses.replace(tiny_run(out).pretrain, photos=None),
        out=str(out),
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_runs(name: str, tmp_path: Path) -> None:
    config = shrunk(load_config(RunConfig, CONFIGS / name), tmp_path / "run")
    if name.endswith("backbone.yaml"):
        load_backbone(str(pretrain(config)))
        return
    folder = train(config)
    assert folder == tmp_path / "run" / "best"
    done = 2 + config.train.warmup_steps
    assert list(losses(tmp_path / "run")) == list(range(1, done + 1))
    assert checks(tmp_path / "run")[done]["score"] > 0
    assert (tmp_path / "run" / "curves").exists() == ("tensorboard" in config.train.trackers)


def test_a_run_starts_from_every_packaged_backbone_by_its_name() -> None:
    config = load_config(RunConfig, CONFIGS / "mini" / "distilled-backbone.yaml", ["train.backbone=distilled"])
    backbone = vision_backbone(config.model, seed=1)
    initialize_backbone(config, backbone.vit)
    assert fingerprint(backbone) == fingerprint(load_backbone("distilled")[0])


def test_fold_k_is_fold_k() -> None:
    for fold in range(5):
        config = load_config(RunConfig, CONFIGS / "paper" / f"shopid10k-fold{fold}.yaml")
        assert (config.data.fold, config.out) == (fold, f"runs/paper/shopid10k-fold{fold}")
        assert (config.episodes.photos, config.episodes.pairs, config.train.epochs) == (256, (64,), 10)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("mini-baselines/")])
def test_minis_baselines_start_from_its_backbone_and_see_as_much(name: str) -> None:
    config = load_config(RunConfig, CONFIGS / name)
    backbone, mini = vision_backbone(config.model, seed=1), load_pretrained("mini")
    initialize_backbone(config, backbone.vit)
    assert fingerprint(backbone) == fingerprint(mini.backbone)
    assert (backbone.pooling, config.model.image_size) == (mini.config.pooling, mini.config.image_size)
    recipe = load_config(RunConfig, CONFIGS / "mini-baselines" / "recipe.yaml")
    assert (config.episodes, config.train.joint_steps, photos_per_step(config)) == (recipe.episodes, 240, 96)
    assert config.data.photos == ("world" if config.train.loss in ("arcface", "adaface") else None)
    assert config.out == f"runs/{name.removesuffix('.yaml')}"
