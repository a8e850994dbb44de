"""A portable pixmap or graymap in eight bits; Pillow would scale other depths by a loop in Python."""

import re

import numpy as np

_BLANK = rb"(?:\s+(?:#[^\n\r]*[\n\r]\s*)*)"
_HEADER = re.compile(rb"P([56])" + (_BLANK + rb"(\d{1,5})") * 3 + rb"\s")
_LONGEST_HEADER = 1024
WHITE = 255


def in_eight_bits(data: bytes) -> bytes:
    """Return the file with 255 as white, or as it is where it is so, holds text or is cut off."""
    found = _HEADER.match(data, 0, _LONGEST_HEADER)
    if found is None:
        return data
    kind, (width, height, white) = found[1], (int(number) for number in found.groups()[1:])
    count = width * height * (3 if kind == b"6" else 1)
    depth = np.dtype("u1" if white <= WHITE else ">u2")
    if white in (0, WHITE) or white >= 65536 or len(data) < found.end() + count * depth.itemsize:
        return data
    values = np.frombuffer(data, depth, count, found.end())
    levels = np.arange(2 ** (8 * depth.itemsize)).clip(max=white)
    scaled = ((levels * WHITE + white // 2) // white).astype(np.uint8)[values]
    return b"P%s %d %d %d\n" % (kind, width, height, WHITE) + scaled.tobytes()
