"""Episodes of the procedural world: one category each, whose rule only its labelled pairs tell.

A pool is photos of one silhouette in which all factors vary. An episode applies a rule to a pool: the same two photos
show the same individual in one episode and different ones in the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.data.procedural.marks import render_marked
from vicp.data.procedural.render import render
from vicp.data.procedural.world import FACTORS, NUM_VALUES, Rule
from vicp.data.seeds import generator
from vicp.errors import ConfigError

EMBLEM = FACTORS.index("emblem")
NUM_HARD_CANDIDATES = 16  # a hard pair is the hardest of so many


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
    """A support, a batch of photos to embed under its prompt, and query pairs; support and batch share no identity.

    Attributes:
        pool: Index of the pool, or category.
        rule: What defines identity in the procedural world; None for real photos.
        support: The K labelled pairs the LLM reads.
        batch: The photos to embed, indices into the pool (P*k,).
        identities: Their identities (P*k,); rows of one identity are neighbours.
        queries: Held-out pairs within the batch, as indices into `batch`.
    """

    pool: int
    rule: Rule | None
    support: Pairs
    batch: Tensor
    identities: Tensor
    queries: Pairs


def render_pool(
    silhouette: Tensor,
    num: int,
    *,
    values_per_factor: int,
    size: int,
    seed: int,
    clutter: bool = False,
    all_emblems: bool = False,
) -> Pool:
    """Return a pool that keeps a few values of each factor, so that combinations of two and three values recur.

    Amid clutter the emblem that counts is in the middle of the object; one more on it, and two near it, mean nothing.

    Args:
        silhouette: Of the objects (S,).
        num: How many photos.
        values_per_factor: How many of its eight values a factor takes.
        size: Of a photo in pixels.
        seed: Of everything that is drawn.
        clutter: Whether objects are amid clutter.
        all_emblems: Whether the emblem takes all of its values.
    """
    draw = generator(seed, "pool")
    kept = torch.stack([torch.randperm(NUM_VALUES, generator=draw)[:values_per_factor] for _ in FACTORS])
    chosen = torch.randint(values_per_factor, (num, len(FACTORS)), generator=draw)
    values = kept.T.gather(0, chosen)  # (n, 6)
    if all_emblems:
        values[:, EMBLEM] = torch.randint(NUM_VALUES, (num,), generator=draw)
    silhouettes = silhouette.expand(num, -1)
    if not clutter:
        return Pool(render(values, silhouettes, size=size, generator=draw), values)
    drawn = values.clone()
    drawn[:, EMBLEM] = torch.randint(NUM_VALUES, (num,), generator=draw)
    images = render_marked("clutter", values[:, EMBLEM], drawn, silhouettes, size=size, generator=draw)
    return Pool(images, values)


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
    """Return an episode of a random pool and a random rule (its number of factors first, then which).

    Args:
        pools: The pools to sample from.
        rules: The rules to sample from.
        num_pairs: K.
        num_identities: P.
        num_photos: P*k.
        num_queries: Held-out pairs of the batch, half of them same-pairs.
        hard_share: Share of hard pairs, in [0, 1]; see `sample_pairs`.
        draw: Source of all random numbers.
        same_share: Share of same-pairs in the support, in [0, 1].
        among: Indices of the pools to sample from; all if None.
    """
    among = range(len(pools)) if among is None else among
    pool = among[int(torch.randint(len(among), (), generator=draw))]
    sizes = sorted({len(rule.factors) for rule in rules})
    size = sizes[int(torch.randint(len(sizes), (), generator=draw))]
    of_size = [rule for rule in rules if len(rule.factors) == size]
    rule = of_size[int(torch.randint(len(of_size), (), generator=draw))]
    values = pools[pool].values
    identities = rule.identities(values)  # (n,)
    shuffled = torch.unique(identities)
    shuffled = shuffled[torch.randperm(len(shuffled), generator=draw)]
    for_support = torch.isin(identities, shuffled[: len(shuffled) // 2])
    support_photos = for_support.nonzero().squeeze(1)
    support = sample_pairs(
        support_photos, values, identities, num_pairs, hard_share=hard_share, same_share=same_share, draw=draw
    )
    batch = _sample_batch(identities, shuffled[len(shuffled) // 2 :], num_identities, num_photos, draw)
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
    """Return pairs in random order, a share of them same-pairs where the photos allow it, a share of them hard.

    A hard pair is a same-pair with few factor values in common, or a different-pair with many. Were all pairs hard,
    "few in common means same" would be a shortcut that needs no rule.

    Args:
        photos: Indices to sample from (n',).
        values: Factor values of the whole pool (n, 6).
        identities: Of the whole pool (n,).
        num: K.
        hard_share: Share of hard pairs, in [0, 1].
        draw: Source of all random numbers.
        same_share: Share of same-pairs, in [0, 1], rounded down to pairs.
    """
    is_same = torch.arange(num) < int(num * same_share)  # (K,)
    is_same = is_same[torch.randperm(num, generator=draw)]
    hard = torch.rand(num, generator=draw) < hard_share  # (K,)
    anchors = photos[torch.randint(len(photos), (num,), generator=draw)]  # (K,)
    allowed = identities[anchors][:, None] == identities[photos][None]  # (K, n')
    allowed = allowed == is_same[:, None]
    num_common = (values[anchors][:, None] == values[photos][None]).sum(dim=-1)  # (K, n')
    itself = anchors[:, None] == photos[None]
    random_score = torch.rand(allowed.shape, generator=draw) - 10.0 * ~allowed - 100.0 * itself  # (K, n')
    candidates = (
        random_score >= random_score.topk(min(NUM_HARD_CANDIDATES, random_score.shape[1]), dim=1).values[:, -1:]
    )  # (K, n')
    hardness = torch.where(is_same[:, None], -num_common, num_common).float().masked_fill(~candidates | ~allowed, -50.0)
    score = random_score + hardness * hard[:, None]
    partners = photos[score.argmax(dim=1)]  # (K,)
    return Pairs(anchors, partners, identities[anchors] == identities[partners])


def _sample_batch(
    identities: Tensor, allowed: Tensor, num_identities: int, num_photos: int, draw: torch.Generator
) -> Tensor:
    """Return `num_photos` different photos of at most `num_identities` identities, those with enough photos first."""
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
