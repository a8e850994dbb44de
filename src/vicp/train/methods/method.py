"""A training method as the loop sees it: a module that returns losses, its batches, its validation and its files."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from vicp.config import RunConfig
from vicp.data.records import PhotoTable
from vicp.train.episodes.batch import Batch
from vicp.train.validation import ContextCheck, Ranking


@dataclass(frozen=True)
class TrainingMethod:
    """One training method on its photos.

    Attributes:
        module: On its device; `module(batch)` returns the losses.
        matrices: Names of submodules whose weights Muon may train.
        num_warmup: Steps without photos.
        num_steps: All steps, the warm-up's with them.
        photos_per_step: Photos embedded by all processes together.
        sample: Batches of a step, whose gradients are averaged; depends on the step alone.
        validate: The validation of a step; its argument says whether that step is of the warm-up.
        save: Writes the checkpoint that users load into a folder.
        tables: Photos that are trained on, whose individuals no evaluation should look up.
    """

    module: nn.Module
    matrices: tuple[str, ...]
    num_warmup: int
    num_steps: int
    photos_per_step: int
    sample: Callable[[int], list[Batch]]
    validate: Callable[[bool], ContextCheck | Ranking]
    save: Callable[[Path], None]
    tables: tuple[PhotoTable, ...]


def num_joint_steps(config: RunConfig, num_photos: int) -> int:
    """Return `train.joint_steps`, or as many steps as show every photo `train.epochs` times."""
    settings = config.train
    if settings.epochs <= 0 or num_photos == 0:
        return settings.joint_steps
    return max(1, math.ceil(settings.epochs * num_photos / photos_per_step(config)))


def photos_per_step(config: RunConfig) -> int:
    """Return photos embedded in one step."""
    return config.episodes.joint_contexts * config.episodes.photos * config.train.accumulate
