"""From whatever modes photos have to eight bits of sRGB: bit depths, transparency, colour profiles."""

import io

import numpy as np
from PIL import Image, ImageCms

from vicp.errors import DataError

_DEPTHS = (8, 10, 12, 14, 16)  # bits that sensors and scanners give
_VISIBLE = 26  # alpha, of 255, below which nothing is to be seen
_MAX_PROFILE = 4_000_000  # bytes
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # colour space of a profile -> Pillow's mode
_STRIP_PIXELS = 4_000_000  # converted at a time where a photo is made smaller


def to_rgb(image: Image.Image, *, factor: int = 1) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a loaded image as RGB in sRGB, and what there is to say of it.

    Transparency is put on white, or left out where nothing could be seen. Grey of up to 16 bits is scaled by the bits
    that it uses, so that 4095 is white in a file of 12-bit values.

    Args:
        image: Of any mode.
        factor: Make it smaller so many times, strip by strip, so that it is nowhere in memory in full as RGB.

    Raises:
        DataError: A mode that has no fixed meaning as colour.
    """
    if image.mode in ("F", "LAB"):
        raise DataError(f"colour mode {image.mode} is not supported: save it with 8 bits per channel as RGB")
    remarks: list[str] = []
    depth, opaque = 8, False
    if image.mode == "I" or image.mode.startswith("I;16"):
        depth = _bits_used(image)
        if depth < 16:
            remarks.append(f"16 bits of which {depth} are used: it is scaled by these")
    elif image.has_transparency_data and not _is_visible(image):
        opaque = True
        remarks.append("transparent throughout: its transparency is left out")
    profile = image.info.get("icc_profile")
    if factor == 1:
        return _strip_to_rgb(image, depth, opaque, profile), tuple(remarks)
    rows = max(1, _STRIP_PIXELS // (image.width * factor)) * factor
    reduced = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        reduced.paste(_strip_to_rgb(strip, depth, opaque, None).reduce(factor), (0, top // factor))
    space_fits = image.mode not in ("CMYK", "L", "1", "I") and not image.mode.startswith("I;16")
    return (_to_srgb(reduced, profile) if space_fits else reduced), tuple(remarks)


def _strip_to_rgb(image: Image.Image, depth: int, opaque: bool, profile: bytes | None) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _to_srgb(_eight_bit(image, depth), profile)
    if not image.has_transparency_data:
        return _to_srgb(image if image.mode in _PROFILE_MODES.values() else image.convert("RGB"), profile)
    straight = image.convert("LA") if image.mode == "La" else image
    straight = straight.convert("RGBA")
    if opaque:
        return _to_srgb(straight.convert("RGB"), profile)
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(straight)
    return _to_srgb(white.convert("RGB"), profile)


def _bits_used(image: Image.Image) -> int:
    """Return the least usual depth that holds all values of 16-bit or 32-bit grey."""
    low, high = image.getextrema()
    if low < 0 or high > 65535:  # type: ignore[operator]
        raise DataError("integer pixels outside 0 to 65535: save it with 8 or 16 bits per channel")
    return next(bits for bits in _DEPTHS if high < 2**bits)


def _eight_bit(image: Image.Image, depth: int) -> Image.Image:
    """Return grey of a depth as 8-bit grey, 2^depth - 1 as 255; Pillow's own conversion would clip at 255."""
    values = np.asarray(image).astype(np.uint32)
    most = 2**depth - 1
    return Image.fromarray(((values * 255 + most // 2) // most).astype(np.uint8))


def _is_visible(image: Image.Image) -> bool:
    """Return whether some of an image with transparency can be seen."""
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return int(image.getextrema()[-1][1]) >= _VISIBLE  # type: ignore[index]
    return int(image.convert("RGBA").getextrema()[-1][1]) >= _VISIBLE  # type: ignore[index]


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of a colour profile as RGB in sRGB; a profile that is damaged or of another mode is left out."""
    plain = image.convert("RGB")
    if not profile or len(profile) > _MAX_PROFILE:
        return plain
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = given.profile.xcolor_space.strip()
        if "srgb" in ImageCms.getProfileDescription(given).lower() or _PROFILE_MODES.get(space) != image.mode:
            return plain
        found = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return plain
    return plain if found is None or (_is_plain(found) and not _is_plain(plain)) else found


def _is_plain(image: Image.Image) -> bool:
    return all(low == high for low, high in image.getextrema())  # type: ignore[misc]
