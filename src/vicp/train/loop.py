"""Trains the generator: episodes in, checkpoint out. First on cached tokens, then with prompted photos."""

import dataclasses
import logging
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel

from vicp.config import EpisodeConfig, RunConfig, dump_config
from vicp.data.episodes import Episode, Pool, draw_episode, render_pool
from vicp.data.images import ImageTransform, normalise
from vicp.data.seeds import derive_seed, generator
from vicp.data.sources.world import RULE_SEED, Rule, Split, draw_silhouettes, split_rules
from vicp.errors import WeightsError
from vicp.losses.objective import LossTerms, Objective
from vicp.model.build import build_model
from vicp.model.vicp import VICP
from vicp.model.weights import copy_tensors
from vicp.train.resume import Checkpoint, append_log
from vicp.train.schedule import set_learning_rate
from vicp.train.step import joint_step, warmup_step
from vicp.train.validate import check_context

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class World:
    """Pools to draw episodes from, their cached tokens (n, 1+N, D) float16, and the rules in force."""

    pools: list[Pool]
    tokens: list[Tensor]
    rules: tuple[Rule, ...]


def train(config: RunConfig, *, resume: bool = False) -> Path:
    """Trains a model on the procedural world and saves it; returns the checkpoint's folder.

    Raises:
        ConfigError: settings that contradict each other.
        WeightsError: `train.backbone` does not fit, or the run to resume is damaged.
    """
    settings, out = config.train, Path(config.out)
    model = start_model(config)
    transform = ImageTransform(config.model.image_size, config.model.image_mean, config.model.image_std)
    world = make_world(model, config, "seen", config.episodes.num_silhouettes)
    held_out = make_world(model, config, "choice", config.episodes.validation_silhouettes)
    exam = draw_batch(held_out, config.episodes, 16, config.episodes.validation_episodes, config.seed, "exam")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    objective = Objective(
        icl=settings.icl_weight, alignment=settings.align_weight, pair=settings.pair_weight
    )
    checkpoint = Checkpoint(out / "train.pt")
    start = checkpoint.load(model, optimizer) if resume else 0
    out.mkdir(parents=True, exist_ok=True)
    dump_config(config, out / "train.yaml")

    clock, num_steps = time.monotonic(), settings.warmup_steps + settings.joint_steps
    for step in range(start, num_steps):
        warm = step < settings.warmup_steps
        phase_step, phase_steps = (
            (step, settings.warmup_steps) if warm else (step - settings.warmup_steps, settings.joint_steps)
        )
        rate = set_learning_rate(optimizer, phase_step, phase_steps, peak=settings.learning_rate)
        pick = torch.randint(len(config.episodes.pairs), (), generator=generator(config.seed, "pairs", step))
        contexts = config.episodes.contexts if warm else config.episodes.joint_contexts
        episodes = draw_batch(
            world, config.episodes, config.episodes.pairs[int(pick)], contexts, config.seed, step
        )
        if warm:
            terms = warmup_step(model, world.tokens, episodes, objective)
        else:
            photos = torch.stack([world.pools[e.pool].images[e.batch] for e in episodes])
            pixels = normalise(photos.flatten(0, 1), transform).unflatten(0, photos.shape[:2])
            terms = joint_step(
                model,
                world.tokens,
                pixels,
                episodes,
                objective,
                margin=settings.margin,
                mining=settings.mining,
            )
        optimizer.zero_grad()
        terms.total.backward()
        nn.utils.clip_grad_norm_(trained, settings.clip_norm)
        optimizer.step()
        if (step + 1) % settings.log_every == 0:
            seconds = (time.monotonic() - clock) / (step + 1 - start)
            values = {**_numbers(terms), "lr": rate, "s/step": seconds}
            append_log(out / "train.jsonl", {"step": step + 1, **values})
            logger.info("step %d of %d %s", step + 1, num_steps, values)
        if (step + 1) % settings.save_every == 0 or step + 1 == num_steps:
            check = dataclasses.asdict(check_context(model, held_out.tokens, exam))
            append_log(out / "train.jsonl", {"step": step + 1, **check})
            logger.info("step %d held-out %s", step + 1, check)
            checkpoint.save(model, optimizer, step + 1)
    model.eval().save_pretrained(out / "checkpoint")
    return out / "checkpoint"


def start_model(config: RunConfig) -> VICP:
    """A fresh model from the config's seed, its backbone from `train.backbone` where that is given."""
    model = build_model(config.model, seed=derive_seed(config.seed, "model"))
    if config.train.backbone is not None:
        try:
            pretrained = AutoModel.from_pretrained(config.train.backbone)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"train.backbone: cannot load '{config.train.backbone}'; `vicp pretrain` makes it"
            ) from error
        copy_tensors(pretrained.state_dict(), model.backbone.vit.state_dict(), where=config.train.backbone)
    return model.train()


def make_world(model: VICP, config: RunConfig, split: Split, num_silhouettes: int) -> World:
    """Renders the pools of a split and encodes them once: the backbone is frozen, its tokens never change."""
    settings = config.episodes
    transform = ImageTransform(config.model.image_size, config.model.image_mean, config.model.image_std)
    silhouettes = draw_silhouettes(num_silhouettes, seed=derive_seed(config.seed, "train"), split=split)
    pools = [
        render_pool(
            silhouette,
            settings.photos_per_silhouette,
            values_per_factor=settings.values_per_factor,
            size=transform.size,
            seed=derive_seed(config.seed, split, index),
        )
        for index, silhouette in enumerate(silhouettes)
    ]
    logger.info("%s world: %d pools of %d photos", split, len(pools), settings.photos_per_silhouette)
    seen, _ = split_rules(RULE_SEED)
    return World(pools, [encode_pool(model, pool, transform) for pool in pools], seen)


@torch.inference_mode()
def encode_pool(model: VICP, pool: Pool, transform: ImageTransform) -> Tensor:
    """Unprompted tokens (n, 1+N, D) float16 of a pool."""
    blocks = pool.images.split(128)
    return torch.cat([model.backbone.encode(normalise(b, transform)).tokens.half() for b in blocks])


def draw_batch(
    world: World, settings: EpisodeConfig, num_pairs: int, num: int, *seed: int | str
) -> list[Episode]:
    """`num` episodes with K = `num_pairs` each."""
    return [
        draw_episode(
            world.pools,
            world.rules,
            num_pairs=num_pairs,
            num_identities=settings.identities,
            num_photos=settings.photos,
            num_queries=settings.query_pairs,
            hard_share=settings.hard_share,
            draw=generator(*seed, "episode", index),
        )
        for index in range(num)
    ]


def _numbers(terms: LossTerms) -> dict[str, float]:
    return {name: value.item() for name, value in vars(terms).items() if value is not None}
