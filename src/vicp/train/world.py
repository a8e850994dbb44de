"""Rule episodes: pools of the procedural world, with the tokens a frozen backbone makes of them."""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.config import EpisodeConfig
from vicp.data.episodes import Episode, Pool, draw_episode, render_pool
from vicp.data.images import ImageTransform, normalise
from vicp.data.seeds import derive_seed, generator
from vicp.data.sources.world import RULE_SEED, Rule, Split, draw_silhouettes, split_rules
from vicp.model.backbone import Backbone

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class World:
    """Pools to draw episodes from, their cached tokens (n, 1+N, D) float16 if any, and the rules in force."""

    transform: ImageTransform
    pools: list[Pool]
    cached: list[Tensor]
    rules: tuple[Rule, ...]

    def draw(self, settings: EpisodeConfig, num_pairs: int | None, *seed: int | str) -> Episode:
        """An episode of a random pool under a random rule, decided by the seed."""
        return draw_episode(
            self.pools,
            self.rules,
            num_pairs=num_pairs or 0,
            num_identities=settings.identities,
            num_photos=settings.photos,
            num_queries=settings.query_pairs,
            hard_share=settings.hard_share,
            draw=generator(*seed),
        )

    def pixels(self, pool: int, rows: Tensor) -> Tensor:
        """Photos (n, 3, S, S) uint8."""
        return self.pools[pool].images[rows]

    def tokens(self, pool: int, rows: Tensor) -> Tensor:
        """Unprompted tokens (n, P+N, D) float16."""
        return self.cached[pool][rows]

    def values(self, pool: int, rows: Tensor) -> Tensor:
        """Factor values (n, 6)."""
        return self.pools[pool].values[rows]


def make_world(
    backbone: Backbone | None,
    settings: EpisodeConfig,
    split: Split,
    *,
    num: int,
    transform: ImageTransform,
    seed: int,
) -> World:
    """Renders `num` pools of a split and encodes them once: the backbone is frozen, its tokens never change.

    Args:
        backbone: None for methods that look at no tokens.
        settings: sizes of the pools.
        split: of the silhouettes.
        num: how many pools.
        transform: the size of the photos, and how they become the backbone's input.
        seed: of silhouettes and photos.
    """
    silhouettes = draw_silhouettes(num, seed=derive_seed(seed, "train"), split=split)
    pools = [
        render_pool(
            silhouette,
            settings.photos_per_silhouette,
            values_per_factor=settings.values_per_factor,
            size=transform.size,
            seed=derive_seed(seed, split, index),
        )
        for index, silhouette in enumerate(silhouettes)
    ]
    logger.info("%s world: %d pools of %d photos", split, len(pools), settings.photos_per_silhouette)
    seen, _ = split_rules(RULE_SEED)
    tokens = [] if backbone is None else [encode(backbone, pool.images, transform) for pool in pools]
    return World(transform, pools, tokens, seen)


@torch.no_grad()
def encode(backbone: Backbone, photos: Tensor, transform: ImageTransform) -> Tensor:
    """Unprompted tokens (n, P+N, D) float16 of photos (n, 3, S, S) uint8, in main memory."""
    device = next(backbone.parameters()).device
    blocks = [normalise(block.to(device), transform) for block in photos.split(128)]
    return torch.cat([backbone.encode(block).tokens.half().cpu() for block in blocks])
