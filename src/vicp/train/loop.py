"""Trains the generator: episodes in, checkpoint out. First on cached tokens, then with prompted photos."""

import dataclasses
import logging
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel

from vicp.config import EpisodeConfig, RunConfig, TrainConfig, dump_config
from vicp.data.episodes import Episode, Pool, draw_episode, render_pool
from vicp.data.images import ImageTransform, normalise
from vicp.data.seeds import derive_seed, generator
from vicp.data.sources.world import RULE_SEED, Rule, Split, draw_silhouettes, split_rules
from vicp.errors import WeightsError
from vicp.losses.objective import LossTerms, Objective
from vicp.model.build import build_model
from vicp.model.vicp import VICP
from vicp.model.weights import copy_tensors
from vicp.train.muon import Muon
from vicp.train.resume import Checkpoint, append_log
from vicp.train.schedule import set_learning_rate
from vicp.train.step import joint_step, warmup_step
from vicp.train.validate import check_context

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class World:
    """Pools to draw episodes from, their cached tokens (n, 1+N, D) float16, and the rules in force."""

    transform: ImageTransform
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
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = Muon(
        model,
        ["connector.qformer", "reasoner.llm.model.layers"],
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    checkpoint = Checkpoint(out / "train.pt")
    start = checkpoint.load(model, optimizer) if resume else 0
    world = make_world(model, config, "seen", config.episodes.num_silhouettes)
    held_out = make_world(model, config, "choice", config.episodes.validation_silhouettes)
    exam = draw_batch(held_out, config.episodes, 16, config.episodes.validation_episodes, config.seed, "exam")
    out.mkdir(parents=True, exist_ok=True)
    dump_config(config, out / "train.yaml")

    clock, num_steps = time.monotonic(), settings.warmup_steps + settings.joint_steps
    for step in range(start, num_steps):
        rate = set_learning_rate(optimizer, *_phase(step, settings), peak=settings.learning_rate)
        terms = take_step(model, world, config, step)
        optimizer.zero_grad()
        terms.total.backward()
        nn.utils.clip_grad_norm_(trained, settings.clip_norm)
        optimizer.step()
        done = step + 1
        if done % settings.log_every == 0:
            seconds = (time.monotonic() - clock) / (done - start)
            _log(out, done, {**_numbers(terms), "lr": rate, "s/step": seconds})
        if done % settings.save_every == 0 or done == num_steps:
            _log(out, done, dataclasses.asdict(check_context(model, held_out.tokens, exam)))
            checkpoint.save(model, optimizer, done)
    model.eval().save_pretrained(out / "checkpoint")
    return out / "checkpoint"


def take_step(model: VICP, world: World, config: RunConfig, step: int) -> LossTerms:
    """The losses of one step; its episodes depend on the seed and the step alone."""
    settings, episodes = config.train, config.episodes
    warm = step < settings.warmup_steps
    pick = int(torch.randint(len(episodes.pairs), (), generator=generator(config.seed, "pairs", step)))
    contexts = episodes.contexts if warm else episodes.joint_contexts
    batch = draw_batch(world, episodes, episodes.pairs[pick], contexts, config.seed, step)
    objective = Objective(icl=settings.icl_weight, alignment=settings.align_weight, pair=settings.pair_weight)
    if warm:
        return warmup_step(model, world.tokens, batch, objective)
    photos = torch.stack([world.pools[episode.pool].images[episode.batch] for episode in batch])
    pixels = normalise(photos.flatten(0, 1), world.transform).unflatten(0, photos.shape[:2])  # (C, P*k, 3, S, S)
    return joint_step(model, world.tokens, pixels, batch, objective, margin=settings.margin, mining=settings.mining)


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
    return World(transform, pools, [encode_pool(model, pool, transform) for pool in pools], seen)


@torch.inference_mode()
def encode_pool(model: VICP, pool: Pool, transform: ImageTransform) -> Tensor:
    """Unprompted tokens (n, 1+N, D) float16 of a pool."""
    blocks = pool.images.split(128)
    return torch.cat([model.backbone.encode(normalise(b, transform)).tokens.half() for b in blocks])


def draw_batch(world: World, settings: EpisodeConfig, num_pairs: int, num: int, *seed: int | str) -> list[Episode]:
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


def _phase(step: int, settings: TrainConfig) -> tuple[int, int]:
    """Steps done and to do in the current phase: the rate starts anew with the joint phase."""
    if step < settings.warmup_steps:
        return step, settings.warmup_steps
    return step - settings.warmup_steps, settings.joint_steps


def _log(out: Path, step: int, values: dict[str, float]) -> None:
    append_log(out / "train.jsonl", {"step": step, **values})
    logger.info("step %d %s", step, {name: round(value, 4) for name, value in values.items()})


def _numbers(terms: LossTerms) -> dict[str, float]:
    return {name: value.item() for name, value in vars(terms).items() if value is not None}
