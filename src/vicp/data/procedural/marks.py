"""Marks on drawn objects that are small, local, bound to a place, or next to the object: one of eight values each.

The six factors of the world cover a large part of an object, and a frozen readout holds them. A mark need not be in it:
it decides who is who where only a part of the photo should count.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vicp.data.procedural.nuisance import Nuisance, sample_nuisance
from vicp.data.procedural.objects import EMBLEMS, Outline, by_value, trace
from vicp.data.procedural.render import (
    BODY,
    CREAM,
    INK,
    backdrop_of,
    bent,
    body_grid,
    edge_coverage,
    expose,
    scene,
)

TURN = 2 * math.pi
NUM_TAGS = 4  # of an object with bound tags


def render_marked(
    kind: str, marks: Tensor, values: Tensor, silhouettes: Tensor, *, size: int, generator: torch.Generator
) -> Tensor:
    """Return photos of objects with these factor values that carry a mark.

    Args:
        kind: One of `MARKS`.
        marks: Values of the mark (B,) in 0..7.
        values: Factor values (B, 6).
        silhouettes: Outline parameters (B, S).
        size: Height and width in pixels.
        generator: Source of everything else, as in `render`.

    Returns:
        Images (B, 3, size, size), uint8.

    Raises:
        KeyError: No such kind.
    """
    draw = MARKS[kind]
    nuisance = sample_nuisance(len(values), generator)
    photo = draw(scene(values, silhouettes, nuisance, size), marks, silhouettes, nuisance, generator)
    return expose(photo, nuisance, generator).mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)


Draw = Callable[[Tensor, Tensor, Tensor, Nuisance, torch.Generator], Tensor]


def scratch(
    photo: Tensor, marks: Tensor, silhouettes: Tensor, nuisance: Nuisance, generator: torch.Generator
) -> Tensor:
    """Return photos with a thin bright line on the object, in one of eight directions."""
    x, y, scale = _body(silhouettes, nuisance, photo.shape[-1])
    angle = (marks * (math.pi / 8))[:, None, None]
    across, along = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    inside = torch.minimum(0.02 - across.abs(), 0.3 - along.abs())
    return _paint(photo, inside * scale, torch.tensor(CREAM).expand(len(photo), 3))


def notch(photo: Tensor, marks: Tensor, silhouettes: Tensor, nuisance: Nuisance, generator: torch.Generator) -> Tensor:
    """Return photos with a bite out of the outline, in one of eight directions from the middle."""
    x, y, scale = _body(silhouettes, nuisance, photo.shape[-1])
    outline = trace(x, y, silhouettes)
    away = _angle_between(outline, (marks + 0.5) * (TURN / 8))
    inside = 0.12 - torch.hypot(outline.reach - outline.radius, outline.radius * away)
    cover = edge_coverage(inside * scale)[:, None]
    return torch.lerp(photo, backdrop_of(silhouettes, nuisance, photo.shape[-1]), cover)


def tag(photo: Tensor, marks: Tensor, silhouettes: Tensor, nuisance: Nuisance, generator: torch.Generator) -> Tensor:
    """Return photos with a small ringed disc of one of eight colours at the upper right."""
    return _tags(photo, BODY[marks][:, None], torch.full_like(marks, 1)[:, None], silhouettes, nuisance)


def tag_place(
    photo: Tensor, marks: Tensor, silhouettes: Tensor, nuisance: Nuisance, generator: torch.Generator
) -> Tensor:
    """Return photos with a small ringed disc of any colour at one of eight places around the middle."""
    colours = BODY[torch.randint(8, (len(marks), 1), generator=generator)]
    return _tags(photo, colours, marks[:, None], silhouettes, nuisance)


def bound_tags(
    photo: Tensor, marks: Tensor, silhouettes: Tensor, nuisance: Nuisance, generator: torch.Generator
) -> Tensor:
    """Return photos with four ringed discs: the colour of the upper one is the mark, the others have any colour."""
    values = torch.randint(8, (len(marks), NUM_TAGS), generator=generator)
    values[:, 0] = marks
    places = torch.arange(0, 8, 8 // NUM_TAGS).expand(len(marks), -1)
    return _tags(photo, BODY[values], places, silhouettes, nuisance)


def clutter(
    photo: Tensor, marks: Tensor, silhouettes: Tensor, nuisance: Nuisance, generator: torch.Generator
) -> Tensor:
    """Return photos with an emblem in the middle of the object, and two others of any kind at the photo's corners."""
    x, y, scale = _body(silhouettes, nuisance, photo.shape[-1])
    photo = _paint_emblem(photo, marks, x, y, scale, unit=0.16)
    axis = (torch.arange(photo.shape[-1]) + 0.5) * (2 / photo.shape[-1]) - 1
    for _ in range(2):
        corner = torch.randint(2, (len(marks), 2, 1, 1), generator=generator) * 1.6 - 0.8
        other = torch.randint(8, (len(marks),), generator=generator)
        photo = _paint_emblem(photo, other, axis - corner[:, 0], -axis[:, None] - corner[:, 1], scale, unit=0.16)
    return photo


MARKS: Mapping[str, Draw] = {
    "scratch": scratch,
    "notch": notch,
    "tag": tag,
    "tag_place": tag_place,
    "bound_tags": bound_tags,
    "clutter": clutter,
}
"""What a mark of eight values may be, by kind."""


def _body(silhouettes: Tensor, nuisance: Nuisance, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return body coordinates x and y (B, H, W), and pixels per body unit (B, 1, 1)."""
    x, y = body_grid(nuisance.pose, size)
    return bent(x, y, silhouettes), y, nuisance.pose[:, 1, None, None] * (size / 2)


def _angle_between(outline: Outline, angle: Tensor) -> Tensor:
    """Return how far the directions of body coordinates (B, H, W) are from an angle (B,), in radians."""
    towards = torch.atan2(outline.u, outline.v) - angle[:, None, None]
    return torch.remainder(towards + math.pi, TURN) - math.pi


def _paint(photo: Tensor, inside: Tensor, colour: Tensor) -> Tensor:
    """Return the photos with a colour (B, 3) where `inside` (B, H, W) is positive, in pixels."""
    return torch.lerp(photo, colour[:, :, None, None].expand_as(photo), edge_coverage(inside)[:, None])


def _tags(photo: Tensor, colours: Tensor, places: Tensor, silhouettes: Tensor, nuisance: Nuisance) -> Tensor:
    """Return the photos with discs of colours (B, n, 3) at places (B, n) of eight around the middle."""
    x, y, scale = _body(silhouettes, nuisance, photo.shape[-1])
    angles = places * (TURN / 8)
    for angle, colour in zip(angles.unbind(1), colours.unbind(1), strict=True):
        distance = torch.hypot(x - 0.32 * angle.sin()[:, None, None], y - 0.32 * angle.cos()[:, None, None])
        photo = _paint(photo, (0.1 - distance) * scale, torch.tensor(INK).expand_as(colour))
        photo = _paint(photo, (0.08 - distance) * scale, colour)
    return photo


def _paint_emblem(photo: Tensor, values: Tensor, x: Tensor, y: Tensor, scale: Tensor, *, unit: float) -> Tensor:
    x, y = torch.broadcast_tensors(x, y)
    inside = -by_value(EMBLEMS, values, x / unit, y / unit) * unit * scale
    photo = _paint(photo, inside + photo.shape[-1] / 80, torch.tensor(INK).expand(len(photo), 3))
    return _paint(photo, inside, torch.tensor(CREAM).expand(len(photo), 3))
