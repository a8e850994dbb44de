import io
import struct
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from vicp.data.images import decode_photo, normalise, photo_pixels
from vicp.errors import DataError
from vicp.image_transform import ImageTransform

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def red_corner(width: int = 60, height: int = 40) -> Image.Image:
    """Blue, with a red block at the top left."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 3, height // 2))
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def close(pixel: object, colour: tuple[int, int, int], within: int = 12) -> bool:
    return bool(np.abs(np.array(pixel) - np.array(colour)).max() <= within)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, (2, 2)),
        (2, (57, 2)),
        (3, (57, 37)),
        (4, (2, 37)),
        (5, (2, 2)),
        (6, (37, 2)),
        (7, (37, 57)),
        (8, (2, 57)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_moves_the_red_corner(kind: str, orientation: int, corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_photo(encoded(red_corner(), kind, exif=exif))
    assert image.size == ((60, 40) if orientation < 5 else (40, 60))
    assert close(image.getpixel(corner), RED, within=30)
    opposite = (image.width - 1 - corner[0], image.height - 1 - corner[1])
    assert close(image.getpixel(opposite), BLUE, within=30)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_red_is_red(kind: str) -> None:
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), kind)
    assert (b"Adobe" in data) == (kind == "JPEG")  # Adobe's JPEGs hold CMYK inverted
    assert close(decode_photo(data).getpixel((8, 8)), RED)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("value", "grey"), [(0, 0), (257, 1), (32768, 128), (65535, 255)])
def test_16_bit_grey_is_scaled_not_clipped(kind: str, value: int, grey: int) -> None:
    values = np.full((8, 8), value, np.uint16)
    values[0, 0] = 65535  # of the sixteen bits all are used
    assert decode_photo(encoded(Image.fromarray(values), kind)).getpixel((4, 4)) == (grey, grey, grey)


def test_32_bit_pixels_are_refused() -> None:
    floats = Image.fromarray(np.full((8, 8), 0.5, np.float32))
    with pytest.raises(DataError, match="colour mode F is not supported: save it with 8 bits"):
        decode_photo(encoded(floats, "TIFF"))
    integers = Image.fromarray(np.full((8, 8), 70_000, np.int32))
    with pytest.raises(DataError, match="outside 0 to 65535"):
        decode_photo(encoded(integers, "TIFF"))


@pytest.mark.parametrize(("mode", "value", "grey"), [("L", 100, 100), ("1", 1, 255)])
def test_grey_becomes_rgb(mode: str, value: int, grey: int) -> None:
    image = decode_photo(encoded(Image.new(mode, (8, 8), value), "PNG"))
    assert (image.mode, image.getpixel((4, 4))) == ("RGB", (grey, grey, grey))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_put_on_white(kind: str) -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.paste((255, 0, 0, 128), (8, 0, 16, 16))
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode_photo(encoded(image, kind, **options))
    assert decoded.getpixel((2, 8)) == WHITE
    assert close(decoded.getpixel((12, 8)), (255, 127, 127), within=1)


def test_grey_with_alpha_is_put_on_white() -> None:
    image = Image.new("LA", (8, 8), (0, 0))
    image.putpixel((0, 0), (0, 255))
    assert decode_photo(encoded(image, "PNG")).getpixel((4, 4)) == WHITE


@pytest.mark.parametrize(("kind", "transparency"), [("PNG", 1), ("PNG", bytes([255, 0])), ("GIF", 1)])
def test_palette_with_transparency_is_put_on_white(kind: str, transparency: int | bytes) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([*RED, *GREEN])
    image.paste(1, (4, 0, 8, 8))
    decoded = decode_photo(encoded(image, kind, transparency=transparency))
    assert decoded.getpixel((1, 4)) == RED
    assert decoded.getpixel((6, 4)) == WHITE


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (GREEN, BLUE)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert close(decode_photo(data).getpixel((8, 8)), GREEN)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_plain_formats_keep_their_colours(kind: str) -> None:
    image = decode_photo(encoded(red_corner(), kind))
    assert (image.mode, image.size) == ("RGB", (60, 40))
    assert close(image.getpixel((5, 5)), RED)
    assert close(image.getpixel((50, 30)), BLUE)


def test_heic() -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif (the heic extra) is not installed")
    buffer = io.BytesIO()
    heif.from_pillow(red_corner()).save(buffer, quality=100)
    image = decode_photo(buffer.getvalue())
    assert (image.mode, image.size) == ("RGB", (60, 40))
    assert close(image.getpixel((5, 5)), RED, within=30)
    assert close(image.getpixel((50, 30)), BLUE, within=30)


def test_heic_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DataError, match=r"pip install 'vicp\[heic\]'"):
        decode_photo(b"\0\0\0\x18ftypheic" + b"\0" * 16)


def test_a_large_jpeg_is_decoded_at_reduced_scale() -> None:
    data = encoded(red_corner(1600, 1200), "JPEG")
    assert decode_photo(data).size == (1600, 1200)
    small = decode_photo(data, min_side=256)
    assert small.size == (400, 300)
    assert close(small.getpixel((20, 20)), RED)
    assert decode_photo(data, min_side=601).size == (1600, 1200)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("min_side", [None, 8])
def test_truncated(kind: str, min_side: int | None) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(DataError, match="truncated or damaged"):
        decode_photo(data[: len(data) // 2], min_side=min_side)


def test_damaged_bytes_never_escape_as_another_error() -> None:
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        data = encoded(red_corner(), kind)
        for _ in range(60):
            damaged = bytearray(data)
            for position in rng.integers(2, len(data), 4):
                damaged[position] = rng.integers(256)
            try:
                assert decode_photo(bytes(damaged)).mode == "RGB"
            except DataError:
                continue


def test_damaged_metadata_does_not_cost_the_photo() -> None:
    image = decode_photo(encoded(red_corner(), "PNG", exif=b"Exif\0\0nonsense"))
    assert image.getpixel((5, 5)) == RED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"meet me at the corner", r"not a JPEG, .*\(it begins with b'meet me '\)"),
        (b"BMW is a car, not a bitmap", "truncated or damaged"),
    ],
)
def test_not_a_photo(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode_photo(data)


@pytest.mark.parametrize(("width", "height"), [(12_000, 10_000), (60_000, 60_000)])
def test_decompression_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    with pytest.raises(DataError, match=rf"{width} x {height} is \d+ megapixels, more than the 100 allowed"):
        decode_photo(png_header(width, height))


def test_decompression_bomb_in_webp() -> None:
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "WEBP", lossless=True))
    start = data.index(b"VP8L") + 9  # after the name, the size and the signature: 14 bits each, less one
    data[start : start + 4] = struct.pack("<I", 16_000 | 16_000 << 14)
    with pytest.raises(DataError, match="more than the 100 megapixels allowed"):
        decode_photo(bytes(data))


def test_just_below_the_limit_no_warning_leaks() -> None:
    with pytest.raises(DataError, match="truncated or damaged"):  # 99 megapixels: the header passes, quietly
        decode_photo(png_header(9_900, 10_000))


def test_squash_fills_the_square() -> None:
    pixels = photo_pixels(encoded(red_corner(96, 48), "PNG"), ImageTransform(size=24))
    assert (pixels.shape, pixels.dtype) == ((24, 24, 3), np.uint8)
    assert close(pixels[3, 3], RED)
    assert close(pixels[20, 3], BLUE)
    assert close(pixels[3, 20], BLUE)


def test_crop_keeps_the_middle() -> None:
    image = Image.new("RGB", (90, 30), RED)
    image.paste(GREEN, (30, 0, 60, 30))
    pixels = photo_pixels(encoded(image, "PNG"), ImageTransform(size=15, fit="crop"))
    assert (pixels == GREEN).all()


@pytest.mark.parametrize(("width", "height"), [(80, 40), (40, 80)])
def test_pad_adds_borders_in_the_mean_colour(width: int, height: int) -> None:
    transform = ImageTransform(size=20, fit="pad")
    pixels = photo_pixels(encoded(Image.new("RGB", (width, height), GREEN), "PNG"), transform)
    wide = pixels if width > height else pixels.transpose(1, 0, 2)
    assert (wide[:5] == (124, 116, 104)).all()
    assert (wide[15:] == (124, 116, 104)).all()
    assert (wide[5:15] == GREEN).all()


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_one_pixel_wide(fit: str) -> None:
    data = encoded(Image.new("RGB", (1, 500), GREEN), "PNG")
    pixels = photo_pixels(data, ImageTransform(size=8, fit=fit))  # type: ignore[arg-type]
    assert pixels.shape == (8, 8, 3)
    assert (pixels == GREEN).all(axis=-1).any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_resizing_averages_rather_than_picks(kind: str) -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = photo_pixels(encoded(Image.fromarray(stripes), kind), ImageTransform(size=32))
    assert np.abs(pixels.astype(int) - 128).max() <= 4


def test_normalise_values_in_both_layouts() -> None:
    transform = ImageTransform(size=2, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))
    pixels = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 1, 1, 3).expand(2, 2, 2, 3)
    expected = torch.tensor([1.0, -1.0, 0.2]).view(1, 3, 1, 1).expand(2, 3, 2, 2)
    torch.testing.assert_close(normalise(pixels, transform), expected)
    torch.testing.assert_close(normalise(pixels.permute(0, 3, 1, 2), transform), expected)


@pytest.mark.parametrize(
    "pixels", [torch.zeros(2, 3, 4, 4), torch.zeros(3, 4, 4).byte(), torch.zeros(2, 4, 4, 4).byte()]
)
def test_normalise_refuses_other_tensors(pixels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        normalise(pixels, ImageTransform())


def test_fingerprint_is_stable_and_tells_fields_apart() -> None:
    default = ImageTransform().fingerprint
    assert default == "17abd5656f22c5cd96d81f7a0e3289aaeb573796f92a4e0b32e8efa30058102a"
    others = [ImageTransform(size=96), ImageTransform(fit="pad"), ImageTransform(std=(1, 1, 1))]
    assert len({default, *(other.fingerprint for other in others)}) == 4
    assert others[2].fingerprint == ImageTransform(std=(1.0, 1.0, 1.0)).fingerprint


@pytest.mark.parametrize(
    "make",
    [
        lambda: ImageTransform(size=0),
        lambda: ImageTransform(fit="stretch"),  # type: ignore[arg-type]
        lambda: ImageTransform(std=(0.0, 1.0, 1.0)),
    ],
)
def test_impossible_transforms(make: Callable[[], ImageTransform]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()
