"""Rule episodes: pools of drawn objects and of dressed photos, with the tokens a frozen backbone makes of them."""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.config import EpisodeConfig
from vicp.data.episodes.natural import NATURAL_FACTORS, composite_pool, natural_rules, read_photo_column
from vicp.data.episodes.rules import EMBLEM, Episode, Pool, render_pool, sample_episode
from vicp.data.images import normalise
from vicp.data.procedural.world import RULE_SEED, Rule, Split, all_rules, sample_silhouettes, split_rules
from vicp.data.seeds import derive_seed, generator
from vicp.errors import ConfigError
from vicp.image_transform import ImageTransform
from vicp.model.backbone import Backbone

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpisodeKind:
    """Pools of one kind under some rules.

    Attributes:
        pools: Their indices.
        rules: In force there.
        natural: Whether their factors are those of dressed photos.
        weight: How often the kind is drawn, relative to others.
    """

    pools: range
    rules: tuple[Rule, ...]
    natural: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class RuleSource:
    """Pools to draw episodes from, drawn objects first; their tokens (n, P+N, D) float16, if any; and their kinds."""

    transform: ImageTransform
    pools: list[Pool]
    cached: list[Tensor]
    kinds: tuple[EpisodeKind, ...]

    def draw(self, settings: EpisodeConfig, num_pairs: int | None, *seed: int | str) -> Episode:
        """Return an episode of a random pool under a random rule, by seed."""
        draw = generator(*seed)
        kind = self._kind(draw)
        return sample_episode(
            self.pools,
            kind.rules,
            among=kind.pools,
            num_pairs=num_pairs or 0,
            num_identities=settings.identities,
            num_photos=settings.photos,
            num_queries=settings.query_pairs,
            hard_share=settings.hard_share,
            same_share=settings.same_shares[derive_seed(*seed, "same share") % len(settings.same_shares)],
            draw=draw,
        )

    def _kind(self, draw: torch.Generator) -> EpisodeKind:
        if len(self.kinds) == 1:
            return self.kinds[0]
        weights = torch.tensor([kind.weight for kind in self.kinds])
        if (weights == weights[0]).all():
            return self.kinds[int(torch.randint(len(self.kinds), (), generator=draw))]
        return self.kinds[int(torch.multinomial(weights, 1, generator=draw))]

    def pixels(self, pool: int, rows: Tensor) -> Tensor:
        """Return photos (n, 3, S, S) uint8."""
        return self.pools[pool].images[rows]

    def tokens(self, pool: int, rows: Tensor) -> Tensor:
        """Return unprompted tokens (n, P+N, D) float16."""
        return self.cached[pool][rows]

    def values(self, pool: int, rows: Tensor) -> Tensor:
        """Return factor values (n, 12), of drawn objects, then of composites; -1 for factors of the other kind."""
        own = self.pools[pool].values[rows]  # (n, 6)
        none = torch.full((len(own), len(NATURAL_FACTORS)), -1)
        natural = any(kind.natural and pool in kind.pools for kind in self.kinds)
        return torch.cat([none, own] if natural else [own, none], dim=1)


def make_rule_source(
    backbone: Backbone | None,
    settings: EpisodeConfig,
    split: Split,
    *,
    num: int,
    transform: ImageTransform,
    seed: int,
    num_natural: int = 0,
    num_cluttered: int = 0,
) -> RuleSource:
    """Render the pools of a split and encodes them once: the backbone is frozen, its tokens never change.

    Args:
        backbone: None for methods that look at no tokens.
        settings: Sizes of the pools, and where natural photos are.
        split: Of the silhouettes; natural photos have one half for training, the other for validation.
        num: How many pools of drawn objects.
        transform: The size of the photos, and how they become the backbone's input.
        seed: Of silhouettes and photos.
        num_natural: How many pools of dressed photos, where the settings name natural photos.
        num_cluttered: How many more pools of drawn objects, amid clutter.

    Raises:
        ConfigError: Too few natural photos.
        DataError: They cannot be read.
    """
    silhouettes = sample_silhouettes(num + num_cluttered, seed=derive_seed(seed, "train"), split=split)
    pools = [
        render_pool(
            silhouette,
            settings.photos_per_silhouette,
            values_per_factor=settings.values_per_factor,
            size=transform.size,
            seed=derive_seed(seed, split, index),
            clutter=index >= num,
            all_emblems=index >= num and settings.cluttered_share is not None,
        )
        for index, silhouette in enumerate(silhouettes)
    ]
    seen, _ = split_rules(RULE_SEED)
    kinds = [EpisodeKind(range(num), seen)]
    with_natural = num_natural > 0 and settings.natural_photos is not None
    if num_cluttered:
        share, num_others = settings.cluttered_share, 1 + with_natural
        kinds += _cluttered_kinds(range(num, len(pools)), seen, share, num_others=num_others)
    if with_natural:
        first = len(pools)
        pools += _natural_pools(settings, split, num=num_natural, transform=transform, seed=seed)
        kinds.append(EpisodeKind(range(first, len(pools)), natural_rules(all_rules()), natural=True))
    logger.info("%s world: %d pools of %d photos", split, len(pools), settings.photos_per_silhouette)
    tokens = [] if backbone is None else [encode(backbone, pool.images, transform) for pool in pools]
    return RuleSource(transform, pools, tokens, tuple(kinds))


def _cluttered_kinds(
    pools: range, rules: tuple[Rule, ...], share: float | None, *, num_others: int
) -> list[EpisodeKind]:
    """Return the pools amid clutter under every rule; with a share, as often by the emblem alone as by other rules.

    Eight emblems make so many individuals that rules of three factors leave them too few photos each.
    """
    if share is None:
        return [EpisodeKind(pools, rules)]
    weight = num_others * share / (1 - share) / 2
    few = tuple(rule for rule in rules if len(rule.factors) < 3)
    return [EpisodeKind(pools, few, weight=weight), EpisodeKind(pools, (Rule((EMBLEM,)),), weight=weight)]


def _natural_pools(
    settings: EpisodeConfig, split: Split, *, num: int, transform: ImageTransform, seed: int
) -> list[Pool]:
    assert settings.natural_photos is not None
    photos = read_photo_column(
        settings.natural_photos, settings.natural_column, transform, key="episodes.natural_photos"
    )
    half = len(photos) // 2
    photos = photos[:half] if split == "seen" else photos[half:]
    if len(photos) < 16:
        raise ConfigError(f"episodes.natural_photos: {2 * half} photos; expected 32 or more")
    return [
        composite_pool(
            photos,
            settings.photos_per_silhouette,
            values_per_factor=settings.values_per_factor,
            seed=derive_seed(seed, "natural", split, index),
        )
        for index in range(num)
    ]


@torch.no_grad()
def encode(backbone: Backbone, photos: Tensor, transform: ImageTransform) -> Tensor:
    """Return unprompted tokens (n, P+N, D) float16 of photos (n, 3, S, S) uint8, in main memory."""
    device = next(backbone.parameters()).device
    blocks = [normalise(block.to(device), transform) for block in photos.split(128)]
    return torch.cat([backbone.encode(block).tokens.half().cpu() for block in blocks])
