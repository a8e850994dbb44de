"""Random views of photos for self-supervised training, computed on tensors."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_view(photos: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return a random view of each photo: crop, flip, rotation, light and a little colour.

    Hue changes little, since colour tells individuals apart.

    Args:
        photos: uint8 (B, 3, S, S).
        generator: Source of all random numbers.

    Returns:
        uint8 (B, 3, S, S).
    """
    batch = len(photos)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    zoom = uniform(0.45, 1.0)
    angle = uniform(-20, 20) * math.pi / 180
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    shift_x, shift_y = (uniform(-1, 1) * (1 - zoom) for _ in range(2))
    matrix = torch.stack(
        [
            torch.stack([zoom * angle.cos() * flip, -zoom * angle.sin(), shift_x], dim=1),
            torch.stack([zoom * angle.sin() * flip, zoom * angle.cos(), shift_y], dim=1),
        ],
        dim=1,
    )  # (B, 2, 3)
    grid = F.affine_grid(matrix, list(photos.shape), align_corners=False)
    warped = F.grid_sample(photos.float(), grid, padding_mode="reflection", align_corners=False)
    gain = uniform(0.7, 1.3)[:, None] * (1 + 0.08 * torch.randn(batch, 3, generator=generator))
    mean = warped.mean(dim=(1, 2, 3), keepdim=True)
    contrast = uniform(0.75, 1.25)[:, None, None, None]
    lit = ((warped - mean) * contrast + mean) * gain[:, :, None, None]
    return lit.clamp(0, 255).to(torch.uint8)
