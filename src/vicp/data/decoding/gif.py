"""The first picture of a GIF, without comments and whatever else Pillow would read before it."""

from dataclasses import dataclass

_CONTROL, _IMAGE, _EXTENSION = 0xF9, 0x2C, 0x21


@dataclass(frozen=True)
class CleanGif:
    """A GIF of one picture.

    Attributes:
        data: The file.
        is_animated: Whether there were more.
    """

    data: bytes
    is_animated: bool


def first_picture(data: bytes) -> CleanGif:
    """Return the GIF's first picture alone; what is cut off stays so."""
    flags = data[10] if len(data) > 10 else 0
    place = 13 + _colours_size(flags)
    kept, pictures = [data[:place]], 0
    while place < len(data) and pictures < 2:
        start = place
        if data[place] == _EXTENSION:
            place = _end_of_blocks(data, place + 2)
            if data[start + 1 : start + 2] == bytes([_CONTROL]) and not pictures:
                kept.append(data[start:place])
        elif data[place] == _IMAGE:
            local = data[place + 9] if place + 9 < len(data) else 0
            place = _end_of_blocks(data, place + 11 + _colours_size(local))
            pictures += 1
            if pictures == 1:
                kept.append(data[start:place])
        else:
            break
    return CleanGif(b"".join([*kept, b";"]) if pictures else data[:1000], pictures > 1)


def _colours_size(flags: int) -> int:
    """Return the bytes of the table of colours that flags tell of."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, place: int) -> int:
    """Return where the blocks end that begin here: each has its size in front, and the last one is empty."""
    while place < len(data) and data[place]:
        place += data[place] + 1
    return place + 1
