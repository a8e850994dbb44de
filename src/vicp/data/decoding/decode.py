"""From the bytes of a photo to an upright RGB image, in bounded time and memory, and what there is to say of it.

Metadata never costs the photo: what is not needed for its pixels is taken out before Pillow sees it.
"""

import io
import re
import struct
import threading
import zlib
from dataclasses import dataclass

from PIL import Image, ImageFile, ImageOps, Jpeg2KImagePlugin, JpegImagePlugin

from vicp.data.decoding import gif, jp2, jpeg, png, ppm, tiff
from vicp.data.decoding.colours import to_rgb
from vicp.data.decoding.formats import image_class, is_decoded_in_python, photo_format
from vicp.errors import DataError

MAX_PIXELS = 100_000_000  # more is refused from the header, before memory is taken for it
MAX_BYTES = 400_000_000  # of a file: eight bits of RGBA at nearly the largest size
_MAX_PIXELS_IN_PYTHON = 5_000_000  # of formats that Pillow decodes by a loop in Python
_MAX_PIXELS_OF = {"WEBP": 50_000_000, "AVIF": 80_000_000}  # which take 15 and 9 bytes a pixel
_RLE = (1, 2)  # compressions of a BMP that Pillow decodes by such a loop
_MAX_TEXT = 5_000_000  # bytes of a photo that is written as text
_LARGE = 16_000_000  # pixels, from which one photo at a time is decoded
_TINY = 16  # pixels
_PPM_HEADER = re.compile(rb"P[1-6fF](?:\s+#[^\n\r]*[\n\r]|\s)+[-\d.]")
PLAIN = "one plain colour"
_one_large_photo = threading.Lock()
DAMAGED = (  # what Pillow raises for damaged bytes; UserWarning where warnings are turned into errors
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
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


@dataclass(frozen=True, eq=False)
class DecodedPhoto:
    """A photo, and what a careful person would say of it.

    Attributes:
        image: Upright, RGB.
        remarks: Why it may not be the picture that was meant, each a clause: one plain colour, several pictures.
    """

    image: Image.Image
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Container:
    """A file that Pillow may read, and what was learnt when its metadata was taken out."""

    data: bytes
    profile: bytes | None = None
    orientation: int | None = None
    remark: str = ""
    is_deep_colour: bool = False
    is_negative: bool = False


def decode_with_remarks(data: bytes, *, min_side: int | None = None) -> DecodedPhoto:
    """Return the photo as an upright RGB image with remarks; of several pictures, the first or the largest.

    Args:
        data: The encoded file. Its first bytes decide the format, not its name.
        min_side: A JPEG may be decoded at 1/2, 1/4 or 1/8 scale, and any very large photo made smaller, as long as
            both sides keep this many pixels.

    Raises:
        DataError: The bytes are not a photo, or a damaged or oversized one; the message is the reason alone.
    """
    if len(data) > MAX_BYTES:
        raise DataError(too_many_bytes(len(data)))
    name = photo_format(data)
    try:
        container = _container(name, data)
        image = image_class(name)(io.BytesIO(container.data))  # the header; Image.open would warn of large photos
        _check_size(image, name, data)
        size, is_large = image.size, image.width * image.height > _LARGE
        if min_side is not None and isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(None, (min_side, min_side))
        if is_large and isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
            image.reduce = jp2.halvings(data, min(size) // (min_side or min(size)))
        if is_large and (image.size == size or "progressive" in image.info):
            with _one_large_photo:
                return _decoded(image, container, min_side)
        return _decoded(image, container, min_side)
    except Image.DecompressionBombError as error:  # Pillow's own limit, in readers that check it first
        raise DataError(f"more than the {MAX_PIXELS / 1e6:.0f} megapixels allowed ({error})") from error
    except DAMAGED as error:
        if "unknown pixel mode" in str(error):
            raise DataError("channels or bits per channel that are not read: save it with 8 bits as RGB") from error
        raise DataError(f"truncated or damaged ({_one_line(error)})") from error


def exif_of(data: bytes) -> bytes:
    """Return the EXIF of a photo, from the header of a TIFF on and as it stands there; b"" where there is none.

    No more of the file is read than `decode_with_remarks` reads before the pixels.
    """
    if len(data) > MAX_BYTES:
        return b""
    try:
        match photo_format(data):
            case "JPEG":
                return jpeg.without_metadata(data).exif
            case "PNG":
                return png.without_metadata(data).exif
            case "TIFF":
                return data
            case "WEBP" | "AVIF" | "HEIF" | "JPEG2000" as name:
                exif = image_class(name)(io.BytesIO(data)).info.get("exif")
                return exif.removeprefix(b"Exif\0\0") if isinstance(exif, bytes) else b""
            case _:
                return b""
    except (DataError, Image.DecompressionBombError, *DAMAGED):
        return b""


def too_many_bytes(size: int) -> str:
    """Return why a file of so many bytes is not read."""
    return f"{size / 1e6:.0f} MB, more than the {MAX_BYTES / 1e6:.0f} allowed: save it as JPEG"


def _container(name: str, data: bytes) -> _Container:
    """Return the file without what could cost its pixels."""
    match name:
        case "JPEG":
            bare = jpeg.without_metadata(data)
            return _Container(bare.data, orientation=tiff.orientation_of(bare.exif, bare.xmp))
        case "PNG":
            clean = png.without_metadata(data)
            orientation, remark = tiff.orientation_of(clean.exif, clean.xmp), _animation(clean.is_animated)
            return _Container(clean.data, clean.profile, orientation, remark, clean.is_deep_colour)
        case "GIF":
            first = gif.first_picture(data)
            return _Container(first.data, remark=_animation(first.is_animated))
        case "TIFF":
            picture = tiff.largest_picture(data)
            return _Container(
                picture.data,
                orientation=picture.orientation,
                remark=picture.remark,
                is_deep_colour=picture.is_deep_colour,
                is_negative=picture.is_deep_negative,
            )
        case "PPM" if _PPM_HEADER.match(data, 0, 1024) is None or (data[1:2] in b"123" and len(data) > _MAX_TEXT):
            raise DataError("truncated or damaged (a header without an end, or pixels written as text)")
        case "PPM":
            return _Container(ppm.in_eight_bits(data))
        case _:
            return _Container(data)


def _animation(is_animated: bool) -> str:
    return "an animation: its first picture is read" if is_animated else ""


def _check_size(image: Image.Image, name: str, data: bytes) -> None:
    in_python = is_decoded_in_python(name) or (name == "BMP" and data[30] in _RLE)
    limit = _MAX_PIXELS_IN_PYTHON if in_python else _MAX_PIXELS_OF.get(name, MAX_PIXELS)
    pixels = image.width * image.height
    if pixels > limit:
        raise DataError(
            f"{image.width} x {image.height} is {pixels / 1e6:.0f} megapixels, more than the {limit / 1e6:.0f} "
            f"allowed{'' if limit == MAX_PIXELS else f' of {name}'}: scale it down"
        )


def _decoded(image: ImageFile.ImageFile, container: _Container, min_side: int | None) -> DecodedPhoto:
    image.load()
    if container.profile is not None:
        image.info["icc_profile"] = container.profile
    width, height = image.size
    orientation = container.orientation
    if orientation is None:
        orientation = tiff.orientation_of(image.info.get("exif") or b"", image.info.get("xmp") or b"")
    factor = min(width, height) // min_side if min_side is not None and width * height > _LARGE else 1
    rgb, remarks = to_rgb(image, factor=max(1, factor))
    if container.is_deep_colour and 0 < max(high for _, high in rgb.getextrema()) < 32:  # type: ignore[misc]
        raise DataError("16 bits per channel of which the upper ones are empty: save it with 8 bits per channel")
    rgb = ImageOps.invert(rgb) if container.is_negative else rgb
    method = _UPRIGHT.get(orientation)
    upright = rgb if method is None else rgb.transpose(method)
    others = "several pictures: the first is read" if _has_others(image) else ""
    said = (container.remark or others, *remarks, *_picture_remarks(upright, width, height))
    return DecodedPhoto(upright, tuple(remark for remark in said if remark))


def _has_others(image: ImageFile.ImageFile) -> bool:
    """Return whether a file of a format that Pillow was given whole holds further pictures."""
    try:
        return image.format in ("WEBP", "AVIF", "HEIF") and bool(getattr(image, "is_animated", False))
    except DAMAGED:
        return False


def _picture_remarks(image: Image.Image, width: int, height: int) -> list[str]:
    """Return what is odd about the picture itself."""
    tiny = [f"tiny: {width} x {height} pixels"] if min(width, height) < _TINY else []
    if max(high - low for low, high in image.getextrema()) <= 2:  # type: ignore[misc]
        return [*tiny, PLAIN]
    small = image.reduce(max(1, min(image.size) // 64)).convert("L")
    shares = small.histogram()
    total = sum(shares)
    if sum(shares[:16]) >= 0.995 * total:
        return [*tiny, "nearly black"]
    return [*tiny, "nearly white"] if sum(shares[240:]) >= 0.995 * total else tiny


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
