"""Boxes behind a path, `photo.jpg#xywh=30,300,200,150`, and the photo that is left when it is cropped to one."""

import re
from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from vicp.data.images import decode_photo
from vicp.data.photos.exif import DATE_TAG, exif_date_text
from vicp.errors import DataError

FRAGMENT = re.compile(r"#xywh=(?P<unit>pixel:|percent:)?(?P<numbers>[\d.]+,[\d.]+,[\d.]+,[\d.]+)$")


def split_fragment(path: str) -> tuple[str, str]:
    """Return a path without its box, and the box (`xywh=...`); "" for a path without one."""
    match = FRAGMENT.search(path)
    return (path, "") if match is None else (path[: match.start()], path[match.start() + 1 :])


def picture_of(name: str) -> str:
    """Return the picture that a photo was cropped from; "" for a whole photo.

    Photos cropped from one picture show different individuals, for nobody is in a picture twice.
    """
    picture, box = split_fragment(name)
    return picture if box else ""


def of_one_picture(pictures: Sequence[str]) -> NDArray[np.bool_]:
    """Return which two photos (n, n) were cropped from one picture, by the picture of each as `picture_of` gives it."""
    codes = pd.factorize(pd.Series(list(pictures), dtype=object))[0]
    same: NDArray[np.bool_] = (codes[:, None] == codes) & np.array([picture != "" for picture in pictures])[:, None]
    np.fill_diagonal(same, False)
    return same


def crop_photo(data: bytes, box: str) -> bytes:
    """Return an encoded photo cropped to a box, as a PNG that keeps when it was taken.

    Args:
        data: The encoded photo.
        box: `xywh=...` in pixels, or percent of the sides, of the upright photo.

    Raises:
        DataError: The bytes are not a photo, or the box lies outside it.
    """
    match = FRAGMENT.search(f"#{box}")
    if match is None:
        raise DataError(f"box {box!r}: expected xywh=x,y,width,height")
    image = decode_photo(data)
    x, y, width, height = (float(number) for number in match["numbers"].split(","))
    if match["unit"] == "percent:":
        x, width = x * image.width / 100, width * image.width / 100
        y, height = y * image.height / 100, height * image.height / 100
    left, top = max(round(x), 0), max(round(y), 0)
    right, bottom = min(round(x + width), image.width), min(round(y + height), image.height)
    if right <= left or bottom <= top:
        raise DataError(f"its box ({match['numbers']}) lies outside the photo ({image.width} x {image.height})")
    taken = exif_date_text(data)
    exif = Image.Exif()
    if taken:
        exif[DATE_TAG] = taken
    file = BytesIO()
    image.crop((left, top, right, bottom)).save(file, "PNG", **({"exif": exif} if taken else {}))
    return file.getvalue()
