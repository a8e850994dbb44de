"""The photos of pretraining: objects of the procedural world, and views of natural photos."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.config import RunConfig
from vicp.data.episodes.augment import random_view
from vicp.data.episodes.natural import composite, read_photo_column
from vicp.data.procedural.world import NUM_VALUES, sample_objects, sample_silhouettes, sample_values
from vicp.data.seeds import derive_seed
from vicp.image_transform import ImageTransform
from vicp.pretrain_config import PretrainConfig
from vicp.train.episodes.sources import image_transform


@dataclass(frozen=True, eq=False)
class PretrainPhotos:
    """What every step draws its photos of.

    Attributes:
        settings: How many of which kind.
        transform: How pixels become the ViT's input.
        silhouettes: Of the drawn objects.
        natural: Photos (n, 3, S, S) uint8; None for drawn objects alone.
    """

    settings: PretrainConfig
    transform: ImageTransform
    silhouettes: Tensor
    natural: Tensor | None

    def objects(self, num: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return drawn objects (num, 3, S, S) uint8 and their factor values (num, 6)."""
        return sample_objects(num, self.silhouettes, size=self.transform.size, generator=draw)

    def views(self, draw: torch.Generator) -> list[Tensor]:
        """Return two views each of some natural photos, the second ones after the first ones."""
        if self.natural is None:
            return []
        chosen = self._some(self.settings.photos_per_step, draw)
        return [random_view(chosen, generator=draw), random_view(chosen, generator=draw)]

    def dressed(self, draw: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Return natural photos with changed appearance, and their factor values (n, F)."""
        num = 0 if self.natural is None else self.settings.dressed_per_step
        worn = sample_values(num, generator=draw)
        if not num:
            return [], worn
        shown, scenes = self._some(2 * NUM_VALUES, draw).chunk(2)
        return [composite(shown, scenes, worn, generator=draw)], worn

    def _some(self, num: int, draw: torch.Generator) -> Tensor:
        assert self.natural is not None
        return self.natural[torch.randint(len(self.natural), (num,), generator=draw)]


def photos_to_learn(config: RunConfig) -> PretrainPhotos:
    """Return the silhouettes that drawn objects have, and the natural photos, if any.

    Raises:
        DataError: `pretrain.photos` cannot be read.
    """
    settings, seed = config.pretrain, derive_seed(config.seed, "pretrain")
    transform = image_transform(config)
    natural = None
    if settings.photos is not None:
        natural = read_photo_column(settings.photos, settings.photo_column, transform, key="pretrain.photos")
    return PretrainPhotos(
        settings, transform, sample_silhouettes(settings.num_silhouettes, seed=seed, split="seen"), natural
    )
