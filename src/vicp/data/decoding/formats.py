"""What a file is, by its first bytes and never by its name, and the Pillow class that reads it."""

import importlib
from collections.abc import Iterator

from PIL import Image, ImageFile

from vicp.errors import DataError
from vicp.extras import missing_line

SNIFFED = 64  # bytes at the beginning that say what a file is
PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".webp", ".avif", ".avifs", ".heic", ".heif"),
    *(".hif", ".jxl", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".j2c"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga", ".qoi", ".psd", ".dds", ".ico", ".icns", ".sgi", ".ras", ".pcx"),
    *(".dcx", ".xbm", ".xpm", ".msp", ".blp"),
)
RAW_SUFFIXES = (
    *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw"),
    *(".3fr", ".fff", ".iiq", ".dcr", ".kdc", ".mrw", ".erf", ".mef", ".mos", ".rwl", ".x3f", ".raw", ".gpr"),
)
RAW_MESSAGE = "a raw file ({}), which holds what the sensor saw and a small preview: save it as JPEG or TIFF"

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"qoif", "QOI"),
    (b"8BPS", "PSD"),
    (b"DDS ", "DDS"),
    (b"icns", "ICNS"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x01\xda", "SGI"),
    (b"\x59\xa6\x6a\x95", "SUN"),
)
_STRONG = {  # other files begin as photos of the other formats do: a name must say that they are photos
    *("JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "HEIF", "JPEG2000", "PPM", "QOI", "PSD", "DDS", "ICNS", "SUN"),
}
_NO_PHOTOS = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS"}  # drawings, and what Pillow reads in no bounds
_RAW_SIGNATURES = (
    (b"FUJIFILMCCD-RAW", 0, "Fujifilm"),
    (b"CR\x02", 8, "Canon"),
    (b"HEAPCCDR", 6, "Canon"),
    (b"IIRO", 0, "Olympus"),
    (b"IIRS", 0, "Olympus"),
    (b"MMOR", 0, "Olympus"),
    (b"IIU\x00", 0, "Panasonic"),
    (b"FOVb", 0, "Sigma"),
    (b"\x00MRM", 0, "Minolta"),
    (b"IIII", 8, "Phase One"),
    (b"MMMM", 8, "Phase One"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
_AVIF_BRANDS = {b"avif", b"avis"}
_CLASSES = {
    "JPEG": "JpegImagePlugin.JpegImageFile",
    "PNG": "PngImagePlugin.PngImageFile",
    "GIF": "GifImagePlugin.GifImageFile",
    "TIFF": "TiffImagePlugin.TiffImageFile",
    "WEBP": "WebPImagePlugin.WebPImageFile",
    "AVIF": "AvifImagePlugin.AvifImageFile",
    "BMP": "BmpImagePlugin.BmpImageFile",
    "JPEG2000": "Jpeg2KImagePlugin.Jpeg2KImageFile",
    "PPM": "PpmImagePlugin.PpmImageFile",
    "TGA": "TgaImagePlugin.TgaImageFile",
    "QOI": "QoiImagePlugin.QoiImageFile",
    "PSD": "PsdImagePlugin.PsdImageFile",
    "DDS": "DdsImagePlugin.DdsImageFile",
    "ICNS": "IcnsImagePlugin.IcnsImageFile",
    "ICO": "IcoImagePlugin.IcoImageFile",
    "SGI": "SgiImagePlugin.SgiImageFile",
    "SUN": "SunImagePlugin.SunImageFile",
}
_DECODED_IN_C = {"JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "HEIF", "JPEG2000", "BMP", "PPM", "TGA", "PSD", "JXL"}


def photo_format(data: bytes) -> str:
    """Return the format of a photo, as Pillow calls it ("HEIF" for HEIC), by its first 64 bytes.

    Raises:
        DataError: They are of no photo, or of a raw file; the message is the reason alone.
    """
    if not data:
        raise DataError("the file is empty (0 bytes)")
    for signature, place, maker in _RAW_SIGNATURES:
        if data[place : place + len(signature)] == signature:
            raise DataError(RAW_MESSAGE.format(maker))
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _iso_format(data)
    if data[:1] == b"P" and data[1:2] in b"123456fF" and data[2:3].isspace():
        return "PPM"
    if _looks_like_tga(data):
        return "TGA"
    for name in _formats_of_others(data):
        return name
    raise DataError(f"not a JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF or GIF photo (it begins with {data[:8]!r})")


def is_photo(data: bytes) -> bool:
    """Return whether the first 64 bytes of a file without a photo's ending are clearly those of a photo."""
    try:
        return photo_format(data) in _STRONG or _is_added(data)
    except DataError:
        return False


def image_class(name: str) -> type[ImageFile.ImageFile]:
    """Return the Pillow class that reads a format.

    Raises:
        DataError: A package is missing.
    """
    if name == "HEIF":
        try:
            import pillow_heif
        except ImportError as error:
            raise DataError(missing_line("pillow_heif")) from error
        heif: type[ImageFile.ImageFile] = pillow_heif.HeifImageFile
        return heif
    if name in _CLASSES:
        module, kind = _CLASSES[name].split(".")
        found: type[ImageFile.ImageFile] = getattr(importlib.import_module(f"PIL.{module}"), kind)
        return found
    if name not in Image.OPEN:
        raise DataError(f"a {name} photo, which the installed Pillow does not read: save it as JPEG")
    return Image.OPEN[name][0]  # type: ignore[return-value]


def is_decoded_in_python(name: str) -> bool:
    """Return whether Pillow decodes a format by a loop in Python, which takes a second for each megapixel."""
    return name not in _DECODED_IN_C


def _iso_format(data: bytes) -> str:
    """Return the format of an ISO media file, by the brands that it says it is compatible with."""
    end = min(int.from_bytes(data[:4], "big") or SNIFFED, len(data))
    brands = {data[8:12], *(data[place : place + 4] for place in range(16, end - 3, 4))}
    if data[8:12] == b"crx ":
        raise DataError(RAW_MESSAGE.format("Canon"))
    if data[8:12] in _AVIF_BRANDS or (brands & _AVIF_BRANDS and not brands & (_HEIF_BRANDS - {b"mif1", b"msf1"})):
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    raise DataError(f"not a photo but a video or the like (of type {data[8:12].decode('ascii', 'replace')!r})")


def _looks_like_tga(data: bytes) -> bool:
    """Return whether a header makes sense as one of Targa, which has no signature."""
    if len(data) < 18 or data[1] > 1 or data[2] not in (1, 2, 3, 9, 10, 11) or data[16] not in (8, 15, 16, 24, 32):
        return False
    has_size = data[12:14] != b"\0\0" and data[14:16] != b"\0\0"
    return has_size and data[1] == (data[2] in (1, 9)) and data[17] & 0xC0 == 0


def _formats_of_others(data: bytes) -> Iterator[str]:
    """Yield the formats of Pillow's other plugins, and of those added to it, that accept these bytes."""
    Image.init()
    data = data[:SNIFFED].ljust(SNIFFED, b"\0")  # some look at bytes without asking whether there are any
    for name, (_, accept) in list(Image.OPEN.items()):
        if name not in _NO_PHOTOS and accept is not None and accept(data) is True:
            yield name


def _is_added(data: bytes) -> bool:
    """Return whether these bytes are accepted by a plugin that was added to Pillow."""
    modules = (getattr(Image.OPEN[name][0], "__module__", "") for name in _formats_of_others(data))
    return any(not module.startswith(("PIL.", "pillow_heif")) for module in modules)
