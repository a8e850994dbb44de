"""One training batch as tensors: support tokens, photos to embed, their identities, and held-out pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import torch
from torch import Tensor

from vicp.config import EpisodeConfig
from vicp.data.episodes.rules import Episode, Pairs
from vicp.image_transform import ImageTransform


class EpisodeSource(Protocol):
    """A source of episodes: the procedural world, or photos on disk."""

    @property
    def transform(self) -> ImageTransform:
        """How photos become the model's input."""
        ...

    def draw(self, settings: EpisodeConfig, num_pairs: int | None, *seed: int | str) -> Episode:
        """Return an episode with K pairs; None: no support, and every identity may be in the batch."""
        ...

    def pixels(self, pool: int, rows: Tensor) -> Tensor:
        """Return photos (n, 3, S, S) uint8."""
        ...

    def tokens(self, pool: int, rows: Tensor) -> Tensor:
        """Return unprompted tokens (n, P+N, D) float16."""
        ...

    def values(self, pool: int, rows: Tensor) -> Tensor | None:
        """Return factor values (n, 12) where the source knows them, -1 where it does not."""
        ...


@dataclass(frozen=True)
class Batch:
    """C episodes of the same sizes.

    Attributes:
        same: Labels of the support (C, K) bool.
        support: Unprompted tokens of its photos, left then right (C, 2K, P+N, D) float16.
        photo_tokens: Unprompted tokens of the photos to embed (C, n, P+N, D) float16; None where no loss needs them.
        photos: The photos to embed, those of this process (C, n / processes, 3, S, S) uint8; None in the warm-up.
        identities: (C, n) of all of them.
        queries: Held-out pairs, indices into the n photos (C, R).
        values: Factor values (C, n, 12), in the procedural world; -1 where unknown.
        pools: Which pool or category each episode is from (C,).
    """

    same: Tensor
    support: Tensor | None
    photo_tokens: Tensor | None
    photos: Tensor | None
    identities: Tensor
    queries: Pairs
    values: Tensor | None
    pools: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the same on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)}
        queries = Pairs(*(t.to(device) for t in vars(self.queries).values()))
        return replace(self, queries=queries, **{name: t.to(device) for name, t in moved.items()})


@dataclass(frozen=True)
class Shard:
    """This process's share of every batch."""

    rank: int = 0
    num: int = 1

    def of(self, rows: Tensor) -> Tensor:
        """Return the rows of a process: neighbours, so that an identity stays together where the numbers allow it."""
        share = len(rows) // self.num
        return rows[self.rank * share : (self.rank + 1) * share]


def collate(
    source: EpisodeSource,
    episodes: Sequence[Episode],
    *,
    support: bool,
    photo_tokens: bool,
    photos: bool,
    shard: Shard = Shard(),
) -> Batch:
    """Return C episodes as one batch; the flags say which of its optional tensors are fetched."""
    pairs = [e.support for e in episodes]
    seen = [torch.cat([p.left, p.right]) for p in pairs]
    values = [source.values(e.pool, e.batch) for e in episodes]
    return Batch(
        same=torch.stack([p.same for p in pairs]),
        support=torch.stack([source.tokens(e.pool, r) for e, r in zip(episodes, seen, strict=True)])
        if support
        else None,
        photo_tokens=torch.stack([source.tokens(e.pool, e.batch) for e in episodes]) if photo_tokens else None,
        photos=torch.stack([source.pixels(e.pool, shard.of(e.batch)) for e in episodes]) if photos else None,
        identities=torch.stack([e.identities for e in episodes]),
        queries=Pairs(
            *(torch.stack(sides) for sides in zip(*(vars(e.queries).values() for e in episodes), strict=True))
        ),
        values=torch.stack([v for v in values if v is not None]) if values[0] is not None else None,
        pools=torch.tensor([e.pool for e in episodes]),
    )


def take_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Return rows (C, R, ...) of values (C, n, ...), `rows` (C, R) chosen per context."""
    contexts = torch.arange(len(values), device=values.device)[:, None]
    return values[contexts, rows]
