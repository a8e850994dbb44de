"""The renderer of the procedural world: factor values and silhouettes in, photos out, batched in float32."""

import math

import torch
from torch import Tensor

from vicp.data.procedural.nuisance import Nuisance, sample_nuisance
from vicp.data.procedural.objects import EMBLEMS, PATTERNS, Outline, by_value, place_at, trace

CHUNK_PIXELS = 64 * 96 * 96  # of one pass: about 100 MB at its peak
EMBLEM_SIZE = 0.21

BODY = torch.tensor(
    [
        (0.88, 0.17, 0.19),  # red
        (0.97, 0.50, 0.10),  # orange
        (0.90, 0.76, 0.12),  # gold
        (0.36, 0.72, 0.20),  # green
        (0.05, 0.70, 0.70),  # teal
        (0.16, 0.42, 0.93),  # blue
        (0.52, 0.25, 0.82),  # violet
        (0.95, 0.42, 0.70),  # pink
    ]
)
PATTERN = torch.tensor(
    [
        (0.98, 0.97, 0.93),  # cream
        (0.10, 0.10, 0.13),  # ink
        (1.00, 0.93, 0.45),  # lemon
        (0.08, 0.12, 0.45),  # navy
        (0.63, 0.93, 1.00),  # sky
        (0.45, 0.03, 0.13),  # wine
        (1.00, 0.72, 0.84),  # rose
        (0.02, 0.30, 0.16),  # forest
    ]
)
INK, CREAM, CRIMSON, AZURE, GOLD = (
    (0.09, 0.09, 0.12),
    (0.98, 0.96, 0.90),
    (0.80, 0.08, 0.16),
    (0.12, 0.45, 0.95),
    (0.98, 0.76, 0.12),
)
BORDER = torch.tensor(  # colours of the dashes and of the gaps between them: four solid, four dashed
    [
        (INK, INK),
        (CREAM, CREAM),
        (CRIMSON, CRIMSON),
        (AZURE, AZURE),
        (INK, CREAM),
        (CRIMSON, GOLD),
        (AZURE, CREAM),
        (INK, GOLD),
    ]
)


def render(values: Tensor, silhouettes: Tensor, *, size: int, generator: torch.Generator) -> Tensor:
    """Return photos of objects with these factor values, with random nuisances.

    The generator is used in the same way whatever the values, so two calls with the same seed show
    the same scene and differ only where the values differ.

    Args:
        values: Factor values (B, 6), int64, in the order of `world.FACTORS`.
        silhouettes: Outline parameters (B, S).
        size: Height and width in pixels.
        generator: Source of pose, light, background, occlusion, blur and noise.

    Returns:
        Images (B, 3, size, size), uint8.

    Raises:
        ValueError: Values and silhouettes that are not one row per photo.
    """
    if values.shape != (len(silhouettes), 6):
        raise ValueError(f"values must be ({len(silhouettes)}, 6), one row per silhouette, got {tuple(values.shape)}")
    nuisance = sample_nuisance(len(values), generator)
    images = torch.empty(len(values), 3, size, size, dtype=torch.uint8)
    step = max(1, CHUNK_PIXELS // size**2)
    for start in range(0, len(values), step):
        part = slice(start, start + step)
        photo = scene(values[part], silhouettes[part], nuisance.rows(part), size)
        photo = expose(photo, nuisance.rows(part), generator)
        images[part] = photo.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    return images


def body_grid(pose: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return body coordinates x, y (B, size, size) of the pixels: the inverse of the pose, without the bend."""
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    angle, scale, shift_x, shift_y, shear, aspect = (p[:, None] for p in pose.unbind(1))
    across, up = axis - shift_x, -axis - shift_y  # (B, size)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    stretch = 1 + aspect
    x = ((cos + shear * sin) * stretch * across)[:, None, :] + ((sin - shear * cos) * stretch * up)[:, :, None]
    y = (-sin * across)[:, None, :] + (cos * up)[:, :, None]
    return x, y


def depth_inside(gap: Tensor, scale: Tensor) -> Tensor:
    """Return the distance to the outline in pixels, positive inside: the field `radius - reach` over its slope.

    The slope is bounded, since it grows towards the centre, where the radius changes fast.

    Args:
        gap: Radius less reach (B, H, W), in body units.
        scale: Pixels per body unit (B, 1, 1).
    """
    slope = torch.full_like(gap, 1e-6)
    slope[:, :, 1:-1].addcmul_(d := (gap[:, :, 2:] - gap[:, :, :-2]), d, value=0.25)
    slope[:, 1:-1].addcmul_(d := (gap[:, 2:] - gap[:, :-2]), d, value=0.25)
    return gap / torch.minimum(slope.sqrt_(), 1.7 / scale)


def bent(x: Tensor, y: Tensor, silhouettes: Tensor) -> Tensor:
    """Return body coordinates x (B, H, W) of bodies that are bent along y."""
    return torch.addcmul(x + 0.3 * silhouettes[:, 4, None, None], silhouettes[:, 4, None, None], y * y, value=-1)


def edge_coverage(pixels: Tensor) -> Tensor:
    """Return the coverage of pixels whose centres lie so many pixels inside."""
    return (pixels + 0.5).clamp_(0, 1)


def scene(values: Tensor, silhouettes: Tensor, nuisance: Nuisance, size: int) -> Tensor:
    """Return the photos before light and lens, (B, 3, size, size): the object's layers over the backdrop."""
    x, y = body_grid(nuisance.pose, size)
    x = bent(x, y, silhouettes)
    outline = trace(x, y, silhouettes)
    scale = nuisance.pose[:, 1, None, None] * (size / 2)  # pixels per body unit
    depth = depth_inside(outline.radius - outline.reach, scale)
    width, line = nuisance.marks[:, 2, None, None] * scale, size / 80

    solid, inner = edge_coverage(depth), edge_coverage(depth - width)
    emblem = _emblem_depth(x, y, values[:, 4:], silhouettes, nuisance.marks) * scale
    fill, mark = edge_coverage(emblem) * inner, edge_coverage(emblem + line) * inner
    pattern = edge_coverage(_pattern(x, y, values[:, 1], nuisance.texture) * scale) * edge_coverage(depth - 1.5 * width)
    dash = outline.v / outline.reach
    for _ in range(4):
        dash = torch.addcmul(dash.new_tensor(-1.0), dash, dash, value=2)  # cos(16 theta) by doubling the angle
    band = solid - edge_coverage(depth - width + line / 2)

    weights = torch.empty(len(x), 6, size, size)
    plain = inner - mark
    torch.mul(plain, pattern, out=weights[:, 1])
    torch.sub(plain, weights[:, 1], out=weights[:, 0])
    torch.mul(band, edge_coverage(dash * (scale / 16)), out=weights[:, 2])
    torch.sub(band, weights[:, 2], out=weights[:, 3])
    torch.sub(solid - band - plain, fill, out=weights[:, 4])
    weights[:, 5] = fill
    shade, gloss = _shading(outline, nuisance)
    weights *= shade[:, None]
    weights[:, 5].addcmul_(gloss, solid)

    colours = _colours(values, nuisance.hues)  # (B, 3, 6)
    behind = backdrop_of(silhouettes, nuisance, size).mul_(1 - solid[:, None])
    photo = torch.baddbmm(behind.flatten(2), colours, weights.flatten(2)).view_as(behind)
    return _occlude(photo, nuisance)


def _pattern(x: Tensor, y: Tensor, value: Tensor, texture: Tensor) -> Tensor:
    rate, tilt, shift_x, shift_y = texture[:, :, None, None].unbind(1)
    across = rate * (x + tilt * y) + shift_x
    return by_value(PATTERNS, value, across, rate * (y - tilt * x) + shift_y) / rate


def _emblem_depth(x: Tensor, y: Tensor, values: Tensor, silhouettes: Tensor, marks: Tensor) -> Tensor:
    """Return the depth inside the emblem, in body units; a mirrored place shows the emblem on both sides."""
    at_x, at_y, mirrored = place_at(values[:, 1], silhouettes)
    x = torch.where(mirrored[:, 0, None, None], x.abs(), x) - at_x[:, None, None]
    y = torch.where(mirrored[:, 1, None, None], y.abs(), y) - at_y[:, None, None]
    unit, tilt = EMBLEM_SIZE * marks[:, 0, None, None], marks[:, 1, None, None]
    cos, sin = tilt.cos() / unit, tilt.sin() / unit
    return by_value(EMBLEMS, values[:, 0], cos * x + sin * y, cos * y - sin * x) * -unit


def _colours(values: Tensor, hues: Tensor) -> Tensor:
    """Return the colours of body, pattern, dashes, gaps, lines and emblem, (B, 3, 6), each with its small offset."""
    border = BORDER[values[:, 3]]
    body, pattern = BODY[values[:, 0]], PATTERN[values[:, 2]]
    ink, cream = torch.tensor(INK).expand_as(body), torch.tensor(CREAM).expand_as(body)
    layers = torch.stack([body, pattern, border[:, 0], border[:, 1], ink, cream], 2)
    return (layers + hues.mT).clamp(0.02, 1)


def _lamp(nuisance: Nuisance) -> tuple[Tensor, Tensor]:
    """Return the direction of the lamp in the body frame, x and y (B,)."""
    angle, (x, y) = nuisance.pose[:, 0], nuisance.light[:, 3:5].unbind(1)
    return angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x


def _shading(outline: Outline, nuisance: Nuisance) -> tuple[Tensor, Tensor]:
    """Return brightness and highlight of a convex body, both (B, H, W)."""
    lamp_x, lamp_y = (a[:, None, None] for a in _lamp(nuisance))
    towards = (1 + lamp_x**2 + lamp_y**2).rsqrt() * 0.62
    x, y = outline.u / outline.radius, outline.v / outline.radius
    flat = torch.addcmul(x * x, y, y).clamp_(max=1)
    facing = torch.addcmul((1 - 0.8 * flat).sqrt_(), lamp_x, x).addcmul_(lamp_y, y)
    shade = (facing * towards).add_(0.46)
    distance = (x - 0.9 * lamp_x).square_().addcmul_(d := y - 0.9 * lamp_y, d)
    return shade, (distance * -14).exp_().mul_(0.6 * nuisance.light[:, 5, None, None])


def _palette(hsv: Tensor) -> Tensor:
    """Return the colours (..., 3) of hue, saturation and value (..., 3), by cosines."""
    phase = 2 * math.pi * (hsv[..., :1] + torch.arange(3) / 3)
    return hsv[..., 2:3] * (1 - hsv[..., 1:2] * (0.5 + 0.5 * phase.cos()))


def backdrop_of(silhouettes: Tensor, nuisance: Nuisance, size: int) -> Tensor:
    """Return two colours, three blobs and a soft shadow, (B, 3, size, size), computed small and enlarged."""
    small = max(8, size // 4)
    axis = (torch.arange(small) + 0.5) * (2 / small) - 1
    angle = nuisance.backdrop[:, 0, 3, None]
    ramp = (angle.cos() * axis)[:, None, :] + (angle.sin() * axis)[:, :, None]
    ramp = 0.5 + 0.5 * ramp / math.sqrt(2)
    x, y, spread = nuisance.blobs[..., None].unbind(2)  # (B, 3, 1)
    falls_x, falls_y = (-(((axis - x) / spread) ** 2)).exp(), (-(((axis - y) / spread) ** 2)).exp()
    blobs = 0.8 * falls_y[..., :, None] * falls_x[..., None, :]  # (B, 3, h, w)
    keep = (1 - blobs).prod(1)
    weights = torch.cat([torch.stack([ramp * keep, (1 - ramp) * keep], 1), blobs], 1)  # (B, 5, h, w)

    pose = nuisance.pose.clone()
    pose[:, 2:4] -= 0.16 * nuisance.light[:, 3:5] + torch.tensor([0.0, 0.06])
    at_x, at_y = body_grid(pose, small)
    outline = trace(bent(at_x, at_y, silhouettes), at_y, silhouettes)
    shadow = torch.sigmoid(9 * (1 - outline.reach / outline.radius))
    weights *= (1 - 0.5 * shadow)[:, None]
    colours = _palette(nuisance.backdrop[..., :3]).mT  # (B, 3, 5)
    image = (colours @ weights.flatten(2)).view(-1, 3, small, small)
    enlarge = _enlarging(small, size)
    image = enlarge @ image @ enlarge.T
    return image


def _enlarging(small: int, size: int) -> Tensor:
    """Return the matrix (size, small) that enlarges a row linearly; cheaper for planes than `interpolate`."""
    at = ((torch.arange(size) + 0.5) * (small / size) - 0.5).clamp(0, small - 1)
    return (1 - (at[:, None] - torch.arange(small)).abs()).clamp(min=0)


def _occlude(photo: Tensor, nuisance: Nuisance) -> Tensor:
    """Return the photos, three in ten of them with a bar or a ball across a part of the object."""
    rows = (nuisance.occluder[:, 0] < 0.3).nonzero()[:, 0]
    _, bar, angle, reach, half = (o[:, None, None] for o in nuisance.occluder[rows, :5].unbind(1))
    scale, shift_x, shift_y = (p[:, None, None] for p in nuisance.pose[rows, 1:4].unbind(1))
    size = photo.shape[-1]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    x, y = axis[None, None, :] - shift_x, -axis[None, :, None] - shift_y
    across = angle.cos() * x + angle.sin() * y - reach * scale
    along = angle.cos() * y - angle.sin() * x
    half = torch.where(bar < 0.6, half, 1.7 * half)
    inside = half - torch.where(bar < 0.6, across.abs(), torch.hypot(across, along))
    colour = nuisance.occluder[rows, 5:, None, None] * (0.6 + 0.4 * (inside / half).clamp(0, 1).sqrt())[:, None]
    photo[rows] = torch.lerp(photo[rows], colour, edge_coverage(inside * (size / 2))[:, None])
    return photo


def expose(photo: Tensor, nuisance: Nuisance, generator: torch.Generator) -> Tensor:
    """Return the photos with a gradient of light, blur and sensor noise."""
    size = photo.shape[-1]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    gain, slope_x, slope_y = (a[:, None, None] for a in nuisance.light[:, :3].unbind(1))
    light = gain * (1 + slope_x * axis + slope_y * axis[:, None])  # (B, H, W)
    photo *= light[:, None]
    photo *= nuisance.tint[:, :, None, None]
    blur = nuisance.lens[:, 0, None, None, None].clamp(min=0)
    for dim in (2, 3):
        middle = photo.narrow(dim, 1, size - 2)
        sides = photo.narrow(dim, 0, size - 2) + photo.narrow(dim, 2, size - 2)
        middle += blur * sides.sub_(middle, alpha=2)
    area, lag = size * size, size * size // 3 + 7
    noise = torch.randn(len(photo), area + 2 * lag, generator=generator)
    noise = noise.unfold(1, area, lag)  # (B, 3, H * W): the colours read one field at distant places
    return photo.addcmul_(noise.view_as(photo), nuisance.lens[:, 1, None, None, None])
