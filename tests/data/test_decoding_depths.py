"""Depths, planes and negatives of TIFF and of portable pixmaps, other formats of Pillow, and limits of slow ones."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageChops
from tests.data.test_decoding import PHOTO, difference, encoded

from vicp.data.decoding import jp2, ppm
from vicp.data.decoding.formats import is_photo
from vicp.data.images import decode_photo
from vicp.errors import DataError

COLOURS = np.asarray(PHOTO)
GREY = np.asarray(PHOTO.convert("L"))
PLANES_APART, FLOATS = 2, 3


def tiff(values: np.ndarray, photometric: int, *, planes: int = 1, kind: int = 1) -> bytes:
    """A TIFF without compression of values (h, w) or (h, w, channels)."""
    channels, bits = values.shape[2] if values.ndim == 3 else 1, 8 * values.itemsize
    pixels = np.ascontiguousarray(values.transpose(2, 0, 1) if planes == PLANES_APART else values).tobytes()
    parts = channels if planes == PLANES_APART else 1
    size = len(pixels) // parts
    numbers = {256: [values.shape[1]], 257: [values.shape[0]], 258: [bits] * channels, 259: [1], 262: [photometric]}
    numbers |= {273: [8 + n * size for n in range(parts)], 277: [channels], 278: [values.shape[0]]}
    numbers |= {279: [size] * parts, 284: [planes], 339: [kind] * channels}
    place = 8 + len(pixels)
    behind, entries = place + 2 + 12 * len(numbers) + 4, b""
    lists = b""
    for tag, found in numbers.items():
        packed = struct.pack(f"<{len(found)}I", *found)
        field = packed if len(found) == 1 else struct.pack("<I", behind + len(lists))
        lists += b"" if len(found) == 1 else packed
        entries += struct.pack("<HHI", tag, 4, len(found)) + field
    return struct.pack("<4sI", b"II*\0", place) + pixels + struct.pack("<H", len(numbers)) + entries + bytes(4) + lists


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_of_which_0_is_white(bits: int) -> None:
    values = GREY if bits == 8 else GREY.astype("<u2") * 257
    negative = ImageChops.invert(PHOTO.convert("L")).convert("RGB")
    assert difference(decode_photo(tiff(values, 0)), negative) == 0
    assert difference(decode_photo(tiff(values, 1)), PHOTO.convert("L").convert("RGB")) == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(COLOURS.astype("<u2") * 257, 2, planes=PLANES_APART), "channels of 16 bits one after the other"),
        (tiff(COLOURS.astype("<u2") * 16, 2), "16 bits per channel of which the upper ones are empty"),
        (tiff((COLOURS / 255).astype("<f4"), 2, kind=FLOATS), "channels or bits per channel that are not read"),
        (tiff(np.repeat(COLOURS[..., :1].astype("<u2") * 257, 5, axis=2), 2), "channels or bits per channel that are"),
    ],
)
def test_what_pillow_would_misread_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=f"{reason}.*save it"):
        decode_photo(data)


def test_colours_in_planes_of_eight_bits() -> None:
    assert difference(decode_photo(tiff(COLOURS, 2, planes=PLANES_APART)), PHOTO) == 0
    assert difference(decode_photo(tiff(COLOURS.astype("<u2") * 257, 2)), PHOTO) == 0


@pytest.mark.parametrize("white", [1, 100, 255, 1023, 65535])
@pytest.mark.parametrize("kind", [b"P5", b"P6"])
def test_a_pixmap_is_scaled_by_its_white(kind: bytes, white: int) -> None:
    values = np.linspace(0, white, 20 * 30 * (3 if kind == b"P6" else 1)).round()
    header = kind + b"\n# CREATOR: a scanner\n 30 # wide\n20\n%d\n" % white
    data = header + values.astype("u1" if white < 256 else ">u2").tobytes()
    found = np.asarray(decode_photo(data))[..., : 3 if kind == b"P6" else 1].ravel()
    np.testing.assert_array_equal(found, np.floor(values * 255 / white + 0.5))
    with pytest.raises(DataError, match="truncated or damaged"):
        decode_photo(data[:-1])


@pytest.mark.parametrize("header", [b"P6 9 9 0\n", b"P6 9 9 70000\n", b"P5 -9 9 9\n", b"P6 9 9"])
def test_a_pixmap_that_cannot_be_is_left_to_be_refused(header: bytes) -> None:
    assert ppm.in_eight_bits(header + bytes(999)) == header + bytes(999)
    with pytest.raises(DataError, match="truncated or damaged"):
        decode_photo(header + bytes(999))


@pytest.mark.parametrize(("name", "mode"), [("PCX", "RGB"), ("XBM", "1"), ("MSP", "1"), ("BLP", "P")])
def test_formats_that_only_a_name_makes_photos(name: str, mode: str) -> None:
    image = PHOTO.convert(mode)
    data = encoded(image, name)
    assert difference(decode_photo(data), image.convert("RGB")) == 0
    assert not is_photo(data), "other files begin so too"


def slow_header(name: str) -> bytes:
    """The header of a format that Pillow decodes by a loop, for 10 megapixels."""
    side = 3200
    if name == "QOI":
        return b"qoif" + struct.pack(">IIBB", side, side, 3, 0) + bytes(99)
    run_lengths = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 9999, 0, 0, 54 + 1024) + run_lengths + bytes(9999)


@pytest.mark.parametrize("name", ["QOI", "BMP"])
def test_what_would_be_decoded_for_long_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"10 megapixels, more than the 5 allowed of {name}"):
        decode_photo(slow_header(name))


def test_a_large_jpeg_2000_is_decoded_at_a_smaller_scale() -> None:
    data = encoded(PHOTO, "JPEG2000", num_resolutions=4)
    assert [jp2.halvings(data, times) for times in (0, 1, 2, 3, 4, 7, 8, 100)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert jp2.halvings(b"\xff\x4f\xff\x51" + bytes(99), 8) == 0
    large = encoded(Image.new("L", (4200, 4200), 90), "JPEG2000")
    assert decode_photo(large, min_side=256).size == (263, 263)
