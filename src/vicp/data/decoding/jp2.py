"""At how small a scale a JPEG 2000 can be decoded, which takes a quarter of the memory for each halving."""

_CODING_STYLE = b"\xff\x52"
_HEADER = 65_536  # bytes, in which the marker stands
_LEVELS_AT = 9  # bytes after the marker: length, style, order, layers, transform of colours
_MOST_LEVELS = 32


def halvings(data: bytes, times: int) -> int:
    """Return how often the sides of a JPEG 2000 may be halved, so that they become at most so many times smaller."""
    place = data.find(_CODING_STYLE, 0, _HEADER)
    levels = data[place + _LEVELS_AT] if 0 <= place < len(data) - _LEVELS_AT else 0
    return min(levels if levels <= _MOST_LEVELS else 0, max(times, 1).bit_length() - 1)
