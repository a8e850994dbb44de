"""Principal components: of a map's places, of a readout's target, and the rotation between two sets of vectors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.errors import ConfigError


@dataclass(frozen=True)
class Basis:
    """Principal components of vectors.

    Attributes:
        mean: (C,).
        weight: (C, d).
    """

    mean: Tensor
    weight: Tensor

    def apply(self, vectors: Tensor) -> Tensor:
        """Return the coordinates (..., d) of vectors (..., C)."""
        return (vectors - self.mean) @ self.weight


def half_whitened(vectors: Tensor, dim: int) -> Basis:
    """Return the first components of vectors (n, C), each divided by the root of its deviation; mean variance 1."""
    mean = vectors.mean(dim=0)
    variance, components = _components((vectors - mean).double())
    variance = variance[:dim].clamp_min(1e-12)
    weight = components[:, :dim] * variance.pow(-0.25)
    return Basis(mean, (weight / variance.sqrt().mean().sqrt()).float())


@dataclass(frozen=True)
class FeatureBlock:
    """One kind of features within a target.

    Attributes:
        name: pooled or stages (the teacher's), or previous (the readout of an earlier backbone).
        power: How far its principal components are whitened, from 0 to 1.
        weight: Square root of its share of the target's squared length.
    """

    name: str
    power: float
    weight: float


def parse_target(text: str) -> tuple[FeatureBlock, ...]:
    """Return the blocks of NAME^POWER*WEIGHT joined by +.

    Raises:
        ConfigError: The text is not of that form.
    """
    blocks = []
    for part in text.split("+"):
        match = re.fullmatch(r"(pooled|stages|previous)\^([0-9.]+)\*([0-9.]+)", part)
        if match is None:
            raise ConfigError(
                f"distill: target '{text}': expected NAME^POWER*WEIGHT joined by +, NAME pooled, stages or previous"
            )
        blocks.append(FeatureBlock(match[1], float(match[2]), float(match[3])))
    return tuple(blocks)


@dataclass(frozen=True)
class Target:
    """What part of a readout is to be: a linear map of features side by side, of unit length.

    Attributes:
        names: Of the features, in their order.
        basis: Of the map.
    """

    names: tuple[str, ...]
    basis: Basis

    def of(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return targets (B, D) of unit length, of features (B, C) by name."""
        vectors = torch.cat([features[name].float() for name in self.names], dim=1)
        return F.normalize(self.basis.apply(vectors), dim=1)

    def rotated(self, rotation: Tensor) -> "Target":
        """Return the target whose coordinates are turned by (D, D); similarities stay."""
        return replace(self, basis=Basis(self.basis.mean, self.basis.weight @ rotation))


def fit_target(blocks: tuple[FeatureBlock, ...], features: Mapping[str, Tensor], dim: int) -> Target:
    """Return the target of `dim` dimensions that is fitted on features (n, C) by name; what it lacks of them is 0."""
    maps = [_whitening(block, features[block.name].double()) for block in blocks]
    mean, joined = torch.cat([each.mean for each in maps]), torch.block_diag(*(each.weight for each in maps))
    vectors = torch.cat([features[block.name].double() for block in blocks], dim=1)
    _, components = _components((vectors - mean) @ joined)
    weight = joined @ components[:, :dim]
    weight = F.pad(weight, (0, dim - weight.shape[1]))
    return Target(tuple(block.name for block in blocks), Basis(mean.float(), weight.float()))


def _whitening(block: FeatureBlock, vectors: Tensor) -> Basis:
    """Return the components of vectors (n, C), whitened by the block's power, of mean squared length weight²."""
    mean = vectors.mean(dim=0)
    variance, components = _components(vectors - mean)
    floor = 1e-4 * variance.max()
    scaled = components * (variance + floor).pow(-block.power / 2)
    length = ((variance + floor).pow(-block.power) * variance).sum().sqrt()
    return Basis(mean, scaled * (block.weight / length))


def _components(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Return variances (C,), the largest first, and principal components (C, C) in columns."""
    variance, components = torch.linalg.eigh(centred.T @ centred / len(centred))
    return variance.flip(0).clamp_min(0), components.flip(1)


def procrustes(vectors: Tensor, towards: Tensor) -> Tensor:
    """Return the rotation (D, D) that brings vectors (n, D) closest to others, both centred (Schönemann, 1966)."""
    cross = (vectors - vectors.mean(dim=0)).T @ (towards - towards.mean(dim=0))
    left, _, right = torch.linalg.svd(cross)
    rotation: Tensor = left @ right
    return rotation
