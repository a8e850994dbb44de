"""Damaged photos of every format: each is read, or named as bad, and none is passed over."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from benchmarks.faults.mutations import mutate
from vicp.data.audit.check import check_source
from vicp.data.loading import load_photos
from vicp.data.records import BadPhoto
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.errors import VICPError
from vicp.image_transform import ImageTransform

_TRANSFORM = ImageTransform(size=32)


def drawn(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Return coloured blobs with noise, which no format compresses to nothing."""
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.asarray(blobs).astype(int) + rng.normal(0, 6, (size[1], size[0], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@cache
def originals() -> dict[str, tuple[str, bytes]]:
    """Return photos by what they are, each with its ending and bytes: every format that is written, with metadata."""
    image = drawn(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with_alpha = image.copy()
    with_alpha.putalpha(Image.linear_gradient("L").resize(image.size))
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    kinds: dict[str, tuple[str, Callable[[io.BytesIO], None]]] = {
        "jpeg": ("jpg", lambda f: image.save(f, "JPEG", exif=exif, icc_profile=profile, comment=b"tagged")),
        "progressive": ("jpg", lambda f: image.save(f, "JPEG", progressive=True)),
        "cmyk": ("jpg", lambda f: image.convert("CMYK").save(f, "JPEG")),
        "mpo": ("jpg", lambda f: image.save(f, "MPO", save_all=True, append_images=[image])),
        "png": ("png", lambda f: image.save(f, "PNG", exif=exif, icc_profile=profile)),
        "png alpha": ("png", lambda f: with_alpha.save(f, "PNG")),
        "png 16": ("png", lambda f: deep.save(f, "PNG")),
        "png palette": ("png", lambda f: image.quantize(32).save(f, "PNG", transparency=0)),
        "apng": ("png", lambda f: image.save(f, "PNG", save_all=True, append_images=[drawn(1)])),
        "gif": ("gif", lambda f: image.save(f, "GIF", save_all=True, append_images=[drawn(1)], comment=b"tagged")),
        "webp": ("webp", lambda f: image.save(f, "WEBP", exif=exif, icc_profile=profile)),
        "webp lossless": ("webp", lambda f: with_alpha.save(f, "WEBP", lossless=True)),
        "bmp": ("bmp", lambda f: image.save(f, "BMP")),
        "tiff": ("tif", lambda f: image.save(f, "TIFF", exif=exif, icc_profile=profile)),
        "tiff lzw": ("tif", lambda f: image.save(f, "TIFF", compression="tiff_lzw")),
        "tiff pages": ("tif", lambda f: image.save(f, "TIFF", save_all=True, append_images=[drawn(1)])),
        "tiff 16": ("tif", lambda f: deep.save(f, "TIFF", compression="tiff_adobe_deflate")),
        "bigtiff": ("tif", lambda f: image.save(f, "TIFF", big_tiff=True)),
        "avif": ("avif", lambda f: image.save(f, "AVIF", exif=exif)),
        "jpeg2000": ("jp2", lambda f: image.save(f, "JPEG2000")),
        "ppm": ("ppm", lambda f: image.save(f, "PPM")),
        "tga": ("tga", lambda f: image.save(f, "TGA")),
        "qoi": ("qoi", lambda f: image.save(f, "QOI")),
        "heic": ("heic", lambda f: _heic(image, f)),
    }
    made = {}
    for name, (ending, save) in kinds.items():
        file = io.BytesIO()
        save(file)
        made[name] = (ending, file.getvalue())
    return made


def run_case(number: int, folder: Path) -> str:
    """Damage a photo and read a folder of it and a whole one, as the commands do; return what passed in silence."""
    rng = np.random.default_rng(derive_seed(number, "faults", "photos"))
    names = sorted(originals())
    ending, data = originals()[names[number % len(names)]]
    (folder / f"damaged.{ending}").write_bytes(mutate(data, rng))
    (folder / "whole.png").write_bytes(originals()["png"][1])
    report = check_source(folder, progress=lambda done, total: None)
    if report.photos != 2:
        return f"data check: {report.photos} of 2 photos"
    bad: list[BadPhoto] = []
    try:
        table = open_photos(folder, need_identity=False)
        read = len(list(load_photos(table, _TRANSFORM, thumbnail_size=16, bad=bad)))
    except VICPError as error:
        return f"a folder of photos is refused: {error}"
    if read + len(bad) != 2 or "whole.png" in {photo.path for photo in bad}:
        return f"{read} photos read, {len(bad)} named as bad, of 2"
    if {photo.path for photo in bad} != {photo.path for photo in report.bad}:
        return f"data check and loading differ: {report.bad} and {bad}"
    return ""


def _heic(image: Image.Image, file: io.BytesIO) -> None:
    import pillow_heif

    pillow_heif.from_pillow(image).save(file)
