"""Settings of a run that were changed and do nothing in it: each is said, none is refused."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from vicp.config import RunConfig
from vicp.pretrain_config import DistillConfig, PretrainConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unused:
    """Settings, and when they do nothing.

    Attributes:
        keys: Their keys.
        why: The reason, a clause.
        applies: Whether they do nothing in a run.
    """

    keys: tuple[str, ...]
    why: str
    applies: Callable[[RunConfig], bool]


def _keys(part: str, kind: type) -> tuple[str, ...]:
    return tuple(f"{part}.{field.name}" for field in fields(kind))


def _train(*names: str) -> tuple[str, ...]:
    return tuple(f"train.{name}" for name in names)


def _episodes(*names: str) -> tuple[str, ...]:
    return tuple(f"episodes.{name}" for name in names)


def _data(*names: str) -> tuple[str, ...]:
    return tuple(f"data.{name}" for name in names)


PRETRAIN, DISTILL = _keys("pretrain", PretrainConfig), _keys("distill", DistillConfig)

OF_TRAINING = (
    Unused((*PRETRAIN, *DISTILL), "of `vicp pretrain`", lambda config: True),
    Unused(_train("lora_rank", "lora_layers"), "train.tune is not lora", lambda config: config.train.tune != "lora"),
    Unused(
        _train("class_margin", "class_scale"),
        "train.loss is neither arcface nor adaface",
        lambda config: config.train.loss not in ("arcface", "adaface"),
    ),
    Unused(_train("temperature"), "train.loss is not supcon", lambda config: config.train.loss != "supcon"),
    Unused(
        _train(
            *("warmup_steps", "identity_weight", "icl_weight", "align_weight", "pair_weight", "contrastive_weight"),
            *("smooth_ap_weight", "distil_weight", "agreement_weight"),
        ),
        "train.method is not vicp",
        lambda config: config.train.method != "vicp",
    ),
    Unused(_train("joint_steps"), "train.epochs counts the steps", lambda config: config.train.epochs > 0),
    Unused(
        _data("split", "fold", "categories", "held_out", "validate_on", "validation_share"),
        "data.photos is not given",
        lambda config: config.data.photos is None,
    ),
    Unused(
        _data("flip", "keep_features", "keep_features_gb", "skip_bad"),
        "neither data.photos nor episodes.labelled_photos is given",
        lambda config: config.data.photos is None and config.episodes.labelled_photos is None,
    ),
    Unused(
        _data("world_categories", "world_identities", "world_photos"),
        "data.photos is not world",
        lambda config: config.data.photos != "world",
    ),
    Unused(
        (
            *_episodes("num_silhouettes", "photos_per_silhouette", "values_per_factor", "validation_silhouettes"),
            *_episodes("natural_photos", "natural_column", "natural_pools", "labelled_photos", "labelled_share"),
            *_episodes("cluttered_pools", "cluttered_share"),
        ),
        "of rule episodes, and data.photos is given",
        lambda config: config.data.photos is not None,
    ),
    Unused(
        _episodes("natural_column", "natural_pools"),
        "episodes.natural_photos is not given",
        lambda config: config.episodes.natural_photos is None,
    ),
    Unused(
        _episodes("labelled_share"),
        "episodes.labelled_photos is not given",
        lambda config: config.episodes.labelled_photos is None,
    ),
    Unused(
        ("model.set_transformer",),
        "model.generator is not set_transformer",
        lambda config: config.model.generator != "set_transformer",
    ),
)
OF_PRETRAINING = (
    Unused(DISTILL, "distill.teacher is not given", lambda config: config.distill.teacher is None),
    Unused(PRETRAIN, "distill.teacher is given", lambda config: config.distill.teacher is not None),
    Unused(
        (
            *("pretrain.photo_column", "pretrain.photos_per_step", "pretrain.dressed_per_step"),
            *("pretrain.temperature", "pretrain.views_weight", "pretrain.dressed_weight"),
        ),
        "pretrain.photos is not given",
        lambda config: config.distill.teacher is None and config.pretrain.photos is None,
    ),
)


def unused_settings(config: RunConfig, rules: tuple[Unused, ...]) -> Iterator[str]:
    """Yield a clause for each rule with settings that were changed from their defaults, to more than nothing, in vain.

    Args:
        config: The settings.
        rules: OF_TRAINING or OF_PRETRAINING.
    """
    defaults = RunConfig()
    left = {
        key for rule in rules for key in rule.keys if (value := _value(config, key)) and value != _value(defaults, key)
    }
    for rule in rules:
        keys = [key for key in rule.keys if key in left and rule.applies(config)]
        left -= set(keys)
        if keys:
            yield f"{', '.join(keys)} {'does' if len(keys) == 1 else 'do'} nothing: {rule.why}"


def log_unused(config: RunConfig, rules: tuple[Unused, ...]) -> None:
    """Say in one line which settings do nothing; nothing of none."""
    clauses = list(unused_settings(config, rules))
    if clauses:
        logger.warning("%s", "; ".join(clauses))


def _value(config: RunConfig, key: str) -> Any:
    part, name = key.split(".")
    return getattr(getattr(config, part), name)
