"""The supports of tasks: pairs sampled by the draw's seed, encoded by one model."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import (
    EncodedSupport,
    encode_pixels,
    pairs_within,
    photos_of_pairs,
    sample_same_size,
)
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.task import EvaluationTask, Rows

_IN_MEMORY = 2**28  # bytes of decoded photos


@dataclass(frozen=True, eq=False)
class SupportSampler:
    """Samples the supports of tasks; a photo that several draws share is decoded once.

    Attributes:
        embedder: The model that encodes them.
        table: The photos that the rows of the tasks point into.
        config: The configuration.
    """

    embedder: Embedder
    table: PhotoTable
    config: EvaluationConfig
    _decoded: dict[int, Tensor] = field(default_factory=dict)  # row -> (3, S, S) uint8, the latest last

    def sample(self, task: EvaluationTask, draw: int) -> EncodedSupport:
        """Return the support of a task for that draw.

        Raises:
            DataError: Photos that cannot be used, or not even two pairs.
        """
        seed = derive_seed(self.config.seed, "support draw", task.category, task.variant, draw)
        photos = self.table.select(task.support)
        moments = None if task.moments is None else task.moments[task.support]
        pairs = sample_same_size(photos.identities, self.config.num_pairs, moments=moments, seed=seed)
        chosen = photos_of_pairs(pairs)
        shown = photos.select(chosen)
        return encode_pixels(
            self.embedder,
            self._pixels(task.support[chosen]),
            pairs_within(pairs, chosen),
            category=task.category,
            identities=shown.identities,
            names=[str(name) for name in shown.frame["path"]],
            moments=None if moments is None else moments[chosen],
            seed=seed,
        )

    def _pixels(self, rows: Rows) -> Tensor:
        """Return the pixels (n, 3, S, S) of these rows of the table."""
        missing = np.array([row for row in rows.tolist() if row not in self._decoded], dtype=np.int64)
        if len(missing):
            _, pixels = self.embedder.pixels(self.table.select(missing))
            self._decoded.update(zip(missing.tolist(), pixels, strict=True))
        stacked = torch.stack([self._decoded[row] for row in rows.tolist()])
        while len(self._decoded) * stacked[0].numel() > _IN_MEMORY:
            del self._decoded[next(iter(self._decoded))]
        return stacked
