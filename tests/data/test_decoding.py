"""What people's photos are like: metadata, modes, formats, several pictures; and files made to keep a decoder busy."""

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.helpers.photos import blob_photo

from vicp.data.decoding.decode import decode_with_remarks
from vicp.data.images import decode_photo
from vicp.errors import DataError

PHOTO = blob_photo(0)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def jpeg_with(*segments: bytes) -> bytes:
    data = encoded(PHOTO, "JPEG", quality=95)
    return data[:2] + b"".join(segments) + data[2:]


def png_with(name: bytes, content: bytes, *, checksum: int | None = None) -> bytes:
    data = encoded(PHOTO, "PNG")
    crc = zlib.crc32(name + content) if checksum is None else checksum
    return data[:33] + struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc) + data[33:]


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean())


def remarks(data: bytes) -> tuple[str, ...]:
    return decode_with_remarks(data).remarks


METADATA = {
    "png text with a wrong checksum": png_with(b"tEXt", b"Comment\0left flank", checksum=7),
    "png compressed text of 9 MB": png_with(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(bytes(9 << 20))),
    "png text that does not decompress": png_with(b"zTXt", b"Comment\0\0" + b"no zlib"),
    "png profile of 2 MB": png_with(b"iCCP", b"icc\0\0" + zlib.compress(bytes(2 << 20))),
    "png profile that does not decompress": png_with(b"iCCP", b"icc\0\0nothing"),
    "png time of another length": png_with(b"tIME", b"1"),
    "png physical size of another length": png_with(b"pHYs", b""),
    "png exif of nonsense": png_with(b"eXIf", b"MM\0*\0\0\0\xff" + bytes(99)),
    "jpeg exif of nonsense": jpeg_with(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "jpeg a thousand exif segments": jpeg_with(*[segment(0xE1, b"Exif\0\0" + bytes(65_000))] * 1000),
    "jpeg profile cut off": jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(60))),
    "jpeg multi-picture index of nonsense": jpeg_with(segment(0xE2, b"MPF\0II*\0" + b"\xff" * 40)),
    "jpeg photoshop block of nonsense": jpeg_with(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + b"\xff" * 9)),
    "jpeg comments": jpeg_with(*[segment(0xFE, b"station 4")] * 5000),
    "jpeg noise between segments": jpeg_with(segment(0xFE, b"a"), b"noise" * 100_000),
    "gif comment of 40 MB": encoded(PHOTO.quantize(256), "GIF", comment=bytes(200)).replace(
        b"\x21\xfe\xc8" + bytes(200), b"\x21\xfe" + (b"\xff" + bytes(255)) * 160_000 + b"\xc8" + bytes(200)
    ),
}


@pytest.mark.parametrize("data", METADATA.values(), ids=METADATA)
def test_metadata_never_costs_the_photo_nor_time(data: bytes) -> None:
    start = time.process_time()
    image = decode_photo(data)
    assert time.process_time() - start < 5
    assert difference(image, PHOTO) < (9 if data[:3] == b"GIF" else 3)


@pytest.mark.parametrize("tag", [700, 33723, 34377, 34665, 50341])
def test_tags_that_point_out_of_a_tiff_do_not_cost_the_photo(tag: int) -> None:
    data = encoded(PHOTO, "TIFF")
    place = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[place : place + 2])[0]
    entries = [data[place + 2 + 12 * n : place + 14 + 12 * n] for n in range(count)]
    entries = sorted([*entries, struct.pack("<HHII", tag, 7, 2**31 - 1, 2**31 - 1)], key=lambda e: e[:2][::-1])
    moved = data[:4] + struct.pack("<I", len(data)) + data[8:]
    image = decode_photo(moved + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4))
    assert difference(image, PHOTO) == 0


def test_the_orientation_survives_other_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = PHOTO.transpose(Image.Transpose.ROTATE_90)
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    data = encoded(turned, "JPEG", quality=95, exif=exif)
    plain = encoded(turned, "JPEG", quality=95)
    for photo in (data, data[:2] + segment(0xFE, b"a") * 50 + data[2:], plain[:2] + segment(0xE1, xmp) + plain[2:]):
        assert difference(decode_photo(photo), PHOTO) < 3


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_fewer_bits_than_its_container_is_scaled_by_them(kind: str, bits: int) -> None:
    values = np.linspace(0, 2**bits - 1, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    decoded = decode_with_remarks(encoded(Image.fromarray(values), kind))
    expected = (values.astype(float) * 255 / (2**bits - 1)).round()
    assert np.abs(np.asarray(decoded.image)[..., 0] - expected).max() <= 1
    assert decoded.remarks == (() if bits == 16 else (f"16 bits of which {bits} are used: it is scaled by these",))


def test_colour_whose_upper_bits_are_empty_is_refused() -> None:
    """Pillow keeps the upper eight bits alone, which hold next to nothing of a photo of 12-bit values."""
    rows = (np.asarray(PHOTO).astype(np.uint16) * 16).astype(">u2").reshape(160, -1).view(np.uint8)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 160, 160, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    with pytest.raises(DataError, match="16 bits per channel of which the upper ones are empty"):
        decode_photo(data)


def transparent(kind: str) -> bytes:
    """A photo that is transparent throughout, in each way that formats have."""
    rgba, grey = PHOTO.convert("RGBA"), PHOTO.convert("LA")
    rgba.putalpha(0)
    grey.putalpha(0)
    match kind:
        case "png":
            return encoded(rgba, "PNG")
        case "grey png":
            return encoded(grey, "PNG")
        case "palette png":
            return encoded(PHOTO.quantize(256), "PNG", transparency=bytes(256))
        case "webp":
            return encoded(rgba, "WEBP", lossless=True, exact=True)
        case "tiff":
            return encoded(rgba, "TIFF")
        case _:
            return encoded(rgba, "BMP")


@pytest.mark.parametrize("kind", ["png", "grey png", "palette png", "webp", "tiff", "bmp"])
def test_transparency_throughout_is_taken_as_none(kind: str) -> None:
    decoded = decode_with_remarks(transparent(kind))
    expected = PHOTO.convert("L").convert("RGB") if "grey" in kind else PHOTO
    assert difference(decoded.image, expected) < (9 if "palette" in kind else 1)
    assert ("transparent throughout: its transparency is left out" in decoded.remarks) or kind == "bmp"


def test_a_transparent_photo_without_colours_is_said_to_be_plain() -> None:
    assert remarks(encoded(Image.new("RGBA", (50, 40)), "PNG")) == (
        "transparent throughout: its transparency is left out",
        "one plain colour",
    )


def wide_profile() -> bytes:
    """The sRGB profile with the primaries of red and green exchanged: a red photo of it is green."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace(b"s\0R\0G\0B", b"o\0t\0h\0r").replace(b"sRGB", b"othr")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_colour_profile_is_converted_to_srgb(kind: str) -> None:
    image = Image.new("RGB", (60, 40), (200, 30, 30))
    image.paste((20, 20, 200), (0, 0, 10, 10))
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    red, green, _ = decode_photo(encoded(image, kind, icc_profile=wide_profile(), **options)).getpixel((40, 30))
    assert (red < 60, green > 170) == (True, True)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, green, _ = decode_photo(encoded(image, kind, icc_profile=srgb, **options)).getpixel((40, 30))
    assert (red > 190, green < 40) == (True, True)


@pytest.mark.parametrize(
    "profile", [b"nonsense", bytes(3000), wide_profile()[:200], wide_profile().replace(b"RGB ", b"GRAY")]
)
def test_a_damaged_profile_is_left_out(profile: bytes) -> None:
    assert difference(decode_photo(encoded(PHOTO, "PNG", icc_profile=profile)), PHOTO) == 0


FORMATS: dict[str, Callable[[], bytes]] = {
    "avif": lambda: encoded(PHOTO, "AVIF", quality=95),
    "jpeg 2000": lambda: encoded(PHOTO, "JPEG2000"),
    "bigtiff": lambda: encoded(PHOTO, "TIFF", big_tiff=True),
    "tiff of packed bits": lambda: encoded(PHOTO, "TIFF", compression="packbits"),
    "tiff of lzw": lambda: encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    "tiff of jpeg": lambda: encoded(PHOTO, "TIFF", compression="jpeg", quality=95),
    "qoi": lambda: encoded(PHOTO, "QOI"),
    "targa": lambda: encoded(PHOTO, "TGA"),
    "targa, run lengths": lambda: encoded(PHOTO, "TGA", compression="tga_rle"),
    "ppm": lambda: encoded(PHOTO, "PPM"),
    "webp": lambda: encoded(PHOTO, "WEBP", quality=95),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_that_pillow_reads(name: str) -> None:
    decoded = decode_with_remarks(FORMATS[name]())
    assert (decoded.image.size, decoded.remarks) == (PHOTO.size, ())
    assert difference(decoded.image, PHOTO) < 5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(99), r"a raw file \(Canon\)"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(99), r"a raw file \(Fujifilm\)"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99), r"a raw file \(Canon\)"),
        (b"IIU\0\x18\0\0\0" + bytes(99), r"a raw file \(Panasonic\)"),
        (b"\0\0\0\x18ftypisom\0\0\0\1isommp42" + bytes(99), "not a photo but a video"),
        (b"\xff\x0a" + bytes(99), "a JXL photo, which the installed Pillow does not read"),
    ],
)
def test_what_is_no_photo_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode_photo(data)


def tiff_of(*pictures: tuple[Image.Image, int, int], inner: bool = False) -> bytes:
    """A TIFF of pictures with subfile type and photometric interpretation; with `inner`, the second in the first."""
    blobs = [image.tobytes() for image, _, _ in pictures]
    starts = [8 + sum(map(len, blobs[:n])) for n in range(len(blobs))]
    sizes = [2 + 12 * (10 + (inner and n == 0)) + 4 + 6 for n in range(len(pictures))]
    places = [8 + sum(map(len, blobs)) + sum(sizes[:n]) for n in range(len(pictures))]
    data = struct.pack("<4sI", b"II*\0", places[0]) + b"".join(blobs)
    for n, (image, subfile, photometric) in enumerate(pictures):
        bits = places[n] + sizes[n] - 6
        tags = [(254, 4, 1, subfile), (256, 4, 1, image.width), (257, 4, 1, image.height), (258, 3, 3, bits)]
        tags += [(259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, starts[n]), (277, 3, 1, 3)]
        tags += [(278, 4, 1, image.height), (279, 4, 1, len(blobs[n]))]
        if inner and n == 0:
            tags.append((330, 4, 1, places[1]))
        follows = places[n + 1] if not inner and n + 1 < len(pictures) else 0
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        data += struct.pack("<I", follows) + struct.pack("<3H", 8, 8, 8)
    return data


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("subfile", [0, 1])
def test_of_a_preview_and_a_photo_the_photo_is_read(inner: bool, subfile: int) -> None:
    data = tiff_of((PHOTO.resize((16, 16)), subfile, 2), (PHOTO, 0, 2), inner=inner)
    decoded = decode_with_remarks(data)
    assert difference(decoded.image, PHOTO) == 0
    assert decoded.remarks == ("begins with a preview of 16 x 16: its largest picture, 160 x 160, is read",)


@pytest.mark.parametrize("photometric", [32803, 34892])
def test_a_raw_file_is_not_taken_for_its_preview(photometric: int) -> None:
    with pytest.raises(DataError, match=r"a raw file .*: save it as JPEG or TIFF"):
        decode_photo(tiff_of((PHOTO.resize((64, 48)), 1, 2), (PHOTO, 0, photometric), inner=True))


def test_reduced_copies_after_the_photo_are_no_other_pictures() -> None:
    data = tiff_of((PHOTO, 0, 2), (PHOTO.resize((80, 80)), 1, 2), (PHOTO.resize((40, 40)), 1, 2))
    assert remarks(data) == ()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_several_pictures_are_said(kind: str) -> None:
    data = encoded(PHOTO, kind, save_all=True, append_images=[blob_photo(1)])
    decoded = decode_with_remarks(data)
    assert difference(decoded.image, PHOTO) < 8
    (said,) = decoded.remarks
    assert "first" in said
    assert "read" in said


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image.new("RGB", (64, 48)), "one plain colour"),
        (Image.new("RGB", (64, 48), (90, 120, 40)), "one plain colour"),
        (Image.fromarray(np.random.default_rng(0).integers(0, 9, (48, 64, 3), dtype=np.uint8)), "nearly black"),
        (Image.fromarray(np.random.default_rng(0).integers(245, 256, (48, 64), dtype=np.uint8)), "nearly white"),
        (PHOTO.resize((9, 9)), "tiny: 9 x 9 pixels"),
        (PHOTO, ""),
    ],
)
def test_what_is_hardly_a_picture_is_said_to_be(image: Image.Image, said: str) -> None:
    assert remarks(encoded(image, "PNG")) == ((said,) if said else ())


def progressive_with(scans: int, *, side: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(blob_photo(3, size=side), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + b"\xff\xd9"


def test_thousands_of_scans_are_refused_at_once() -> None:
    data = progressive_with(3000, side=2000)
    start = time.process_time()
    with pytest.raises(DataError, match="scans, which would take minutes to decode"):
        decode_photo(data)
    assert time.process_time() - start < 2


def test_a_header_without_end_is_refused_at_once() -> None:
    start = time.process_time()
    for data in (
        b"P6\n#" + b"a comment " * 5_000_000,
        b"\xff\xd8" + segment(0xFE, b"") * 2_000_000,
        encoded(PHOTO, "PNG")[:33] + (struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))) * 1_000_000,
        b"GIF89a" + bytes(7) + b"\x21\xfe\x01a" * 5_000_000,
    ):
        with pytest.raises(DataError):
            decode_photo(data)
    assert time.process_time() - start < 20


@pytest.mark.parametrize("mode", ["I;16", "RGBA"])
def test_a_very_large_photo_takes_a_few_bytes_a_pixel(mode: str) -> None:
    side = 6000
    if mode == "I;16":
        values = np.zeros((side, side), np.uint16)
        values[::7] = 65535
        image = Image.fromarray(values)
        del values
    else:
        image = Image.new("RGBA", (side, side), (200, 30, 30, 255))
        image.paste((0, 0, 0, 0), (0, 0, side // 2, side))
    data = encoded(image, "PNG", compress_level=1)
    del image
    tracemalloc.start()  # what numpy and bytes take; Pillow's own image comes on top
    decoded = decode_photo(data, min_side=256)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * side * side
    assert min(decoded.size) >= 256
    assert max(decoded.size) < 1000
    middle = decoded.getpixel((decoded.width * 3 // 4, decoded.height // 2))
    assert middle == ((200, 30, 30) if mode == "RGBA" else middle)
    assert mode == "I;16" or decoded.getpixel((2, 2)) == (255, 255, 255)
