"""From the bytes of a photo to pixels: decode, orient, resize, normalise.

The only pixel code before the model. Other programs import `decode_photo` from here.
"""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vicp.data.decoding.decode import decode_with_remarks
from vicp.image_transform import ImageTransform
from vicp.io import content_digest

if TYPE_CHECKING:
    from torch import Tensor


def decode_photo(data: bytes, *, min_side: int | None = None) -> Image.Image:
    """Return the photo as an upright RGB image in sRGB; of several pictures, the first or the largest.

    Args:
        data: The encoded file. Its first bytes decide the format, not its name.
        min_side: As of `decode_with_remarks`: photos may come smaller.

    Raises:
        DataError: The bytes are not a photo, or a damaged or oversized one; the message is the reason alone.
    """
    return decode_with_remarks(data, min_side=min_side).image


def photo_key(encoded: bytes) -> bytes:
    """Return the 16 bytes that stand for an encoded photo in caches and galleries: its BLAKE2b digest."""
    return content_digest(encoded, size=16)


def photo_pixels(data: bytes, transform: ImageTransform) -> np.ndarray:
    """Return the photo's pixels (S, S, 3) uint8, S = `transform.size`, resized bicubically with antialiasing.

    Raises:
        DataError: As `decode_photo`.
    """
    return image_pixels(decode_photo(data, min_side=2 * transform.size), transform)


def image_pixels(image: Image.Image, transform: ImageTransform) -> np.ndarray:
    """Return an RGB image's pixels (S, S, 3) uint8, S = `transform.size`, resized bicubically with antialiasing."""
    size, (width, height) = transform.size, image.size
    match transform.fit:
        case "squash":
            square = _resize(image, size, size)
        case "crop":
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            square = _resize(image.crop((left, top, left + side, top + side)), size, size)
        case "pad":
            scale = size / max(width, height)
            inner = _resize(image, max(1, round(width * scale)), max(1, round(height * scale)))
            square = Image.new("RGB", (size, size), _mean_colour(transform))
            square.paste(inner, ((size - inner.width) // 2, (size - inner.height) // 2))
    return np.array(square)  # (S, S, 3)


def normalise(pixels: "Tensor", transform: ImageTransform) -> "Tensor":
    """Return the model's input (B, 3, S, S) float32: pixels in [0, 1], less the mean, over the deviation.

    Args:
        pixels: (B, 3, S, S) or (B, S, S, 3) uint8; channels first where both readings are possible.
        transform: Whose `mean` and `std` are used.

    Raises:
        ValueError: Another dtype or shape.
    """
    import torch

    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or 3 not in (pixels.shape[1], pixels.shape[3]):
        raise ValueError(f"got {pixels.dtype} {tuple(pixels.shape)}, expected uint8 (B, 3, S, S) or (B, S, S, 3)")
    if pixels.shape[1] != 3:
        pixels = pixels.permute(0, 3, 1, 2)  # (B, 3, S, S)
    mean = torch.tensor(transform.mean, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(transform.std, device=pixels.device).view(1, 3, 1, 1)
    return ((pixels.float() / 255 - mean) / std).contiguous()


def _resize(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _mean_colour(transform: ImageTransform) -> tuple[int, int, int]:
    red, green, blue = (round(min(max(value, 0.0), 1.0) * 255) for value in transform.mean)
    return red, green, blue
