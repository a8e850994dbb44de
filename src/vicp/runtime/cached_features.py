"""Features of photos from one source, the frozen backbone or a visual prompt: cached ones found, others computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.linear_transform import Floats
from vicp.data.loading import LoadedPhoto
from vicp.runtime.cache import EmbeddingCache


@dataclass(frozen=True, eq=False)
class CachedFeatures:
    """Embeddings of one source, by the position of their photo.

    Attributes:
        embed: Returns embeddings (b, D) of decoded photos (b, 3, S, S) uint8.
        space: What makes them, so that the cache mixes no two kinds.
        cache: None keeps nothing.
        by_position: Position of a photo -> its embedding (D,).
    """

    embed: Callable[[NDArray[np.uint8]], Floats]
    space: str
    cache: EmbeddingCache | None
    by_position: dict[int, Floats] = field(default_factory=dict)

    def find(self, positions: Sequence[int], keys: Sequence[bytes]) -> None:
        """Take the embeddings of photos with these keys that the cache has."""
        cached = {} if self.cache is None else self.cache.find(self.space, keys)
        self.by_position.update((positions[number], embedding) for number, embedding in cached.items())

    def compute(self, positions: Sequence[int], photos: Sequence[LoadedPhoto]) -> None:
        """Embed decoded photos, and put them into the cache."""
        pixels = np.stack([photo.pixels for photo in photos if photo.pixels is not None])  # (b, 3, S, S)
        embeddings = self.embed(pixels)  # (b, D)
        if self.cache is not None:
            self.cache.add(self.space, [photo.key for photo in photos], embeddings)
        self.by_position.update(zip(positions, embeddings, strict=True))

    def stacked(self) -> Floats:
        """Return the embeddings (n, D), by ascending position."""
        return np.stack([self.by_position[position] for position in sorted(self.by_position)])


def missing_positions(positions: Sequence[int], features: Sequence[CachedFeatures]) -> list[int]:
    """Return the positions of the photos that at least one source has not embedded yet."""
    return [position for position in positions if any(position not in each.by_position for each in features)]
