"""The date in a photo's metadata: read from every kind of file, and never at the cost of time or memory."""

import io
import struct
import time
import tracemalloc
import zlib

import pytest
from PIL import Image, features

from vicp.data.photos.exif import exif_date

TAKEN, MADE = "2024:05:01 10:30:00", "2025:01:02 03:04:05"
KINDS = ["JPEG", "PNG", "TIFF", "WEBP", *(["AVIF"] if features.check("avif") else [])]


def photo(kind: str, *, taken: str = "", made: str = "") -> bytes:
    exif = Image.Exif()
    if made:
        exif[306] = made
    if taken:
        exif.get_ifd(0x8769)[36867] = taken
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (3, 200, 90)).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_the_date_is_read_from_every_kind_of_file(kind: str) -> None:
    if kind != "TIFF":  # Pillow writes none of the details into one
        assert exif_date(photo(kind, taken=TAKEN, made=MADE)) == "2024-05-01T10:30:00"
    assert exif_date(photo(kind, made=MADE)) == "2025-01-02T03:04:05"
    assert exif_date(photo(kind)) == ""


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "2024:02:30 10:00:00", "yesterday", "2024:05:01", "x" * 70])
def test_what_is_no_date_is_none(text: str) -> None:
    assert exif_date(photo("JPEG", made=text)) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_has_no_date_or_its_own(kind: str) -> None:
    data = photo(kind, taken=TAKEN)
    for length in range(0, len(data), 7):
        assert exif_date(data[:length]) in ("", "2024-05-01T10:30:00")
    for place in range(0, len(data), 5):
        exif_date(data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :])


def jpeg_of_segments() -> bytes:
    data, size = photo("JPEG"), 65_000
    segment = b"\xff\xe1" + struct.pack(">H", size + 2) + b"Exif\0\0" + bytes(size - 6)
    return data[:2] + segment * 1000 + data[2:]


def png_of_text() -> bytes:
    """A compressed text of 1 GB, which Pillow would inflate to look for metadata."""
    data, deflating = photo("PNG"), zlib.compressobj()
    body = b"".join([deflating.compress(bytes(10_000_000)) for _ in range(100)] + [deflating.flush()])
    content = b"zTXtRaw profile type exif\0\0" + body
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return data[:33] + chunk * 20 + data[33:]


@pytest.mark.parametrize("hostile", [jpeg_of_segments, png_of_text])
def test_metadata_without_end_costs_neither_time_nor_memory(hostile) -> None:
    data = hostile()
    tracemalloc.start()
    start = time.process_time()
    assert exif_date(data) == ""
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 2 * len(data) + 10_000_000
