"""Which picture of a TIFF is the photo, and the file with the tags of that picture's pixels alone.

TIFF 6.0, BigTIFF, and what raw files of cameras make of them: a directory of tags per picture, each of which may name
further ones (SubIFDs).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vicp.data.decoding.formats import RAW_MESSAGE
from vicp.errors import DataError

_MAX_DIRECTORIES = 1000
_MAX_TAGS = 4096
_MAX_METADATA = 65_536  # bytes
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([0-9])")
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION = 254, 256, 257, 258, 262, 274
_CHANNELS, _PLANES = 277, 284
_SUB_DIRECTORIES, _PROFILE, _DNG_VERSION = 330, 34675, 50706
_EXIF, _DATE, _DATE_TAKEN = 34665, 306, 36867
_ASCII, _LONGEST_TEXT = 2, 64
_SENSOR = (32803, 34892)  # photometric interpretations: a colour filter array, and linear raw
_PIXEL_TAGS = frozenset(
    (
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        277,
        278,
        279,
        280,
        281,
        284,
        292,
        293,
        317,
        320,
        322,
        323,
        324,
        325,
        332,
        338,
        339,
        347,
        512,
        513,
        514,
        515,
        517,
        518,
        519,
        520,
        521,
        529,
        530,
        531,
        532,
        _PROFILE,
    )
)
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True)
class CleanTiff:
    """A TIFF of one picture.

    Attributes:
        data: The file.
        orientation: As EXIF has it; 1 where it says nothing.
        remark: What to tell of the other pictures; "" without any.
        is_deep_colour: Whether it has 16 bits in several channels, of which Pillow keeps the upper eight.
        is_deep_negative: Whether it is grey of 16 bits in which 0 is white, which Pillow takes for black.
    """

    data: bytes
    orientation: int
    remark: str
    is_deep_colour: bool
    is_deep_negative: bool


def orientation_of(exif: bytes, xmp: bytes) -> int:
    """Return the orientation that EXIF tells, or XMP where EXIF does not; 1 where neither does.

    Args:
        exif: A TIFF without pixels, which may be damaged.
        xmp: XML, which may be damaged.
    """
    file = _File(exif.removeprefix(b"Exif\0\0")[:_MAX_METADATA])
    for directory in file.at(file.first):
        if orientation := file.value(directory, _ORIENTATION):
            return orientation
    found = _XMP_ORIENTATION.search(xmp[:_MAX_METADATA])
    return 1 if found is None else int(found[1])


def date_of(exif: bytes) -> str:
    """Return when a photo was taken, or else when its file was made, as EXIF has it; "" where it says neither.

    Args:
        exif: A TIFF, which may be damaged.
    """
    file = _File(exif)
    for directory in file.at(file.first):
        details = [inner for place in file.values(directory, _EXIF) for inner in file.at(place)]
        taken = next((text for inner in details if (text := file.text(inner, _DATE_TAKEN))), "")
        return taken or file.text(directory, _DATE)
    return ""


@dataclass(frozen=True)
class _Directory:
    """The tags of a picture: number → type, count, and the bytes that hold the values or say where they are."""

    tags: dict[int, tuple[int, int, bytes]]
    next: int


def largest_picture(data: bytes) -> CleanTiff:
    """Return a TIFF of the picture that is the photo: the first, or the largest where the first is its preview.

    Raises:
        DataError: A raw file, or a damaged one.
    """
    file = _File(data)
    pages = list(file.directories(file.first))
    if not pages:
        raise DataError("truncated or damaged (no directory of tags)")
    inner = [each for page in pages for place in file.values(page, _SUB_DIRECTORIES) for each in file.at(place)]
    sized = [each for each in (*pages, *inner) if file.area(each) and not file.value(each, _SUBFILE) & 4]
    if _DNG_VERSION in pages[0].tags or any(file.value(each, _PHOTOMETRIC) in _SENSOR for each in (*pages, *inner)):
        raise DataError(RAW_MESSAGE.format("DNG, NEF, ARW or the like"))
    chosen, remark = pages[0], ""
    largest = max(sized, key=file.area, default=chosen)
    is_preview = bool(file.value(chosen, _SUBFILE) & 1) or 4 * file.area(chosen) <= file.area(largest)
    if file.area(largest) > file.area(chosen) and is_preview:
        remark = f"begins with a preview of {file.size(chosen)}: its largest picture, {file.size(largest)}, is read"
        chosen = largest
    elif (count := sum(not file.value(page, _SUBFILE) & 5 for page in pages)) > 1:
        remark = f"holds {count} pictures: the first is read"
    is_deep, channels = file.value(chosen, _BITS) == 16, file.value(chosen, _CHANNELS) or 1
    if is_deep and channels > 1 and file.value(chosen, _PLANES) == 2:
        raise DataError("channels of 16 bits one after the other, which are not read: save it with 8 bits as RGB")
    is_negative = is_deep and channels == 1 and _PHOTOMETRIC in chosen.tags and not file.value(chosen, _PHOTOMETRIC)
    data, orientation = file.with_only(chosen), file.value(chosen, _ORIENTATION) or 1
    return CleanTiff(data, orientation, remark, is_deep and channels > 1, is_negative)


class _File:
    """A TIFF, and how its numbers are read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:1] == b"I" else ">"
        self._big = b"+" in data[2:4]
        self._entry = f"{self._order}HHQ8s" if self._big else f"{self._order}HHI4s"
        place = data[8:16] if self._big else data[4:8]
        self.first = self._number(place)

    def directories(self, place: int) -> Iterator[_Directory]:
        """Yield the directories of a chain that begins at a place."""
        met: set[int] = set()
        while place and place not in met and len(met) < _MAX_DIRECTORIES:
            met.add(place)
            found = self.at(place)
            yield from found
            place = found[0].next if found else 0

    def at(self, place: int) -> list[_Directory]:
        """Return the directory at a place as a list of one; empty where there is none."""
        head, size = (8, 20) if self._big else (2, 12)
        count = self._number(self._data[place : place + head])
        end = place + head + count * size
        if not 0 < count <= _MAX_TAGS or place < 8 or end > len(self._data):
            return []
        entries = struct.iter_unpack(self._entry, self._data[place + head : end])
        tags = {tag: (kind, number, value) for tag, kind, number, value in entries}
        return [_Directory(tags, self._number(self._data[end : end + (8 if self._big else 4)]))]

    def values(self, directory: _Directory, tag: int) -> tuple[int, ...]:
        """Return the whole numbers of a tag, a thousand at most; empty where there are none."""
        kind, count, field = directory.tags.get(tag, (0, 0, b""))
        if kind not in _CODES or not 0 < count <= _MAX_DIRECTORIES:
            return ()
        size = count * _TYPE_SIZES[kind]
        place = self._number(field)
        held = field[:size] if size <= len(field) else self._data[place : place + size]
        return struct.unpack(f"{self._order}{count}{_CODES[kind]}", held) if len(held) == size else ()

    def value(self, directory: _Directory, tag: int) -> int:
        """Return the first whole number of a tag; 0 where there is none."""
        return (*self.values(directory, tag), 0)[0]

    def text(self, directory: _Directory, tag: int) -> str:
        """Return the text of a tag, without its end; "" where there is none or it is long."""
        kind, count, field = directory.tags.get(tag, (0, 0, b""))
        if kind != _ASCII or not 0 < count <= _LONGEST_TEXT:
            return ""
        place = self._number(field)
        held = field[:count] if count <= len(field) else self._data[place : place + count]
        return held.decode("latin-1").strip("\0 ")

    def area(self, directory: _Directory) -> int:
        """Return the number of pixels."""
        return self.value(directory, _WIDTH) * self.value(directory, _HEIGHT)

    def size(self, directory: _Directory) -> str:
        """Return the size, for people."""
        return f"{self.value(directory, _WIDTH)} x {self.value(directory, _HEIGHT)}"

    def with_only(self, directory: _Directory) -> bytes:
        """Return the file with a directory of the tags of pixels alone as its first and last.

        Raises:
            DataError: The tags say that they hold more than the file.
        """
        tags = {tag: entry for tag, entry in sorted(directory.tags.items()) if tag in _PIXEL_TAGS}
        if sum(_TYPE_SIZES.get(kind, 1) * count for kind, count, _ in tags.values()) > len(self._data) + 1024:
            raise DataError("truncated or damaged (tags that are larger than the file)")
        number, place = f"{self._order}{'Q' if self._big else 'I'}", len(self._data) + len(self._data) % 2
        head = self._data[:8] if self._big else self._data[:4]
        entries = b"".join(struct.pack(self._entry, tag, *entry) for tag, entry in tags.items())
        count = struct.pack(f"{self._order}{'Q' if self._big else 'H'}", len(tags))
        padding = b"\0" * (len(self._data) % 2)
        first = struct.pack(number, place)
        rest = memoryview(self._data)[len(head) + len(first) :]
        return b"".join([head, first, rest, padding, count, entries, struct.pack(number, 0)])

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self._order == "<" else "big")
