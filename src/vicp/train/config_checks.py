"""Checks of a run's settings before anything is opened: all wrong ones in one message."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicp.config import RunConfig
from vicp.data.procedural.world import NUM_VALUES
from vicp.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """The lower bound of some keys, and whether the bound itself is allowed; a key that is None is not checked."""

    least: float
    keys: tuple[str, ...]
    included: bool = True


BOUNDS = (
    Range(1, ("train.accumulate", "train.log_every", "train.save_every", "train.lora_rank", "data.threads")),
    Range(1, ("episodes.contexts", "episodes.joint_contexts", "episodes.validation_episodes", "episodes.query_pairs")),
    Range(1, ("episodes.num_silhouettes", "episodes.validation_silhouettes")),
    Range(8, ("episodes.photos_per_silhouette",)),
    Range(2, ("episodes.values_per_factor",)),
    Range(0, ("data.keep_features_gb",)),
    Range(1, ("data.world_categories", "data.world_photos")),
    Range(1, ("model.num_prompts", "model.num_latents", "model.image_size")),
    Range(2, ("episodes.photos", "episodes.identities", "data.world_identities")),
    Range(0, ("train.warmup_steps", "train.joint_steps", "train.epochs", "train.learning_rate", "train.patience")),
    Range(0, ("train.weight_decay", "train.margin", "train.rate_warmup", "episodes.hard_share")),
    Range(0, ("train.icl_weight", "train.align_weight", "train.pair_weight", "train.agreement_weight")),
    Range(0, ("train.identity_weight", "train.contrastive_weight", "train.smooth_ap_weight", "train.distil_weight")),
    Range(0, ("train.lora_layers", "model.metric_rank")),
    Range(0, ("episodes.validation_pairs", "episodes.labelled_share", "episodes.natural_pools")),
    Range(0, ("episodes.cluttered_share",), included=False),
    Range(1, ("pretrain.batch_size", "pretrain.num_silhouettes")),
    Range(0, ("pretrain.teacher_steps", "pretrain.num_steps", "pretrain.photos_per_step", "pretrain.dressed_per_step")),
    Range(0, ("pretrain.learning_rate", "pretrain.weight_decay", "pretrain.views_weight", "pretrain.dressed_weight")),
    Range(0, ("pretrain.temperature", "data.validation_share"), included=False),
    Range(1, ("distill.num_steps", "distill.photos_per_step", "distill.objects_per_step")),
    Range(0, ("distill.learning_rate", "distill.weight_decay", "distill.readout_weight", "distill.tokens_weight")),
    Range(0, ("distill.logits_weight", "distill.factors_weight", "distill.visible_until")),
    Range(0, ("distill.visible_share",), included=False),
    Range(0, ("train.clip_norm", "train.temperature", "train.class_margin", "train.class_scale"), included=False),
)
MOST = {
    **dict.fromkeys(("train.rate_warmup", "episodes.hard_share", "episodes.labelled_share"), 1),
    **dict.fromkeys(("distill.visible_share", "distill.visible_until"), 1),
    "episodes.values_per_factor": NUM_VALUES,
    **dict.fromkeys(("data.validation_share", "episodes.cluttered_share"), 0.9),
}


def check_settings(config: RunConfig) -> None:
    """Raises `ConfigError` for settings of a training out of range, that contradict each other, or of no photos."""
    photos = [] if config.data.photos == "world" else ["data.photos"]
    missing = _missing(config, *photos, "episodes.natural_photos", "episodes.labelled_photos")
    _none_wrong([*_out_of_range(config), *_contradictions(config), *missing])


def check_ranges(config: RunConfig) -> None:
    """Raises `ConfigError` for settings of a backbone out of range, or of no photos."""
    _none_wrong([*_out_of_range(config), *_missing(config, "pretrain.photos")])


def _none_wrong(wrong: Sequence[str]) -> None:
    if wrong:
        raise ConfigError("; ".join(wrong))


def _out_of_range(config: RunConfig) -> Iterator[str]:
    for bound in BOUNDS:
        for key in bound.keys:
            value = _value(config, key)
            if value is None:
                continue
            if math.isinf(value) or not (value >= bound.least if bound.included else value > bound.least):
                kind = ("finite and " if math.isinf(value) else "") + ("at least" if bound.included else "more than")
                yield f"{key} is {value}; expected {kind} {bound.least:g}"
    for key, most in MOST.items():
        value = _value(config, key)
        if value is not None and value > most:
            yield f"{key} is {value}; expected at most {most:g}"
    if not config.episodes.same_shares or not all(0 <= share <= 1 for share in config.episodes.same_shares):
        yield f"episodes.same_shares is {list(config.episodes.same_shares)}; expected shares, such as [0.25, 0.5]"
    if not config.episodes.pairs or min(config.episodes.pairs) < 0:
        yield f"episodes.pairs is {list(config.episodes.pairs)}; expected numbers of pairs, such as [0, 8, 16]"


def _missing(config: RunConfig, *keys: str) -> Iterator[str]:
    """Yield which of these settings names a file or folder that is not there."""
    for key in keys:
        source = _value(config, key)
        if source is not None and not Path(source).exists():
            yield f"{key}: no such file or folder: {source}"


def _contradictions(config: RunConfig) -> Iterator[str]:
    train, data = config.train, config.data
    if train.method == "vicp" and train.loss != "triplet":
        yield f"train.loss={train.loss} is for baselines, VICP has its own objective; set train.method, or leave it out"
    if train.method != "vicp" and train.loss == "triplet" and train.margin == 0:
        yield "train.margin is 0; a baseline's triplet loss expects more than 0"
    warmup_weight = train.icl_weight + train.pair_weight + (train.agreement_weight if data.photos is None else 0)
    warmup_weight += train.contrastive_weight + train.smooth_ap_weight if config.model.metric_rank else 0
    if train.method == "vicp" and train.warmup_steps > 0 and warmup_weight == 0:
        yield (
            "train.warmup_steps: the warm-up has no photos, so with train.icl_weight=0 and train.pair_weight=0 it has "
            "no loss; set train.warmup_steps=0, or one of them"
        )
    if config.episodes.photos < 2 * config.episodes.identities:
        yield (
            f"episodes.photos is {config.episodes.photos}, of {config.episodes.identities} identities: too few for two "
            "photos of each; raise it, or lower episodes.identities"
        )
    if config.episodes.natural_photos is not None and config.episodes.natural_pools == 0:
        yield "episodes.natural_photos is given, but episodes.natural_pools is 0; set it to how many pools to dress"
    if config.episodes.cluttered_share is not None and config.episodes.cluttered_pools == 0:
        yield "episodes.cluttered_share is given, but episodes.cluttered_pools is 0; set it to how many pools to draw"
    if train.start is not None and train.method != "vicp":
        yield f"train.start is of VICP, and train.method is {train.method}; give train.backbone"
    if train.learns and train.method != "vicp":
        yield f"train.learns names parts of VICP, and train.method is {train.method}; leave it out"
    if train.method != "finetune" and train.tune == "lora":
        yield f"train.tune=lora tunes a backbone, which {train.method} keeps frozen; set train.method=finetune"
    if train.epochs > 0 and data.photos is None:
        yield "train.epochs counts passes over photos, and rule episodes have no end; set joint_steps, or data.photos"
    if train.epochs == 0 and train.joint_steps + (train.warmup_steps if train.method == "vicp" else 0) == 0:
        yield "train.joint_steps is 0, so there is nothing to do; give steps, or train.epochs"


def _value(config: RunConfig, key: str) -> Any:
    part, name = key.split(".")
    return getattr(getattr(config, part), name)
