"""Episodes of photos on disk: categories with identities, decoded as they are needed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vicp.config import EpisodeConfig
from vicp.data.episodes.photos import EpisodeCategory, list_categories, sample_photo_episode
from vicp.data.episodes.rules import Episode, Pairs
from vicp.data.loading import load_pixels
from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.data.seeds import derive_seed, generator
from vicp.errors import ConfigError, DataError
from vicp.image_transform import ImageTransform
from vicp.io import content_digest
from vicp.train.episodes.feature_store import FeatureStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PhotoSource:
    """Categories to draw episodes from.

    A row of an episode is 2 * (row of the table) + (1 if mirrored), so that a photo's mirror image has tokens of
    its own.

    Attributes:
        table: The photos.
        categories: Of the table, those that are big enough.
        transform: How photos become pixels.
        flip: Mirror half of the photos.
        threads: Photos decoded at once.
        encode: Tokens of pixels (n, 3, S, S) uint8.
        store: Where tokens are kept; None encodes them each time.
    """

    table: PhotoTable
    categories: list[EpisodeCategory]
    transform: ImageTransform
    flip: bool
    threads: int
    encode: Callable[[Tensor], Tensor]
    store: FeatureStore | None = None

    def draw(self, settings: EpisodeConfig, num_pairs: int | None, *seed: int | str) -> Episode:
        """Return an episode of a random category, decided by the seed."""
        episode = sample_photo_episode(
            self.categories,
            num_pairs=num_pairs,
            num_identities=settings.identities,
            num_photos=settings.photos,
            num_queries=settings.query_pairs,
            seed=derive_seed(*seed),
        )
        coins = generator(*seed, "flip")

        def mirrored(rows: Tensor) -> Tensor:
            return 2 * rows + (torch.randint(2, rows.shape, generator=coins) if self.flip else 0)

        support = Pairs(mirrored(episode.support.left), mirrored(episode.support.right), episode.support.same)
        return replace(episode, support=support, batch=mirrored(episode.batch))

    def pixels(self, pool: int, rows: Tensor) -> Tensor:
        """Return photos (n, 3, S, S) uint8.

        Raises:
            DataError: Photos that cannot be used.
        """
        bad: list[BadPhoto] = []
        indices = (rows // 2).numpy()
        blocks = load_pixels(self.table, self.transform, indices=indices, threads=self.threads, bad=bad)
        photos = [torch.from_numpy(block.pixels) for block in blocks]
        if bad:
            raise DataError(
                f"training met photos that cannot be used: {list_rows(bad)}; `vicp data check` finds all of them: "
                "correct or remove them, or start anew with --skip-bad"
            )
        stacked = torch.cat(photos)
        return torch.where((rows % 2 == 1)[:, None, None, None], stacked.flip(-1), stacked)

    def tokens(self, pool: int, rows: Tensor) -> Tensor:
        """Return unprompted tokens (n, P+N, D) float16, from the store where it has them."""

        def make(missing: np.ndarray) -> Tensor:
            return self.encode(self.pixels(pool, torch.from_numpy(missing)))

        if len(rows) == 0:
            return self.encode(torch.zeros(1, 3, self.transform.size, self.transform.size, dtype=torch.uint8))[:0]
        return make(rows.numpy()) if self.store is None else self.store.tokens(rows.numpy(), make)

    def values(self, pool: int, rows: Tensor) -> None:
        """Return None: the factors of real photos are not known."""
        return None


def with_enough_photos(
    table: PhotoTable, settings: EpisodeConfig, num_pairs: int | None, *, key: str
) -> list[EpisodeCategory]:
    """Return the categories that can give every episode.

    Raises:
        ConfigError: There is none.
    """
    categories = list_categories(table)
    fitting = [
        c
        for c in categories
        if c.fits(num_photos=settings.photos, num_identities=settings.identities, num_pairs=num_pairs)
    ]
    small = [c.name for c in categories if c not in fitting]
    if not fitting:
        pairs = "" if not num_pairs else f" apart from a support of {num_pairs} pairs"
        raise ConfigError(
            f"{key}: no category has {settings.photos} photos of {settings.identities} identities or more{pairs} "
            f"(the largest: {max(c.num_photos for c in categories)} photos); lower episodes.photos, "
            "episodes.identities, episodes.pairs or episodes.validation_pairs"
        )
    if small:
        logger.warning("too few photos for a batch, so left out: %s", ", ".join(small))
    return fitting


def photos_name(table: PhotoTable, *parts: str) -> str:
    """Return a name for what is computed from these photos in this order, and from `parts`."""
    return content_digest("\0".join([*parts, *table.frame["path"]]).encode()).hex()
