"""Rule episodes from natural photos: a few photos in many dresses, and a rule that says what of it is the identity.

The bridge from drawn objects to real ones. A pool holds eight photos; each picture of it shows one of them (the first
factor) in a hue, with a texture over it, a decal on it, before a scene, in a light. A rule takes some of these factors
for the identity and leaves the others to chance, so the same two pictures show one individual in one episode and two in
the next. No labels of the photos are used.
"""

import math
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.data.episodes.rules import Pool
from vicp.data.images import ImageTransform, photo_pixels
from vicp.data.procedural.objects import EMBLEMS, PATTERNS, by_value
from vicp.data.procedural.world import NUM_VALUES, Rule
from vicp.data.records import BadPhoto, list_rows
from vicp.data.seeds import generator
from vicp.errors import DataError

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


def read_photos(path: str, column: str, transform: ImageTransform, *, key: str) -> Tensor:
    """The photos of a Parquet column of encoded bytes, uint8 (n, 3, S, S).

    Args:
        path: the Parquet file.
        column: its column of encoded photos.
        transform: the size, and how a photo becomes square.
        key: the setting that named the file, for messages.

    Raises:
        DataError: the file cannot be read, or photos in it cannot be used, all of them listed.
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
    """These rules, those in which the photo is part of the identity twice as often.

    Individuals of real categories differ in what they are.
    """
    with_photo = [rule for rule in rules if 0 in rule.factors]
    return (*with_photo, *with_photo, *(rule for rule in rules if 0 not in rule.factors))


def composite_pool(photos: Tensor, num: int, *, values_per_factor: int, seed: int) -> Pool:
    """A pool of pictures of a few natural photos whose factors all vary.

    Args:
        photos: uint8 (n, 3, S, S) to draw from; eight are shown, eight more are scenes.
        num: pictures in the pool.
        values_per_factor: how many of its eight values each factor keeps.
        seed: decides everything.
    """
    draw = generator(seed, "natural pool")
    chosen = photos[torch.randperm(len(photos), generator=draw)[: 2 * NUM_VALUES]]
    kept = torch.stack([torch.randperm(NUM_VALUES, generator=draw)[:values_per_factor] for _ in NATURAL_FACTORS])
    picks = torch.randint(values_per_factor, (num, len(NATURAL_FACTORS)), generator=draw)
    values = kept.T.gather(0, picks)  # (num, 6)
    shown, scenes = chosen[:NUM_VALUES], chosen[NUM_VALUES:]
    blocks = [composite(shown, scenes, block, generator=draw) for block in values.split(64)]
    return Pool(torch.cat(blocks), values)


def composite(photos: Tensor, scenes: Tensor, values: Tensor, *, generator: torch.Generator) -> Tensor:
    """Pictures uint8 (B, 3, S, S) of natural photos with the factor values (B, 6), nuisances drawn anew for each.

    Args:
        photos: uint8 (8, 3, S, S), the values of the first factor.
        scenes: uint8 (8, 3, S, S), the values of the scene.
        values: in the order of `NATURAL_FACTORS`.
        generator: of pose, crop, blur, occlusion and noise.
    """
    photo, hue, texture, decal, scene, light = values.unbind(1)
    batch, size = len(values), photos.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    object_ = _turn_hue(photos[photo].float() / 255, hue)
    x, y = _plane(uniform(-0.3, 0.3), uniform(0.85, 1.25), uniform(-0.12, 0.12), uniform(-0.12, 0.12), size)
    seen = F.grid_sample(object_, torch.stack([x, -y], dim=-1), padding_mode="reflection", align_corners=False)
    pattern = (by_value(PATTERNS, texture, 1.1 * x, 1.1 * y) * size / 2 + 0.5).clamp(0, 1)[:, None]
    shade = torch.where(seen.mean(dim=(1, 2, 3), keepdim=True) > 0.5, -0.34, 0.34)
    seen = seen + shade * pattern
    at_x, at_y, reach = uniform(-0.35, 0.35), uniform(-0.35, 0.35), uniform(0.2, 0.27)
    inside = by_value(
        EMBLEMS,
        decal,
        (x - at_x[:, None, None]) / reach[:, None, None],
        (y - at_y[:, None, None]) / reach[:, None, None],
    )
    ink = DECAL_INKS[torch.randint(len(DECAL_INKS), (batch,), generator=generator)][:, :, None, None]
    cover = (0.5 - inside * (reach * size / 2)[:, None, None]).clamp(0, 1)[:, None]
    seen = torch.lerp(seen, ink.expand_as(seen), cover)
    round_ = (0.92 - (x.abs().pow(4) + y.abs().pow(4)).pow(0.25)) * size / 2  # a square with round corners
    solid = (round_ + 0.5).clamp(0, 1)[:, None]
    behind = scenes[scene].float() / 255
    behind = behind.roll(int(torch.randint(size, (), generator=generator)), dims=-1)
    picture = torch.lerp(behind, seen, solid)
    return _expose(_occlude(picture, uniform, generator), light, uniform, generator)


def _plane(angle: Tensor, zoom: Tensor, shift_x: Tensor, shift_y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Coordinates x to the right and y up (B, S, S) of a photo's pixels, its pose undone; it spans -1 to 1."""
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    across = axis[None, None, :] - shift_x[:, None, None]
    up = -axis[None, :, None] - shift_y[:, None, None]
    cos, sin = (angle.cos() * zoom)[:, None, None], (angle.sin() * zoom)[:, None, None]
    return cos * across + sin * up, cos * up - sin * across


def _turn_hue(photos: Tensor, hue: Tensor) -> Tensor:
    """Photos (B, 3, S, S) with colours turned about the grey axis by `hue` eighths (B,), and made a little stronger."""
    angle = hue * (2 * math.pi / NUM_VALUES)
    grey = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([(0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0)]) / math.sqrt(3)
    turn = grey + 1.2 * angle.cos()[:, None, None] * (torch.eye(3) - grey) + 1.2 * angle.sin()[:, None, None] * cross
    return torch.einsum("bij,bjhw->bihw", turn, photos).clamp(0, 1)


def _occlude(pictures: Tensor, uniform: Uniform, generator: torch.Generator) -> Tensor:
    """Three pictures in ten get a bar of one colour."""
    size = pictures.shape[-1]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    angle, offset, half = uniform(0, math.pi), uniform(-0.7, 0.7), uniform(0.06, 0.14)
    across = angle.cos()[:, None, None] * axis + angle.sin()[:, None, None] * axis[:, None] - offset[:, None, None]
    bar = ((half[:, None, None] - across.abs()) * size / 2 + 0.5).clamp(0, 1)[:, None]
    there = (uniform(0, 1) < 0.3).float()[:, None, None, None]
    colour = torch.rand(len(pictures), 3, 1, 1, generator=generator)
    return torch.lerp(pictures, colour.expand_as(pictures), bar * there)


def _expose(pictures: Tensor, light: Tensor, uniform: Uniform, generator: torch.Generator) -> Tensor:
    """Light, blur and noise."""
    size = pictures.shape[-1]
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    gains = LIGHTS[light]
    ramp = 1 + gains[:, 3, None, None] * axis + uniform(-0.15, 0.15)[:, None, None] * axis[:, None]
    lit = pictures * gains[:, :3, None, None] * ramp[:, None] * uniform(0.9, 1.1)[:, None, None, None]
    blurred = F.avg_pool2d(F.pad(lit, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    lit = torch.lerp(lit, blurred, uniform(0, 1)[:, None, None, None])
    noise = torch.randn(pictures.shape, generator=generator) * uniform(0.005, 0.03)[:, None, None, None]
    return ((lit + noise) * 255 + 0.5).clamp(0, 255).to(torch.uint8)
