"""Settings that were changed and do nothing are said when a run starts; those that count are not."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_runs import tiny_run

from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.train.run import start_run
from vicp.train.unused_settings import OF_PRETRAINING, OF_TRAINING, unused_settings

CONFIGS = sorted(Path(__file__).parents[2].glob("configs/**/*.yaml"))


def unused(*overrides: str, pretraining: bool = False) -> list[str]:
    rules = OF_PRETRAINING if pretraining else OF_TRAINING
    clauses = unused_settings(load_config(RunConfig, None, list(overrides)), rules)
    return [key for clause in clauses for key in re.split(" do(?:es)? nothing: ", clause)[0].split(", ")]


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        ([], []),
        (["train.lora_rank=4"], ["train.lora_rank"]),
        (["train.lora_rank=4", "train.tune=lora", "train.method=finetune"], []),
        (["train.class_margin=0.3", "train.temperature=0.2"], ["train.class_margin", "train.temperature"]),
        (["train.class_margin=0.3", "train.loss=arcface", "train.method=finetune"], []),
        (["train.method=static", "train.icl_weight=2", "train.pair_weight=0"], ["train.icl_weight"]),
        (["train.epochs=2", "train.joint_steps=7", "data.photos=x"], ["train.joint_steps"]),
        (["train.joint_steps=7"], []),
        (["data.categories=[cat]", "data.flip=false", "data.skip_bad=true"], ["data.categories", "data.skip_bad"]),
        (["data.photos=x", "data.categories=[cat]", "data.world_photos=9"], ["data.world_photos"]),
        (["data.photos=world", "data.world_photos=9", "episodes.values_per_factor=3"], ["episodes.values_per_factor"]),
        (
            ["episodes.natural_pools=3", "episodes.labelled_share=0.5"],
            ["episodes.natural_pools", "episodes.labelled_share"],
        ),
        (["episodes.natural_pools=3", "episodes.natural_photos=x"], []),
        (["model.set_transformer.width=9"], ["model.set_transformer"]),
        (["model.set_transformer.width=9", "model.generator=set_transformer"], []),
        (["pretrain.num_steps=9", "distill.num_steps=9"], ["pretrain.num_steps", "distill.num_steps"]),
    ],
)
def test_training(overrides: list[str], keys: list[str]) -> None:
    assert unused(*overrides) == keys


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["distill.num_steps=9", "pretrain.num_steps=9"], ["distill.num_steps"]),
        (["distill.num_steps=9", "pretrain.num_steps=9", "distill.teacher=x"], ["pretrain.num_steps"]),
        (["pretrain.temperature=0.5"], ["pretrain.temperature"]),
        (["pretrain.temperature=0.5", "pretrain.photos=x"], []),
    ],
)
def test_pretraining(overrides: list[str], keys: list[str]) -> None:
    assert unused(*overrides, pretraining=True) == keys


def test_a_run_says_it_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tiny_run(tmp_path / "run")
    config = replace(config, train=replace(config.train, lora_rank=4))
    with caplog.at_level(logging.WARNING, logger="vicp"):
        start_run(config)
    said = [record.getMessage() for record in caplog.records if "does nothing" in record.getMessage()]
    assert len(said) == 1
    assert said[0].endswith("; train.lora_rank does nothing: train.tune is not lora")


def test_what_is_missing_is_said_before_anything_is_opened(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said = run("train", "data.photos=gone", "episodes.natural_photos=gone.parquet", "model.backbone.source=nowhere/x")
    assert "data.photos: no such file or folder: gone" in said
    assert "episodes.natural_photos: no such file or folder: gone.parquet" in said
    assert "nowhere" not in said
    assert "pretrain.photos: no such file or folder: gone" in run("pretrain", "pretrain.photos=gone")
    distilling = ("distill.teacher=efficientnet-lite0", "distill.photos=[gone.parquet:image:2]")
    assert "distill.photos: no such file: gone.parquet" in run("pretrain", *distilling)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_configs_have_only_what_other_photos_would_use(path: Path) -> None:
    pretraining = "backbone" in path.name
    found = list(unused_settings(load_config(RunConfig, path, []), OF_PRETRAINING if pretraining else OF_TRAINING))
    assert not [clause for clause in found if not clause.endswith("is not given") and "rule episodes" not in clause]
