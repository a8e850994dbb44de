"""One step of pretraining: drawn objects and natural photos in, every loss by name out."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.data.images import normalise
from vicp.data.procedural.world import FACTORS, NUM_VALUES
from vicp.pretrain_config import PretrainConfig
from vicp.train.pretraining.photos import PretrainPhotos
from vicp.train.pretraining.pretrainer import WORN, Pretrainer
from vicp.train.pretraining.teacher import Teacher


@dataclass(frozen=True)
class PretrainTerms:
    """The losses of one step and the share of factor values read right."""

    factors: Tensor
    patches: Tensor
    views: Tensor
    dressed: Tensor
    accuracy: Tensor

    def total(self, settings: PretrainConfig) -> Tensor:
        """Return what is minimised."""
        natural = settings.views_weight * self.views + settings.dressed_weight * self.dressed
        return self.factors + self.patches + natural

    def numbers(self) -> dict[str, float]:
        """Return each loss by name."""
        return {name: value.item() for name, value in vars(self).items()}


def pretrain_step(model: Pretrainer, teacher: Teacher, photos: PretrainPhotos, draw: torch.Generator) -> PretrainTerms:
    """Return a batch of drawn objects, two views each of some natural photos and some dressed ones, in one forward."""
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
    """Return the cross-entropy of factor values (B, F) from logits (B, F * 8); 0 without photos."""
    if not len(values):
        return logits.sum()
    return F.cross_entropy(logits.unflatten(-1, (-1, NUM_VALUES)).flatten(0, 1), values.flatten())


def two_view_loss(views: Tensor, temperature: float) -> Tensor:
    """Return the NT-Xent loss (SimCLR, equation 1) of views (2B, D); rows b and B + b show the same photo."""
    views = F.normalize(views, dim=-1)
    logits = views @ views.T / temperature  # (2B, 2B)
    logits = logits.masked_fill(torch.eye(len(views), dtype=torch.bool), float("-inf"))
    partner = torch.arange(len(views)).roll(len(views) // 2)
    return F.cross_entropy(logits, partner)
