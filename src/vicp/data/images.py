"""From the bytes of a photo to pixels: decode, orient, resize, normalise.

The only pixel code before the model. Colour profiles are ignored: every pixel is taken as sRGB.
"""

import io
import struct
import zlib

import numpy as np
import torch
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from torch import Tensor

from vicp.errors import DataError
from vicp.extras import missing_line
from vicp.image_transform import ImageTransform
from vicp.io import content_digest

MAX_PIXELS = 100_000_000  # more is refused from the header, before memory is taken for it

_SIGNATURES: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"II*\x00", TiffImagePlugin.TiffImageFile),
    (b"MM\x00*", TiffImagePlugin.TiffImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_DAMAGED = (  # what Pillow raises for damaged bytes; UserWarning where warnings are turned into errors
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    OverflowError,
    RuntimeError,
    UserWarning,
    struct.error,
    zlib.error,
)
_UPRIGHT = {  # EXIF orientation -> what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_photo(data: bytes, *, min_side: int | None = None) -> Image.Image:
    """Return the photo as an upright RGB image; of an animation, the first frame.

    Args:
        data: The encoded file. Its first bytes decide the format, not its name.
        min_side: A JPEG may be decoded at 1/2, 1/4 or 1/8 scale as long as both sides keep this many pixels.

    Raises:
        DataError: The bytes are not a photo, or a damaged or oversized one; the message is the reason alone.
    """
    image_class = _image_class(data)
    try:
        image = image_class(io.BytesIO(data))  # reads the header; Image.open would also warn of large photos
        _check_size(image)
        if min_side is not None and isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(None, (min_side, min_side))
        image.load()
        return _rgb(_upright(image))
    except Image.DecompressionBombError as error:  # Pillow's own limit, in readers that check it first
        raise DataError(f"more than the {MAX_PIXELS / 1e6:.0f} megapixels allowed ({error})") from error
    except _DAMAGED as error:
        raise DataError(f"truncated or damaged ({str(error) or type(error).__name__})") from error


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


def normalise(pixels: Tensor, transform: ImageTransform) -> Tensor:
    """Return the model's input (B, 3, S, S) float32: pixels in [0, 1], less the mean, over the deviation.

    Args:
        pixels: (B, 3, S, S) or (B, S, S, 3) uint8; channels first where both readings are possible.
        transform: Whose `mean` and `std` are used.

    Raises:
        ValueError: Another dtype or shape.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or 3 not in (pixels.shape[1], pixels.shape[3]):
        raise ValueError(f"got {pixels.dtype} {tuple(pixels.shape)}, expected uint8 (B, 3, S, S) or (B, S, S, 3)")
    if pixels.shape[1] != 3:
        pixels = pixels.permute(0, 3, 1, 2)  # (B, 3, S, S)
    mean = torch.tensor(transform.mean, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(transform.std, device=pixels.device).view(1, 3, 1, 1)
    return ((pixels.float() / 255 - mean) / std).contiguous()


def _image_class(data: bytes) -> type[ImageFile.ImageFile]:
    """Return the Pillow reader for these bytes, by their signature."""
    if not data:
        raise DataError("the file is empty (0 bytes)")
    for signature, image_class in _SIGNATURES:
        if data.startswith(signature):
            return image_class
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        try:
            import pillow_heif
        except ImportError as error:
            raise DataError(missing_line("pillow_heif")) from error
        heif: type[ImageFile.ImageFile] = pillow_heif.HeifImageFile
        return heif
    raise DataError(f"not a JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC photo (it begins with {data[:8]!r})")


def _check_size(image: Image.Image) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > MAX_PIXELS / 1e6:
        raise DataError(
            f"{image.width} x {image.height} is {megapixels:.0f} megapixels, more than the "
            f"{MAX_PIXELS / 1e6:.0f} allowed: scale it down"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Return the loaded image as its EXIF orientation says it is to be seen."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except _DAMAGED:  # damaged metadata is no reason to refuse the pixels
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    """Return the loaded image as RGB: transparency over white, 16 bits scaled to 8."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _eight_bit(image).convert("RGB")
    if image.mode in ("F", "LAB"):
        raise DataError(f"colour mode {image.mode} is not supported: save it with 8 bits per channel as RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    straight = image.convert("LA") if image.mode == "La" else image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(straight.convert("RGBA"))
    return white.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as 8-bit grey: 65535 becomes 255; Pillow's own conversion would clip at 255."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise DataError("integer pixels outside 0 to 65535: save it with 8 or 16 bits per channel")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _resize(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _mean_colour(transform: ImageTransform) -> tuple[int, int, int]:
    red, green, blue = (round(min(max(value, 0.0), 1.0) * 255) for value in transform.mean)
    return red, green, blue
