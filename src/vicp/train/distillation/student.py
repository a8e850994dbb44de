"""A ViT that learns from a teacher, with the heads that only this training uses, and where its weights start."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from vicp.data.procedural.world import FACTORS, NUM_VALUES
from vicp.train.distillation.feature_cache import LATE_DIM, MIDDLE_DIM
from vicp.train.distillation.teacher import NUM_CLASSES


class StudentTokens(NamedTuple):
    """What a student makes of B photos of which it sees n patches.

    Attributes:
        cls: (B, D).
        patches: After the last layer (B, n, D).
        middle: After the middle layer, normed (B, n, D).
    """

    cls: Tensor
    patches: Tensor
    middle: Tensor

    @property
    def readout(self) -> Tensor:
        """CLS and the mean patch (B, 2D)."""
        return torch.cat([self.cls, self.patches.mean(dim=1)], dim=1)


class Student(nn.Module):
    """A DINOv2 ViT with linear heads: the teacher's maps for every patch, its classes, and the world's factors.

    CLS and the mean patch are compared with their targets without a head: what a user reads is what was taught.
    """

    def __init__(self, vit: PreTrainedModel) -> None:
        super().__init__()
        self.vit = vit.requires_grad_(True).train()
        self.vit.set_attn_implementation("eager")  # faster than SDPA in training on a CPU
        width = int(vit.config.hidden_size)
        self.middle = nn.Linear(width, MIDDLE_DIM)
        self.late = nn.Linear(width, LATE_DIM)
        self.logits = nn.Linear(2 * width, NUM_CLASSES)
        self.factors = nn.Linear(2 * width, len(FACTORS) * NUM_VALUES)

    def forward(self, patches: Tensor, visible: Tensor | None = None) -> StudentTokens:
        """Return the tokens of photos.

        Args:
            patches: Pixels of the patches that it sees (B, n, 3*p*p), from `patchify`.
            visible: Numbers of these patches (B, n); None are all, in order.
        """
        embeddings = self.vit.embeddings
        projection, places = embeddings.patch_embeddings.projection, embeddings.position_embeddings  # (1, 1+N, D)
        embedded = F.linear(patches, projection.weight.flatten(1), projection.bias)
        embedded = embedded + (places[:, 1:] if visible is None else places[0, 1:][visible])
        cls = (embeddings.cls_token + places[:, :1]).expand(len(patches), -1, -1)
        tokens, middle = torch.cat([cls, embedded], dim=1), embedded
        layers = self.vit.encoder.layer
        for index, layer in enumerate(layers):
            tokens = layer(tokens)
            if index == math.ceil(len(layers) / 2) - 1:
                middle = F.layer_norm(tokens[:, 1:], tokens.shape[-1:])
        tokens = self.vit.layernorm(tokens)
        return StudentTokens(tokens[:, 0], tokens[:, 1:], middle)

    def factor_logits(self, readout: Tensor) -> Tensor:
        """Return logits (B, F, 8) of the world's factors."""
        logits: Tensor = self.factors(readout).float().unflatten(-1, (len(FACTORS), NUM_VALUES))
        return logits


def patchify(pixels: Tensor, size: int) -> Tensor:
    """Return patches (B, N, 3*p*p) of photos (B, 3, S, S), as a patch embedding's filters see them."""
    batch, channels, height, width = pixels.shape
    grid = pixels.view(batch, channels, height // size, size, width // size, size)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * size * size)


@torch.no_grad()
def start_from(previous: PreTrainedModel, vit: PreTrainedModel) -> None:
    """Give a ViT the weights of one of the same sizes that sees smaller photos or other patches.

    Position embeddings are interpolated, and patch filters are resampled so that they say of an enlarged photo what
    they said of it (FlexiViT, Beyer et al., arXiv 2212.08013).
    """
    weights = dict(previous.state_dict())
    old, new = previous.embeddings, vit.embeddings
    filters = "embeddings.patch_embeddings.projection.weight"
    weights[filters] = _resampled(weights[filters], new.patch_embeddings.projection.weight.shape[-1])
    places, side = old.position_embeddings, math.isqrt(new.position_embeddings.shape[1] - 1)
    plane = places[:, 1:].unflatten(1, (math.isqrt(places.shape[1] - 1),) * 2).permute(0, 3, 1, 2)
    plane = F.interpolate(plane, size=(side, side), mode="bicubic", align_corners=False)
    weights["embeddings.position_embeddings"] = torch.cat([places[:, :1], plane.flatten(2).mT], dim=1)
    vit.load_state_dict(weights)


def _resampled(filters: Tensor, size: int) -> Tensor:
    """Return filters (D, 3, p, p) in another patch size."""
    small = filters.shape[-1]
    enlarge = F.interpolate(torch.eye(small)[None], size=size, mode="linear", align_corners=False)[0].T  # (size, p)
    back = enlarge @ torch.linalg.inv(enlarge.T @ enlarge)
    resampled: Tensor = back @ filters @ back.T
    return resampled
