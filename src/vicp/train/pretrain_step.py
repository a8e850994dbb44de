"""One step of pretraining: drawn objects and natural photos in, every loss by name out."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.config import PretrainConfig
from vicp.data.augment import random_view
from vicp.data.images import ImageTransform, normalise
from vicp.data.natural import dress
from vicp.data.sources.world import FACTORS, NUM_VALUES, draw_values
from vicp.data.sources.world_render import render
from vicp.train.pretrainer import WORN, Pretrainer
from vicp.train.teacher import Teacher


@dataclass(frozen=True)
class PretrainTerms:
    """The losses of one step and the share of factor values read right."""

    factors: Tensor
    patches: Tensor
    views: Tensor
    dressed: Tensor
    accuracy: Tensor

    def total(self, settings: PretrainConfig) -> Tensor:
        """What is minimised."""
        natural = settings.views_weight * self.views + settings.dressed_weight * self.dressed
        return self.factors + self.patches + natural

    def numbers(self) -> dict[str, float]:
        """Each by its name."""
        return {name: value.item() for name, value in vars(self).items()}


@dataclass(frozen=True, eq=False)
class PretrainPhotos:
    """What every step draws its photos of.

    Attributes:
        settings: how many of which kind.
        transform: how pixels become the ViT's input.
        silhouettes: of the drawn objects.
        natural: photos (n, 3, S, S) uint8; None for drawn objects alone.
    """

    settings: PretrainConfig
    transform: ImageTransform
    silhouettes: Tensor
    natural: Tensor | None

    def objects(self, num: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Drawn objects (num, 3, S, S) uint8 and their factor values (num, 6)."""
        values = draw_values(num, generator=draw)
        shapes = self.silhouettes[torch.randint(len(self.silhouettes), (num,), generator=draw)]
        return render(values, shapes, size=self.transform.size, generator=draw), values

    def views(self, draw: torch.Generator) -> list[Tensor]:
        """Two views each of some natural photos, the second ones after the first ones."""
        if self.natural is None:
            return []
        chosen = self._some(self.settings.photos_per_step, draw)
        return [random_view(chosen, generator=draw), random_view(chosen, generator=draw)]

    def dressed(self, draw: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Natural photos dressed anew, and what they wear (n, F)."""
        worn = draw_values(self.settings.dressed_per_step if self.natural is not None else 0, generator=draw)
        if self.natural is None or not len(worn):
            return [], worn
        shown, scenes = self._some(2 * NUM_VALUES, draw).chunk(2)
        return [dress(shown, scenes, worn, generator=draw)], worn

    def _some(self, num: int, draw: torch.Generator) -> Tensor:
        assert self.natural is not None
        return self.natural[torch.randint(len(self.natural), (num,), generator=draw)]


def pretrain_step(model: Pretrainer, teacher: Teacher, photos: PretrainPhotos, draw: torch.Generator) -> PretrainTerms:
    """A batch of drawn objects, two views each of some natural photos and some dressed ones, in one forward."""
    objects, values = photos.objects(photos.settings.batch_size, draw)  # B of them
    views = photos.views(draw)
    dressed, worn = photos.dressed(draw)
    inputs = normalise(torch.cat([objects, *views, *dressed]), photos.transform)
    features, patches = model(inputs)  # (all of them, 2D), (all of them, N, D)
    shown = teacher.patches(inputs, round(patches.shape[1] ** 0.5))
    of_objects, of_views, of_dressed = features.split([len(values), sum(map(len, views)), len(worn)])
    logits = model.factors(of_objects).unflatten(-1, (len(FACTORS), NUM_VALUES))
    return PretrainTerms(
        factors=F.cross_entropy(logits.flatten(0, 1), values.flatten()),
        patches=F.mse_loss(model.patches(patches), shown),
        views=two_view_loss(model.views(of_views), photos.settings.temperature) if views else logits.new_zeros(()),
        dressed=_told(model.dressed(of_dressed), worn[:, WORN]),
        accuracy=(logits.argmax(dim=-1) == values).float().mean(),
    )


def _told(logits: Tensor, values: Tensor) -> Tensor:
    """Cross-entropy of factor values (B, F) from logits (B, F * 8); 0 without photos."""
    if not len(values):
        return logits.sum()
    return F.cross_entropy(logits.unflatten(-1, (-1, NUM_VALUES)).flatten(0, 1), values.flatten())


def two_view_loss(views: Tensor, temperature: float) -> Tensor:
    """NT-Xent (SimCLR, equation 1) of views (2B, D): rows b and B + b show the same photo."""
    views = F.normalize(views, dim=-1)
    logits = views @ views.T / temperature  # (2B, 2B)
    logits = logits.masked_fill(torch.eye(len(views), dtype=torch.bool), float("-inf"))
    partner = torch.arange(len(views)).roll(len(views) // 2)
    return F.cross_entropy(logits, partner)
