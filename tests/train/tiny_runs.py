"""Runs small enough for a test: tiny models, the procedural world, a few steps."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from vicp.config import DataConfig, EpisodeConfig, RunConfig, TrainConfig
from vicp.data.procedural.world import encode_png
from vicp.model.build import PRESETS
from vicp.pretrain_config import PretrainConfig


def tiny_run(out: Path, **train_settings: Any) -> RunConfig:
    """VICP on rule episodes of the procedural world."""
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
            validation_pairs=4,
        ),
        pretrain=PretrainConfig(teacher_steps=3, num_steps=6, batch_size=8, num_silhouettes=4),
        train=dataclasses.replace(
            TrainConfig(
                warmup_steps=3,
                joint_steps=3,
                pair_weight=1.0,
                agreement_weight=1.0,
                log_every=1,
                save_every=2,
                trackers=(),
            ),
            **train_settings,
        ),
        out=str(out),
    )


def tiny_photo_run(out: Path, **train_settings: Any) -> RunConfig:
    """The same on a photo table of the procedural world: one rule per category."""
    config = tiny_run(out, **{"agreement_weight": 0.0, **train_settings})
    return dataclasses.replace(
        config, data=DataConfig(photos="world", world_categories=4, world_identities=8, world_photos=4)
    )


def tiny_baseline(out: Path, **train_settings: Any) -> RunConfig:
    """A baseline on that table."""
    settings = {"method": "finetune", "joint_steps": 6, "learning_rate": 1e-3, **train_settings}
    return tiny_photo_run(out, **settings)


def with_natural_photos(config: RunConfig, file: Path) -> RunConfig:
    """The same with dressed photos beside the drawn objects."""
    photos = torch.randint(256, (40, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pd.DataFrame({"image": [encode_png(photo) for photo in photos]}).to_parquet(file)
    episodes = dataclasses.replace(config.episodes, natural_photos=str(file), natural_pools=2)
    return dataclasses.replace(config, episodes=episodes)


def losses(out: Path) -> dict[int, dict[str, float]]:
    """The numbers of each step in a run's log."""
    rows = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    return {row["step"]: row for row in rows if "total" in row}


def checks(out: Path) -> dict[int, dict[str, float]]:
    """The validations in a run's log."""
    rows = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    return {row["step"]: row for row in rows if "total" not in row}
