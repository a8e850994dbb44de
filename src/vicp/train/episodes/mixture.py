"""Two episode sources as one: rule episodes mixed with episodes of labelled photos."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vicp.config import EpisodeConfig
from vicp.data.episodes.natural import NATURAL_FACTORS
from vicp.data.episodes.rules import Episode
from vicp.data.procedural.world import FACTORS
from vicp.data.seeds import generator
from vicp.image_transform import ImageTransform
from vicp.train.episodes.batch import EpisodeSource


@dataclass(frozen=True)
class MixedSource:
    """Two sources; a pool's number is twice its number in its own source, plus one for the second source.

    Attributes:
        first: Whose transform is the mixture's.
        second: Of the same transform.
        share: Of episodes from the second, in [0, 1].
    """

    first: EpisodeSource
    second: EpisodeSource
    share: float

    @property
    def transform(self) -> ImageTransform:
        """How photos become the model's input."""
        return self.first.transform

    def draw(self, settings: EpisodeConfig, num_pairs: int | None, *seed: int | str) -> Episode:
        """Return an episode of either source, decided by the seed."""
        second = float(torch.rand((), generator=generator(*seed, "mixture"))) < self.share
        episode = (self.second if second else self.first).draw(settings, num_pairs, *seed)
        return replace(episode, pool=2 * episode.pool + second)

    def pixels(self, pool: int, rows: Tensor) -> Tensor:
        """Return photos (n, 3, S, S) uint8."""
        return self._of(pool).pixels(pool // 2, rows)

    def tokens(self, pool: int, rows: Tensor) -> Tensor:
        """Return unprompted tokens (n, P+N, D) float16."""
        return self._of(pool).tokens(pool // 2, rows)

    def values(self, pool: int, rows: Tensor) -> Tensor:
        """Return factor values (n, 12), as a rule source's; -1 where a source knows none."""
        values = self._of(pool).values(pool // 2, rows)
        return torch.full((len(rows), len(FACTORS) + len(NATURAL_FACTORS)), -1) if values is None else values

    def _of(self, pool: int) -> EpisodeSource:
        return self.second if pool % 2 else self.first
