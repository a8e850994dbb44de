"""Episodes of the procedural world: a category per context, whose rule only its labelled pairs can tell.

A pool is one silhouette in photos whose factors all vary. An episode lays a rule over a pool, so identity is
defined on the fly: the same two photos are the same individual in one episode and different ones in the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.data.procedural.render import render
from vicp.data.procedural.world import FACTORS, NUM_VALUES, Rule
from vicp.data.seeds import generator
from vicp.errors import ConfigError

CANDIDATES = 16  # how many pairs a hard one is the hardest of


@dataclass(frozen=True)
class Pool:
    """Photos of one silhouette: images uint8 (n, 3, S, S) and their factor values (n, 6)."""

    images: Tensor
    values: Tensor


@dataclass(frozen=True)
class Pairs:
    """Labelled pairs as indices into a pool: left (K,), right (K,), same (K,) bool."""

    left: Tensor
    right: Tensor
    same: Tensor


@dataclass(frozen=True)
class Episode:
    """One context and what is asked of it; support and batch share no identity.

    Attributes:
        pool: which pool, or category.
        rule: what makes an identity in the procedural world; None for real photos.
        support: the K labelled pairs the LLM reads.
        batch: the photos to embed, indices into the pool (P*k,).
        identities: their identities (P*k,); rows of one identity are neighbours.
        queries: held-out pairs within the batch, as indices into `batch`.
    """

    pool: int
    rule: Rule | None
    support: Pairs
    batch: Tensor
    identities: Tensor
    queries: Pairs


def render_pool(silhouette: Tensor, num: int, *, values_per_factor: int, size: int, seed: int) -> Pool:
    """A pool that keeps a few values of each factor, so that pairs and triples of factors recur in it."""
    draw = generator(seed, "pool")
    kept = torch.stack([torch.randperm(NUM_VALUES, generator=draw)[:values_per_factor] for _ in FACTORS])
    chosen = torch.randint(values_per_factor, (num, len(FACTORS)), generator=draw)
    values = kept.T.gather(0, chosen)  # (n, 6)
    return Pool(render(values, silhouette.expand(num, -1), size=size, generator=draw), values)


def sample_episode(
    pools: Sequence[Pool],
    rules: Sequence[Rule],
    *,
    num_pairs: int,
    num_identities: int,
    num_photos: int,
    num_queries: int,
    hard_share: float,
    draw: torch.Generator,
    same_share: float = 0.5,
    among: range | None = None,
) -> Episode:
    """A random pool (`among` these, or all) under a random rule (its number of factors first, then which).

    Of the support's pairs, `same_share` are the same; of the held-out ones, half.
    """
    among = range(len(pools)) if among is None else among
    pool = among[int(torch.randint(len(among), (), generator=draw))]
    sizes = sorted({len(rule.factors) for rule in rules})
    size = sizes[int(torch.randint(len(sizes), (), generator=draw))]
    of_size = [rule for rule in rules if len(rule.factors) == size]
    rule = of_size[int(torch.randint(len(of_size), (), generator=draw))]
    values = pools[pool].values
    identities = rule.identities(values)  # (n,)
    known = torch.unique(identities)
    known = known[torch.randperm(len(known), generator=draw)]
    for_support = torch.isin(identities, known[: len(known) // 2])
    support_photos = for_support.nonzero().squeeze(1)
    support = sample_pairs(
        support_photos, values, identities, num_pairs, hard_share=hard_share, same_share=same_share, draw=draw
    )
    batch = _draw_batch(identities, known[len(known) // 2 :], num_identities, num_photos, draw)
    positions = torch.arange(len(batch))
    queries = sample_pairs(positions, values[batch], identities[batch], num_queries, hard_share=hard_share, draw=draw)
    return Episode(pool, rule, support, batch, identities[batch], queries)


def sample_pairs(
    photos: Tensor,
    values: Tensor,
    identities: Tensor,
    num: int,
    *,
    hard_share: float,
    draw: torch.Generator,
    same_share: float = 0.5,
) -> Pairs:
    """Pairs in random order, a share of them the same where the photos allow it, a share of them hard.

    A hard pair is the same and unlike, or different and alike.

    If all pairs were hard, "unlike means same" would be a shortcut past the rule (notes from the bench, 7).

    Args:
        photos: indices to draw from (n',).
        values: factor values of the whole pool (n, 6).
        identities: of the whole pool (n,).
        num: K.
        hard_share: share of hard pairs, in [0, 1].
        draw: the source of randomness.
        same_share: share of same-pairs, in [0, 1], rounded down to pairs.
    """
    wanted = torch.arange(num) < int(num * same_share)  # (K,) same?
    wanted = wanted[torch.randperm(num, generator=draw)]
    hard = torch.rand(num, generator=draw) < hard_share  # (K,)
    anchors = photos[torch.randint(len(photos), (num,), generator=draw)]  # (K,)
    allowed = identities[anchors][:, None] == identities[photos][None]  # (K, n')
    allowed = allowed == wanted[:, None]
    alike = (values[anchors][:, None] == values[photos][None]).sum(dim=-1)  # (K, n') factors in common
    itself = anchors[:, None] == photos[None]
    luck = torch.rand(allowed.shape, generator=draw) - 10.0 * ~allowed - 100.0 * itself  # (K, n')
    candidates = luck >= luck.topk(min(CANDIDATES, luck.shape[1]), dim=1).values[:, -1:]  # (K, n')
    hardness = torch.where(wanted[:, None], -alike, alike).float().masked_fill(~candidates | ~allowed, -50.0)
    score = luck + hardness * hard[:, None]
    partners = photos[score.argmax(dim=1)]  # (K,)
    return Pairs(anchors, partners, identities[anchors] == identities[partners])


def _draw_batch(
    identities: Tensor, allowed: Tensor, num_identities: int, num_photos: int, draw: torch.Generator
) -> Tensor:
    """`num_photos` different photos of at most `num_identities` identities, those with photos enough first."""
    counts = (identities[None] == allowed[:, None]).sum(dim=1)  # one per allowed identity
    share = -(-num_photos // min(num_identities, len(allowed)))
    chosen = allowed[(counts < share).int().argsort(stable=True)][:num_identities]
    photos = []
    for identity in chosen:
        candidates = (identities == identity).nonzero().squeeze(1)
        photos.append(candidates[torch.randperm(len(candidates), generator=draw)[:share]])
    batch = torch.cat(photos)[:num_photos]
    if len(batch) < num_photos:
        raise ConfigError(
            f"episodes.photos: a pool has too few photos for {num_photos} of {len(chosen)} identities; "
            "raise episodes.photos_per_silhouette or lower episodes.photos"
        )
    return batch
