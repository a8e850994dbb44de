"""A JPEG without the metadata that Pillow would read, so that none of it can cost the photo, time or memory."""

import re
from dataclasses import dataclass

from vicp.errors import DataError

_MAX_SEGMENTS = 20_000
_MAX_PROFILE = 4_000_000  # bytes of a colour profile
_SCANS = 100  # any photo has fewer, however large
_MAX_SCANNED = 1_000_000_000  # pixels, times scans: some seconds of decoding
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_SIZE = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of frames, which have the size
_KEPT = {0xE0: b"JFIF", 0xEE: b"Adobe"}  # what tells how colours are coded
_EXIF, _XMP, _PROFILE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"


@dataclass(frozen=True)
class CleanJpeg:
    """A JPEG of pixels and colour profile alone.

    Attributes:
        data: The file.
        exif: Its first EXIF, from the header of a TIFF on; empty without any.
        xmp: Its first XMP; empty without any.
    """

    data: bytes
    exif: bytes
    xmp: bytes


def without_metadata(data: bytes) -> CleanJpeg:
    """Return a JPEG with its pixels and colour profile alone, and what tells its orientation.

    Raises:
        DataError: It is made to keep a decoder busy: thousands of scans or segments.
    """
    kept, met = [data[:2]], dict.fromkeys((_EXIF, _XMP, *_KEPT.values()), b"")
    pixels, profile, place = 0, 0, 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, place)
        if found is None:
            break
        marker, start = found[1][0], found.end()
        if marker == 0xDA or marker == 0xD9:  # the first scan, or the end before any
            kept.append(data[found.end() - 2 :])
            _check_scans(data, start, pixels)
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            place = start
            continue
        size = int.from_bytes(data[start : start + 2], "big")
        content = data[start + 2 : start + size]
        place = start + max(size, 2)
        if marker in _SIZE:
            pixels = int.from_bytes(content[1:3], "big") * int.from_bytes(content[3:5], "big")
        if marker == 0xE2 and content.startswith(_PROFILE):
            profile += len(content)
            if profile > _MAX_PROFILE:
                continue
        elif marker == 0xFE or 0xE0 <= marker <= 0xEF:
            names = (_EXIF, _XMP) if marker == 0xE1 else (_KEPT.get(marker, b"?"),)
            kind = next((name for name in names if content.startswith(name)), None)
            if kind is None or met[kind]:
                continue
            met[kind] = content
            if marker == 0xE1:
                continue
        kept.append(data[start - 2 : place])
    else:
        raise DataError(f"more than {_MAX_SEGMENTS:,} pieces of metadata and no picture: save it again")
    return CleanJpeg(b"".join(kept), met[_EXIF][len(_EXIF) :], met[_XMP][len(_XMP) :])


def _check_scans(data: bytes, start: int, pixels: int) -> None:
    """Check that the number of scans is one that a photo has."""
    if data.count(b"\xff\xda", start) <= _SCANS:  # at most: what follows the photo may have such bytes too
        return
    scans, place = 1, start
    while (found := _MARKER_IN_SCAN.search(data, place)) is not None and found[1] != b"\xd9":
        scans += found[1] == b"\xda"
        place = found.end()
        if scans > _SCANS and scans * pixels > _MAX_SCANNED:
            raise DataError(f"more than {scans - 1:,} scans, which would take minutes to decode: save it again")
