"""Rule episodes from natural photos: photos with changed appearance, and a rule that defines identity by some changes.

These episodes lie between rendered objects and real categories. A pool holds eight photos; each picture of it shows one
of them (the first factor) in a hue, with a texture over it, a decal on it, before a background, in a light. A rule
takes some of these factors as the identity and samples the others, so the same two pictures show one individual in one
episode and two in the next. No labels of the photos are used.
"""

import math
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.data.episodes.rules import Pool
from vicp.data.images import photo_pixels
from vicp.data.procedural.objects import EMBLEMS, PATTERNS, by_value
from vicp.data.procedural.world import NUM_VALUES, Rule
from vicp.data.records import BadPhoto, list_rows
from vicp.data.seeds import generator
from vicp.errors import DataError
from vicp.image_transform import ImageTransform

NATURAL_FACTORS: tuple[str, ...] = ("photo", "hue", "texture", "decal", "scene", "light")
Uniform = Callable[[float, float], Tensor]  # one number per picture, between two
DECAL_INKS = torch.tensor([(0.97, 0.95, 0.90), (0.10, 0.10, 0.13), (0.85, 0.12, 0.16), (0.12, 0.40, 0.92)])
LIGHTS = torch.tensor(  # gain of red, green and blue, and the gradient of the light across the picture
    [
        (1.0, 1.0, 1.0, 0.0),
        (0.55, 0.55, 0.6, 0.0),
        (1.35, 1.3, 1.2, 0.0),
        (1.25, 1.0, 0.7, 0.0),
        (0.75, 0.95, 1.3, 0.0),
        (1.0, 1.0, 1.0, 0.6),
        (1.0, 1.0, 1.0, -0.6),
        (0.85, 1.2, 0.85, 0.0),
    ]
)


def read_photo_column(path: str, column: str, transform: ImageTransform, *, key: str) -> Tensor:
    """Return the photos in a Parquet column of encoded bytes, uint8 (n, 3, S, S).

    Args:
        path: The Parquet file.
        column: Its column of encoded photos.
        transform: The size, and how a photo becomes square.
        key: The setting that named the file, for messages.

    Raises:
        DataError: The file cannot be read, or photos in it cannot be used, all of them listed.
    """
    try:
        encoded = pq.read_table(path, columns=[column]).column(0)
    except (OSError, ValueError) as error:
        raise DataError(f"{key}: cannot read '{path}' ({str(error).splitlines()[0]})") from error
    if not (pa.types.is_binary(encoded.type) or pa.types.is_large_binary(encoded.type)):
        raise DataError(f"{key}: column '{column}' of '{path}' holds {encoded.type}, not encoded photos")
    pixels, bad = [], []
    for row, data in enumerate(encoded, start=1):
        try:
            pixels.append(torch.from_numpy(photo_pixels(data.as_py(), transform)))
        except (DataError, TypeError) as error:
            bad.append(BadPhoto(row, path, str(error)))
    if bad or not pixels:
        raise DataError(f"{key}: {len(bad)} of {len(encoded)} photos cannot be used: {list_rows(bad)}")
    return torch.stack(pixels).permute(0, 3, 1, 2).contiguous()  # (n, 3, S, S)


def natural_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return these rules, with those in which the photo is part of the identity twice.

    Individuals of real categories differ in more than colour and marks.
    """
    with_photo = [rule for rule in rules if 0 in rule.factors]
    return (*with_photo, *with_photo, *(rule for rule in rules if 0 not in rule.factors))


def composite_pool(photos: Tensor, num: int, *, values_per_factor: int, seed: int) -> Pool:
    """Return a pool of pictures of a few natural photos in which all factors vary.

    Args:
        photos: uint8 (n, 3, S, S) to sample from; eight become objects, eight more backgrounds.
        num: Pictures in the pool.
        values_per_factor: Number of its eight values that each factor keeps.
        seed: Seed of all random numbers.
    """
    draw = generator(seed, "natural pool")
    chosen = photos[torch.randperm(len(photos), generator=draw)[: 2 * NUM_VALUES]]
    kept = torch.stack([torch.randperm(NUM_VALUES, generator=draw)[:values_per_factor] for _ in NATURAL_FACTORS])
    picks = torch.randint(values_per_factor, (num, len(NATURAL_FACTORS)), generator=draw)
    values = kept.T.gather(0, picks)  # (num, 6)
    objects, scenes = chosen[:NUM_VALUES], chosen[NUM_VALUES:]
    blocks = [composite(objects, scenes, block, generator=draw) for block in values.split(64)]
    return Pool(torch.cat(blocks), values)


def composite(photos: Tensor, scenes: Tensor, values: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return pictures uint8 (B, 3, S, S) of natural photos with the factor values (B, 6), with random nuisances.

    Args:
        photos: uint8 (8, 3, S, S), the values of the first factor.
        scenes: uint8 (8, 3, S, S), the values of the scene.
        values: In the order of `NATURAL_FACTORS`.
        generator: Source of pose, crop, blur, occlusion and noise.
    """
    photo, hue, texture, decal, scene, light = values.unbind(1)
    batch, size = len(values), photos.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    object_ = _turn_hue(photos[photo].float() / 255, hue)
    x, y = _plane(uniform(-0.3, 0.3), uniform(0.85, 1.25), uniform(-0.12, 0.12), uniform(-0.12, 0.12), size)
    foreground = F.grid_sample(object_, torch.stack([x, -y], dim=-1), padding_mode="reflection", align_corners=False)
    pattern = (by_value(PATTERNS, texture, 1.1 * x, 1.1 * y) * size / 2 + 0.5).clamp(0, 1)[:, None]
    shade = torch.where(foreground.mean(dim=(1, 2, 3), keepdim=True) > 0.5, -0.34, 0.34)
    foreground = foreground + shade * pattern
    at_x, at_y, reach = uniform(-0.35, 0.35), uniform(-0.35, 0.35), uniform(0.2, 0.27)
    inside = by_value(
        EMBLEMS,
        decal,
        (x - at_x[:, None, None]) / reach[:, None, None],
        (y - at_y[:, None, None]) / reach[:, None, None],
    )
    ink = DECAL_INKS[torch.randint(len(DECAL_INKS), (batch,), generator=generator)][:, :, None, None]
    decal_alpha = (0.5 - inside * (reach * size / 2)[:, None, None]).clamp(0, 1)[:, None]
    foreground = torch.lerp(foreground, ink.expand_as(foreground), decal_alpha)
    margin = (0.92 - (x.abs().pow(4) + y.abs().pow(4)).pow(0.25)) * size / 2  # a square with round corners
    alpha = (margin + 0.5).clamp(0, 1)[:, None]
    background = scenes[scene].float() / 255
    background = background.roll(int(torch.randint(size, (), generator=generator)), dims=-1)
    picture = torch.lerp(background, foreground, alpha)
    return _expose(_occlude(picture, uniform, generator), light, uniform, generator)


def _plane(angle: Tensor, zoom: Tensor, shift_x: Tensor, shift_y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return object coordinates x to the right and y up (B, S, S) of the pixels; without a pose they span -1 to 1."""
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    across = axis[None, None, :] - shift_x[:, None, None]
    up = -axis[None, :, None] - shift_y[:, None, None]
    cos, sin = (angle.cos() * zoom)[:, None, None], (angle.sin() * zoom)[:, None, None]
    return cos * across + sin * up, cos * up - sin * across


def _turn_hue(photos: Tensor, hue: Tensor) -> Tensor:
    """Return photos (B, 3, S, S) with colours turned about the grey axis by `hue` eighths (B,) and saturated by 1.2."""
    angle = hue * (2 * math.pi / NUM_VALUES)
    grey = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([(0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0)]) / math.sqrt(3)
    turn = grey + 1.2 * angle.cos()[:, None, None] * (torch.eye(3) - grey) + 1.2 * angle.sin()[:, None, None] * cross
    return torch.einsum("bij,bjhw->bihw", turn, photos).clamp(0, 1)


def _occlude(pictures: Tensor, uniform: Uniform, generator: torch.Generator) -> Tensor:
    """Return the pictures, three in ten of them with a bar of one colour across."""
    size = pictures.shape[-1]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    angle, offset, half = uniform(0, math.pi), uniform(-0.7, 0.7), uniform(0.06, 0.14)
    across = angle.cos()[:, None, None] * axis + angle.sin()[:, None, None] * axis[:, None] - offset[:, None, None]
    bar = ((half[:, None, None] - across.abs()) * size / 2 + 0.5).clamp(0, 1)[:, None]
    occluded = (uniform(0, 1) < 0.3).float()[:, None, None, None]
    colour = torch.rand(len(pictures), 3, 1, 1, generator=generator)
    return torch.lerp(pictures, colour.expand_as(pictures), bar * occluded)


def _expose(pictures: Tensor, light: Tensor, uniform: Uniform, generator: torch.Generator) -> Tensor:
    """Return the pictures uint8 with light, blur and noise."""
    size = pictures.shape[-1]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    gains = LIGHTS[light]
    ramp = 1 + gains[:, 3, None, None] * axis + uniform(-0.15, 0.15)[:, None, None] * axis[:, None]
    lit = pictures * gains[:, :3, None, None] * ramp[:, None] * uniform(0.9, 1.1)[:, None, None, None]
    blurred = F.avg_pool2d(F.pad(lit, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    lit = torch.lerp(lit, blurred, uniform(0, 1)[:, None, None, None])
    noise = torch.randn(pictures.shape, generator=generator) * uniform(0.005, 0.03)[:, None, None, None]
    return ((lit + noise) * 255 + 0.5).clamp(0, 255).to(torch.uint8)
