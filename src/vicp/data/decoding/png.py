"""A PNG without the chunks that hold no pixels, which Pillow would read too: none of them can cost the photo."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from vicp.errors import DataError

_SIGNATURE_SIZE = 8
_MAX_CHUNKS = 500_000
_MAX_METADATA = 65_536  # bytes of EXIF or XMP that are looked at
_MAX_PROFILE = 4_000_000  # bytes of a colour profile
_XMP = b"XML:com.adobe.xmp\0\0"  # keyword, and that it is not compressed
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


@dataclass(frozen=True)
class CleanPng:
    """A PNG of pixels alone.

    Attributes:
        data: The file.
        exif: From the header of a TIFF on; empty without any.
        xmp: Empty without any.
        profile: Its colour profile, if it has one that can be decompressed.
        is_animated: Whether there were more pictures.
        is_deep_colour: Whether it has 16 bits in several channels, of which Pillow keeps the upper eight.
    """

    data: bytes
    exif: bytes
    xmp: bytes
    profile: bytes | None
    is_animated: bool
    is_deep_colour: bool


def without_metadata(data: bytes) -> CleanPng:
    """Return a PNG with its pixels alone, and what tells its orientation and colours.

    Raises:
        DataError: It is made to keep a decoder busy: half a million chunks.
    """
    kept, exif, xmp, profile = [data[:_SIGNATURE_SIZE]], b"", b"", None
    is_animated = is_deep_colour = False
    for number, (name, content, whole) in enumerate(_chunks(data)):
        if number > _MAX_CHUNKS:
            raise DataError(f"more than {_MAX_CHUNKS:,} chunks: save it again")
        if name == b"IHDR" and len(content) == 13:
            is_deep_colour = content[8] == 16 and content[9] != 0
        elif name == b"acTL":
            is_animated = int.from_bytes(content[:4], "big") > 1
        elif name == b"iCCP":
            profile = _inflated(content.partition(b"\0")[2][1:])
        elif name == b"eXIf":
            exif = content.removeprefix(b"Exif\0\0")[:_MAX_METADATA]
        elif name == b"iTXt" and content.startswith(_XMP):
            xmp = content[len(_XMP) :][:_MAX_METADATA]
        if name in _PIXELS or name[:1].isupper():
            kept.append(whole)
    return CleanPng(b"".join(kept), exif, xmp, profile, is_animated, is_deep_colour)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield name, content and all bytes of each chunk; of one that is cut off, what there is of it."""
    place = _SIGNATURE_SIZE
    while place + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + size
        yield name, data[place + 8 : end - 4], data[place:end]
        if name == b"IEND":
            return
        place = end


def _inflated(data: bytes) -> bytes | None:
    """Return the colour profile that bytes decompress to; None of damaged ones or where it is too large."""
    inflating = zlib.decompressobj()
    try:
        profile = inflating.decompress(data, _MAX_PROFILE)
    except zlib.error:
        return None
    return profile if inflating.eof else None
