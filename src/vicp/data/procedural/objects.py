"""The objects of the procedural world: silhouettes, patterns, emblems and borders as fields over the plane.

Body frame: x to the right, y up, the outline close to the unit circle. A field is about a distance in body
units, so that times the pixels per unit it anti-aliases: positive in a pattern, negative in an emblem.
Nothing here distinguishes left from right: a mirrored photo has the same values, as flip augmentation needs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vicp.data.seeds import generator as named_generator

Split = Literal["seen", "unseen", "choice"]
Field = Callable[[Tensor, Tensor], Tensor]

NUM_LOBES = 8
NUM_HARMONICS = 18
NOUNS = ("gourd", "owl", "leaf", "vase", "fish")  # one per accent of the outline
SILHOUETTE_DIM = 5 + NUM_HARMONICS  # lobes, accent, width, height, bend, then the harmonics

# The remainders (lobes + 2 * accent) % 5 of a split: of 40 combinations 24 are seen, 8 unseen and 8 choice.
REGIONS: dict[Split, tuple[int, ...]] = {"seen": (0, 1, 2), "unseen": (3,), "choice": (4,)}

# Emblem places: direction from the top in radians, share of the radius, mirrored in x, mirrored in y.
PLACES = torch.tensor(
    [
        (0.0, 0.0, 0, 0),  # centre
        (0.0, 0.54, 0, 0),  # top
        (math.pi, 0.54, 0, 0),  # bottom
        (math.pi / 2, 0.54, 1, 0),  # both sides
        (math.pi / 4, 0.6, 1, 0),  # upper pair
        (3 * math.pi / 4, 0.6, 1, 0),  # lower pair
        (0.0, 0.54, 0, 1),  # top and bottom
        (math.pi / 4, 0.6, 1, 1),  # four corners
    ]
)


def sample_silhouettes(num: int, *, seed: int, split: Split) -> Tensor:
    """Return random bilaterally symmetric outlines from the split's region of shape space.

    Args:
        num: Number of outlines.
        seed: Each split has its own stream for a seed.
        split: The combinations of lobes and accent (`REGIONS`), disjoint between splits.

    Returns:
        Parameters (num, S), float32: lobes, accent (index into `NOUNS`), width, height, bend, harmonics.
    """
    rng = named_generator(seed, "silhouettes", split)
    pairs = [(m, a) for m in range(1, NUM_LOBES + 1) for a in range(len(NOUNS))]
    allowed = torch.tensor([p for p in pairs if (p[0] + 2 * p[1]) % len(NOUNS) in REGIONS[split]])
    lobes, accent = allowed[torch.randint(len(allowed), (num,), generator=rng)].unbind(1)  # (num,), (num,)
    draw = torch.rand(num, 9, generator=rng)
    radius = _radii(lobes, accent, draw)  # (num, 256)
    theta = _angles()
    basis = torch.cos(torch.arange(NUM_HARMONICS)[:, None] * theta)  # (H, 256)
    harmonics = 2 * radius @ basis.T / theta.shape[0]  # (num, H)
    harmonics[:, 0] /= 2
    smooth = harmonics @ basis
    harmonics *= torch.minimum(0.86 / smooth.square().mean(1).sqrt(), 1.1 / smooth.amax(1))[:, None]
    stretch = 0.8 + 0.2 * draw[:, 7]
    tall = draw[:, 8] < 0.6
    width, height = torch.where(tall, stretch, 1.0), torch.where(tall, 1.0, stretch)
    bend = (draw[:, 6] - 0.5) * 0.5 * (draw[:, 5] > 0.6)
    return torch.cat([torch.stack([lobes, accent, width, height, bend], 1), harmonics], 1)  # (num, S)


def _angles() -> Tensor:
    return (torch.arange(256) + 0.5) * (math.pi / 256)  # one half: the other is its mirror image


def _radii(lobes: Tensor, accent: Tensor, draw: Tensor) -> Tensor:
    """Return the radius over the angle from the top, (num, 256), before smoothing by the harmonics."""
    theta = _angles()

    def bump(at: Tensor | float, spread: float) -> Tensor:
        return torch.exp(-(((theta - at) / spread) ** 2))

    depth, sharp, strength = 0.07 + 0.08 * draw[:, :1], draw[:, 1:2], 0.6 + 0.5 * draw[:, 2:3]
    sign = torch.where(draw[:, 3:4] < 0.5, -1.0, 1.0)
    wave = sign * torch.cos(lobes[:, None] * theta)
    petal = 1 - 2 * torch.sin(lobes[:, None] * theta / 2).abs()  # pointed where it is 1
    radius = 1 + depth * torch.where(sharp < 0.5, wave, petal)
    ears = bump(0.45 + 0.35 * draw[:, 4:5], 0.2) - 0.5 * bump(0.0, 0.35)
    accents = torch.stack(
        [
            strength * -0.3 * bump(0.3, 0.7),  # gourd: a slim top
            0.3 * strength * ears,  # owl
            strength * (0.42 * bump(math.pi, 0.22) + 0.2 * bump(0.0, 0.5)),  # leaf: a tip below
            strength * (-0.26 * bump(1.5, 0.33) + 0.1 * bump(0.0, 0.4)),  # vase: a waist
            strength * (0.42 * bump(2.75, 0.2) - 0.2 * bump(2.2, 0.3)),  # fish: a tail with two fins
        ],
        1,
    )  # (num, 5, 256)
    radius = radius + accents[torch.arange(len(accent)), accent]
    return (radius / radius.amax(1, keepdim=True)).clamp(min=0.62)


@dataclass(frozen=True)
class Outline:
    """Outlines over a grid, all (B, H, W): the radius in a pixel's direction and the pixel's distance from the centre.

    `reach` is that distance; `u`, `v` are body coordinates divided by width and height.
    """

    radius: Tensor
    reach: Tensor
    u: Tensor
    v: Tensor


def radius_at(cosine: Tensor, silhouettes: Tensor) -> Tensor:
    """Return the outline radius at the angle whose cosine from the top is given (B, ...), by Clenshaw's recurrence."""
    shape = (-1,) + (1,) * (cosine.dim() - 1)
    terms = [a.view(shape) for a in silhouettes[:, 5:].unbind(1)]
    double = 2 * cosine
    last, before = terms[-1].expand_as(cosine), torch.zeros_like(cosine)
    for term in reversed(terms[1:-1]):
        last, before = torch.addcmul(term - before, double, last), last
    return torch.addcmul(terms[0] - before, cosine, last)


def trace(x: Tensor, y: Tensor, silhouettes: Tensor) -> Outline:
    """Return the outlines of `silhouettes` (B, S) at body coordinates (B, H, W)."""
    u, v = x / silhouettes[:, 2, None, None], y / silhouettes[:, 3, None, None]
    reach = torch.addcmul(u * u, v, v).add_(1e-8).sqrt_()
    radius = radius_at(v / reach, silhouettes)
    return Outline(radius, reach, u, v)


def place_at(place: Tensor, silhouettes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the emblem's position x and y (B,) in the body frame, and whether it is mirrored in x and y (B, 2)."""
    theta, share, mirror_x, mirror_y = PLACES[place].unbind(1)
    above, below = radius_at(theta.cos(), silhouettes), radius_at(-theta.cos(), silhouettes)
    reach = share * torch.where(mirror_y > 0, torch.minimum(above, below), above)
    x, y = reach * theta.sin() * silhouettes[:, 2], reach * theta.cos() * silhouettes[:, 3]
    return x, y, torch.stack([mirror_x, mirror_y], 1) > 0


def _wave(phase: Tensor, frequency: float, level: float) -> Tensor:
    return (torch.cos(phase * (2 * math.pi * frequency)) - level) / (2 * math.pi * frequency)


def _dots(x: Tensor, y: Tensor) -> Tensor:
    row = torch.round(y * 3.6)
    along = x * 3.1 + 0.5 * row
    return 0.1 - torch.hypot((along - torch.round(along)) / 3.1, y - row / 3.6)


def _checks(x: Tensor, y: Tensor) -> Tensor:
    rate = 2 * math.pi * 1.9
    return (torch.cos(rate * x) * torch.cos(rate * y) - 0.08) / rate


def _zigzag(x: Tensor, y: Tensor) -> Tensor:
    cell = x * 2.3
    return _wave(y + 0.4 * (cell - torch.round(cell)).abs(), 2.7, 0.1)


def _net(x: Tensor, y: Tensor) -> Tensor:
    rate = 2 * math.pi * 1.6
    return (torch.maximum(torch.cos(rate * (x + y)), torch.cos(rate * (x - y))) - 0.8) / rate


def _blotches(x: Tensor, y: Tensor) -> Tensor:
    warp = torch.sin(6.3 * y + 1.0)
    return (torch.sin(8.0 * x + 1.6 * warp + 0.6) + torch.sin(7.5 * y + 1.8 * torch.sin(5.3 * x)) - 0.45) / 10


PATTERNS: tuple[Field, ...] = (
    lambda x, y: -0.08 - y,  # dip: the lower half
    lambda x, y: _wave(x, 2.7, 0.15),  # stripes
    _dots,
    _checks,
    _zigzag,
    lambda x, y: _wave(torch.hypot(x, y), 2.8, 0.1),  # rings
    _net,
    _blotches,
)


def _star(x: Tensor, y: Tensor) -> Tensor:
    wedge = math.pi / 5
    angle = torch.atan2(x, y)
    angle = (angle - 2 * wedge * torch.round(angle / (2 * wedge))).abs()
    reach = torch.hypot(x, y)
    px, py = reach * torch.sin(angle), reach * torch.cos(angle)
    nx, ny = 0.894, 0.447  # normal of the edge from the tip (0, 1.15) inwards
    return px * nx + (py - 1.15) * ny


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(0.866 * x.abs() + 0.5 * y - 0.55, -0.6 - y)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    ax, ay = x.abs(), y.abs()
    return torch.minimum(torch.maximum(ax - 0.34, ay - 1.0), torch.maximum(ax - 1.0, ay - 0.34))


def _heart(x: Tensor, y: Tensor) -> Tensor:
    ax = x.abs()
    lobe = torch.hypot(ax - 0.46, y - 0.34) - 0.54
    point = torch.maximum(0.745 * ax - 0.667 * y - 0.66, y - 0.34)
    return torch.minimum(lobe, point)


def _crescent(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(torch.hypot(x, y) - 1.0, 0.7 - torch.hypot(x, y - 0.46))


EMBLEMS: tuple[Field, ...] = (
    lambda x, y: torch.hypot(x, y) - 0.82,  # disc
    lambda x, y: (torch.hypot(x, y) - 0.74).abs() - 0.24,  # ring
    _star,
    _triangle,
    _cross,
    lambda x, y: torch.maximum(x.abs(), y.abs()) - 0.76,  # square
    _heart,
    _crescent,
)


def by_value(fields: tuple[Field, ...], values: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the field that each image's value names, at its coordinates (B, H, W); only that one is computed."""
    out = torch.empty_like(x)
    for value, field in enumerate(fields):
        rows = (values == value).nonzero()[:, 0]
        if len(rows):
            out[rows] = field(x[rows], y[rows])
    return out
