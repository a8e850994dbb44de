"""VICP and every baseline learn: on categories that training has not seen, each beats its own start."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_runs import checks, losses

from vicp.adapt.load import load_backbone_embedder
from vicp.config import DataConfig, EpisodeConfig, PartConfig, RunConfig, TrainConfig
from vicp.data.procedural.world import Rule, encode_png, sample_silhouettes, world_episode
from vicp.errors import ConfigError, DataError, TrainingError
from vicp.model.build import PRESETS
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.checkpoint import load_pretrained
from vicp.train.loop import train


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mini's backbone as a checkpoint of transformers, and a table where the body's colour makes the identity."""
    folder = tmp_path_factory.mktemp("start")
    save_backbone(load_pretrained("mini").backbone.vit, folder / "vit", PRESETS["mini"].image_transform)
    tables = []
    for number, silhouette in enumerate(sample_silhouettes(8, seed=3, split="seen")):
        images, _, identities = world_episode(
            silhouette, Rule((0,)), num_identities=8, photos_per_identity=5, size=96, seed=number
        )
        names = [str(identity) for identity in identities.tolist()]
        tables.append(
            pd.DataFrame({"image": [encode_png(i) for i in images], "category": f"c{number}", "identity": names})
        )
    pd.concat(tables, ignore_index=True).to_parquet(folder / "photos.parquet")
    return folder


def run_on(start: Path, out: Path, **train_settings: Any) -> RunConfig:
    mini = PRESETS["mini"]
    settings = {"joint_steps": 24, "warmup_steps": 0, "log_every": 1, "save_every": 24, "trackers": ()}
    return RunConfig(
        model=dataclasses.replace(mini, backbone=PartConfig(source=str(start / "vit")), pooling="cls", num_prompts=8),
        data=DataConfig(photos=str(start / "photos.parquet"), held_out=("c6", "c7")),
        episodes=EpisodeConfig(
            joint_contexts=1,
            identities=4,
            photos=16,
            pairs=(8,),
            query_pairs=8,
            validation_episodes=8,
            validation_pairs=8,
        ),
        train=TrainConfig(**{**settings, **train_settings}),
        out=str(out),
    )


# Gains in mAP that each run reaches with seed 0, less a margin for other processors' rounding.
METHODS = {
    "vicp": ({"method": "vicp", "learning_rate": 1e-3, "mining": "batch_all", "align_weight": 0.0}, 5.0),
    "static": ({"method": "static", "learning_rate": 4e-3, "loss": "supcon"}, 15.0),
    "triplet": ({"loss": "triplet", "mining": "batch_all"}, 8.0),
    "arcface": ({"loss": "arcface", "class_scale": 16.0, "class_margin": 0.1, "learning_rate": 3e-4}, 5.0),
    "adaface": ({"loss": "adaface", "class_scale": 16.0, "class_margin": 0.1, "learning_rate": 3e-4}, 1.5),
    "scl": ({"loss": "supcon"}, 8.0),
    "scl-lora": ({"loss": "supcon", "tune": "lora", "learning_rate": 3e-3}, 5.0),
}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_beats_its_own_start_on_unseen_categories(name: str, start: Path, tmp_path: Path) -> None:
    settings, gain = METHODS[name]
    train(run_on(start, tmp_path, **{"method": "finetune", **settings}))
    row = "own" if name == "vicp" else "map"
    found = checks(tmp_path)
    assert found[24][row] > found[0][row] + gain
    fell = [numbers["total"] for numbers in losses(tmp_path).values()]
    assert sum(fell[-6:]) < sum(fell[:6])


def test_supervised_trains_on_other_identities_of_the_target_category(start: Path, tmp_path: Path) -> None:
    config = run_on(start, tmp_path / "supervised", method="finetune", mining="batch_all")
    target = dataclasses.replace(config.data, held_out=(), categories=("c6",), validate_on="identities")
    train(dataclasses.replace(config, data=target))
    supervised = checks(tmp_path / "supervised")
    assert supervised[24]["map"] > supervised[0]["map"] + 5


def test_a_trained_baseline_opens_as_a_backbone(start: Path, tmp_path: Path) -> None:
    folder = train(run_on(start, tmp_path, method="static", joint_steps=2, save_every=2))
    assert folder == tmp_path / "best"
    embedder = load_backbone_embedder(str(folder))
    assert embedder.transform.size == PRESETS["mini"].image_size
    assert embedder.static is not None
    assert embedder.static.shape == (5, 8, 192)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ({"held_out": ("c9",)}, {}, r"data\.held_out: no category 'c9' \(there are: c0, c1"),
        (
            {"held_out": tuple(f"c{i}" for i in range(8))},
            {},
            r"data\.held_out: no category is left.*data\.validate_on=identities",
        ),
        ({"fold": 1}, {}, r"data\.fold: these photos have no column fold"),
        ({"categories": ("x",)}, {}, r"data\.categories: no category 'x'"),
        ({"photos": None}, {"loss": "arcface"}, r"train\.loss: arcface needs identities that stay"),
        ({}, {"trackers": ("tensorbord",)}, r"train\.trackers: no tracker 'tensorbord'"),
        ({}, {"tune": "lora", "lora_layers": 9}, r"train\.lora_rank, train\.lora_layers: .*1 to 5 layers"),
    ],
)
def test_contradictory_settings_are_named(
    start: Path, tmp_path: Path, data: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    config = run_on(start, tmp_path, method="finetune", **settings)
    merged = {"held_out": (), **data}
    with pytest.raises(ConfigError, match=message):
        train(dataclasses.replace(config, data=dataclasses.replace(config.data, **merged)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"log_every": 0, "save_every": -1}, r"train\.log_every is 0; expected at least 1; train\.save_every is -1"),
        ({"clip_norm": 0.0}, r"train\.clip_norm is 0\.0; expected more than 0"),
        ({"method": "vicp", "loss": "arcface"}, r"train\.loss=arcface is for baselines"),
        ({"method": "static", "tune": "lora"}, r"train\.tune=lora tunes a backbone"),
        ({"joint_steps": 0}, r"train\.joint_steps is 0, so there is nothing to do"),
        ({"margin": 0.0}, r"train\.margin is 0; a baseline's triplet loss expects more than 0"),
        ({"loss": "arcface", "class_margin": -1.0}, r"train\.class_margin is -1\.0; expected more than 0"),
        ({"learning_rate": float("inf")}, r"train\.learning_rate is inf; expected finite and at least 0"),
        ({"method": "vicp", "warmup_steps": 3, "icl_weight": 0.0}, r"train\.warmup_steps: .* it has no loss"),
        ({"distil_weight": -1.0}, r"train\.distil_weight is -1\.0; expected at least 0"),
        ({"contrastive_weight": -1.0}, r"train\.contrastive_weight is -1\.0; expected at least 0"),
        ({"smooth_ap_weight": -1.0}, r"train\.smooth_ap_weight is -1\.0; expected at least 0"),
        ({"identity_weight": -1.0}, r"train\.identity_weight is -1\.0; expected at least 0"),
    ],
)
def test_settings_that_make_no_sense(start: Path, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(run_on(start, tmp_path, **{"method": "finetune", **settings}))
    assert not (tmp_path / "train.yaml").exists()


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        ("model", {"num_prompts": 0}, r"model\.num_prompts is 0; expected at least 1"),
        ("model", {"image_std": (0.0, 1.0, 1.0)}, r"model\.image_std: .*std above 0"),
        ("model", {"metric_rank": -1}, r"model\.metric_rank is -1; expected at least 0"),
        ("episodes", {"natural_pools": -1}, r"episodes\.natural_pools is -1; expected at least 0"),
        ("episodes", {"same_shares": (0.5, 1.5)}, r"episodes\.same_shares is \[0\.5, 1\.5\]; expected shares"),
        ("model", {"image_mean": (float("nan"), 0.5, 0.5)}, r"model\.image_mean"),
        ("episodes", {"values_per_factor": 9}, r"episodes\.values_per_factor is 9; expected at most 8"),
        ("episodes", {"values_per_factor": 1}, r"episodes\.values_per_factor is 1; expected at least 2"),
        ("episodes", {"photos_per_silhouette": 1}, r"episodes\.photos_per_silhouette is 1; expected at least 8"),
        ("episodes", {"natural_photos": "x.parquet"}, r"natural_photos is given, but episodes\.natural_pools is 0"),
        ("train", {"start": "folder", "method": "finetune"}, r"train\.start is of VICP, and train\.method is finetune"),
        ("episodes", {"cluttered_share": 0.5}, r"cluttered_share is given, but episodes\.cluttered_pools is 0"),
        ("episodes", {"cluttered_share": 1.0}, r"episodes\.cluttered_share is 1\.0; expected at most 0\.9"),
        ("episodes", {"photos": 5}, r"episodes\.photos is 5, of \d+ identities: too few for two photos of each"),
        ("episodes", {"identities": 1}, r"episodes\.identities is 1; expected at least 2"),
        ("episodes", {"validation_silhouettes": 0}, r"episodes\.validation_silhouettes is 0; expected at least 1"),
        (
            "data",
            {"photos": "world", "world_identities": 1000, "held_out": ()},
            r"world_identities: .* most is 512",
        ),
    ],
)
def test_other_settings_that_make_no_sense(
    start: Path, tmp_path: Path, part: str, settings: dict[str, Any], message: str
) -> None:
    config = run_on(start, tmp_path)
    config = dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **settings)})
    with pytest.raises(ConfigError, match=message):
        train(config)


def test_a_loss_that_is_not_finite_ends_the_run(start: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"(loss|gradient) of step \d+ is (nan|inf).*lower train\.learning_rate"):
        train(run_on(start, tmp_path, method="finetune", loss="supcon", learning_rate=1e12, joint_steps=40))


def test_bad_photos_are_named_or_skipped(start: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(start / "photos.parquet")
    table.at[7, "image"] = b"not a photo"
    table.to_parquet(tmp_path / "photos.parquet")
    config = run_on(start, tmp_path / "run", method="finetune", joint_steps=12)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, photos=str(tmp_path / "photos.parquet")))
    with pytest.raises(DataError, match=r"training met photos that cannot be used: row 8 .*--skip-bad"):
        train(config)
    train(dataclasses.replace(config, data=dataclasses.replace(config.data, skip_bad=True)))
    assert max(losses(tmp_path / "run")) == 12


def test_batches_that_no_category_can_fill(start: Path, tmp_path: Path) -> None:
    config = run_on(start, tmp_path, method="vicp")
    config = dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, photos=64))
    with pytest.raises(
        ConfigError, match=r"data\.photos: no category has 64 photos of 4 identities.*lower episodes\.photos"
    ):
        train(config)
