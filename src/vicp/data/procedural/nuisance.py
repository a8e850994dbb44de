"""The nuisance of a drawn photo: pose, light, backdrop, occlusion and lens, which say nothing of the individual."""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Nuisance:
    """All that varies between two photos of one individual, except the sensor noise: one row per photo."""

    pose: Tensor  # (B, 6): rotation, scale, shift in x and y, shear, aspect
    texture: Tensor  # (B, 4): frequency, tilt and offsets of the pattern
    marks: Tensor  # (B, 3): size and tilt of the emblem, width of the border
    hues: Tensor  # (B, 6, 3): colour offset of each layer
    light: Tensor  # (B, 6): gain, gradient in x and y, direction of the lamp in x and y, gloss
    tint: Tensor  # (B, 3)
    backdrop: Tensor  # (B, 5, 4): hue, saturation, value of two colours and three blobs; an angle
    blobs: Tensor  # (B, 3, 3): position and size
    occluder: Tensor  # (B, 8): occurs, is a bar, direction, reach, size, colour
    lens: Tensor  # (B, 2): blur, noise

    def rows(self, part: slice) -> "Nuisance":
        """Return the nuisance of some of the photos."""
        return Nuisance(**{f.name: getattr(self, f.name)[part] for f in fields(self)})


def sample_nuisance(num: int, generator: torch.Generator) -> Nuisance:
    """Return random pose, light, backdrop, occlusion and lens of `num` photos."""

    def uniform(*ranges: tuple[float, float]) -> Tensor:
        low, high = torch.tensor(ranges).unbind(1)
        return torch.lerp(low, high, torch.rand(num, len(ranges), generator=generator))

    def around(spread: float) -> tuple[float, float]:
        return -spread, spread

    lens = uniform((-0.25, 0.25), (0.006, 0.03))
    return Nuisance(
        pose=uniform(around(math.pi / 6), (0.78, 0.96), around(0.08), around(0.08), around(0.12), around(0.1)),
        texture=uniform((0.92, 1.1), around(0.1), around(0.07), around(0.07)),
        marks=uniform((0.93, 1.1), around(0.15), (0.085, 0.11)),
        hues=uniform(*[around(0.045)] * 18).view(num, 6, 3),
        light=uniform((0.78, 1.12), around(0.18), around(0.18), around(0.5), (0.0, 0.6), (0.1, 0.5)),
        tint=uniform(*[(0.92, 1.08)] * 3),
        backdrop=uniform(*[(0, 1), (0.08, 0.45), (0.45, 0.95), (0, 2 * math.pi)] * 5).view(num, 5, 4),
        blobs=uniform(*[around(1.0), around(1.0), (0.15, 0.5)] * 3).view(num, 3, 3),
        occluder=uniform((0, 1), (0, 1), (0, 2 * math.pi), (0.6, 0.9), (0.1, 0.18), *[(0.1, 0.9)] * 3),
        lens=lens,
    )
