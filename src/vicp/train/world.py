"""What the generator is trained on: pools of the procedural world, with the tokens a frozen backbone makes of them."""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.config import EpisodeConfig, RunConfig
from vicp.data.episodes import Episode, Pool, draw_episode, render_pool
from vicp.data.images import ImageTransform, normalise
from vicp.data.seeds import derive_seed, generator
from vicp.data.sources.world import RULE_SEED, Rule, Split, draw_silhouettes, split_rules
from vicp.model.vicp import VICP

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class World:
    """Pools to draw episodes from, their cached tokens (n, 1+N, D) float16, and the rules in force."""

    transform: ImageTransform
    pools: list[Pool]
    tokens: list[Tensor]
    rules: tuple[Rule, ...]


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
