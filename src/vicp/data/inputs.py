"""Photos as a Python program has them (paths, PIL images, arrays) -> the photo table."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from vicp.data.photos.files import read_photo_file
from vicp.data.records import PhotoTable
from vicp.data.sources import LIST_SUFFIXES, open_photos
from vicp.errors import DataError
from vicp.io import encode_image
from vicp.phrases import counted

Photo = str | os.PathLike[str] | Image.Image | np.ndarray[Any, Any]
Photos = Photo | Sequence[Photo] | PhotoTable

_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
_IMAGE_SHAPES = "(H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8"


def as_photo_table(
    photos: Photos,
    *,
    category: str | None = None,
    identities: Sequence[str] | None = None,
    need_identity: bool = False,
    skip_bad: bool = False,
    allow_repeats: bool = False,
) -> PhotoTable:
    """Return the photo table of whatever a program holds.

    Args:
        photos: A table as it is; a path, opened as `open_photos` does; a PIL image or an array; or a sequence of
            paths to single photos, images and arrays. Arrays are (H, W), (H, W, 3) or (H, W, 4), uint8.
        category: What the photos of a sequence show; a folder or table says so itself.
        identities: The name of the individual in each photo of a sequence, in the same order.
        need_identity: Whether every photo must have an identity.
        skip_bad: Leave out bad rows of a folder or table instead of raising.
        allow_repeats: Whether a sequence may have one path several times.

    Raises:
        DataError: A photo that cannot be used, no photos, or identities that do not fit the photos.
    """
    if isinstance(photos, PhotoTable):
        _refuse_identities(identities, "a photo table")
        return photos
    if isinstance(photos, str | os.PathLike):
        _refuse_identities(identities, f"{os.fspath(photos)!r}")
        return open_photos(photos, need_identity=need_identity, skip_bad=skip_bad)
    items = _items_of(photos)
    individuals = _identities_of(items, identities, need_identity=need_identity)
    names = _unique_names(items, allow_repeats=allow_repeats)
    frame = pd.DataFrame(
        {
            "row": range(1, len(items) + 1),
            "path": names,
            "category": category or "photos",
            "identity": pd.Series(individuals, dtype=object),
        }
    )
    if names == [os.fspath(item) if isinstance(item, str | os.PathLike) else None for item in items]:
        return PhotoTable(frame, Path())
    return PhotoTable(frame.assign(image=[_encoded(item, number) for number, item in enumerate(items)]), None)


def is_single(photos: Photos) -> bool:
    """Return whether this is one photo, not a folder, a table or a sequence."""
    if isinstance(photos, str | os.PathLike):
        return Path(photos).is_file() and Path(photos).suffix.lower() not in LIST_SUFFIXES
    return isinstance(photos, Image.Image | np.ndarray)


def _refuse_identities(identities: Sequence[str] | None, source: str) -> None:
    if identities is not None:
        raise DataError(f"identities were given for {source}, which has its own: give them with a list of photos")


def _identities_of(
    items: Sequence[Photo], identities: Sequence[str] | None, *, need_identity: bool
) -> list[str | None]:
    if not items:
        raise DataError("an empty list of photos: give at least one")
    if identities is None:
        if need_identity:
            raise DataError(f"{counted(len(items), 'photo')} without identities: give `identities`, one name per photo")
        return [None] * len(items)
    if len(identities) != len(items):
        raise DataError(f"{len(identities)} identities for {len(items)} photos: give one name per photo")
    return [str(name) for name in identities]


def _items_of(photos: Image.Image | np.ndarray[Any, Any] | Sequence[Photo]) -> list[Photo]:
    if isinstance(photos, Image.Image | np.ndarray):
        return [photos]
    if not isinstance(photos, Iterable):
        raise DataError(
            f"a {type(photos).__name__} in place of photos: expected a path, an image, or a sequence of these"
        )
    return list(photos)


def _unique_names(items: Sequence[Photo], *, allow_repeats: bool) -> list[str]:
    """Return a name per photo: its path, or its place in the sequence; a second of one name gets its place too."""
    names: list[str] = []
    for number, item in enumerate(items):
        name = os.fspath(item) if isinstance(item, str | os.PathLike) else f"image {number}"
        is_path = isinstance(item, str | os.PathLike)
        names.append(f"{name} ({number})" if name in names and (allow_repeats or not is_path) else name)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"the same photo twice: {', '.join(repeated[:5])}: name each once")
    return names


def _encoded(item: Photo, number: int) -> bytes:
    if isinstance(item, str | os.PathLike):
        try:
            return read_photo_file(Path(item))
        except DataError as error:
            raise DataError(f"photo {number}: {error}") from error
    image = _image_of_array(item, number) if isinstance(item, np.ndarray) else item
    if not isinstance(image, Image.Image):
        raise DataError(
            f"photo {number} is a {type(item).__name__}: expected a path, a PIL image or an array {_IMAGE_SHAPES}"
        )
    upright = ImageOps.exif_transpose(image)
    return encode_image(upright if upright.mode in _PNG_MODES else upright.convert("RGB"), "PNG")


def _image_of_array(array: np.ndarray[Any, Any], number: int) -> Image.Image:
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or array.size == 0:
        raise DataError(f"photo {number} is an array {array.shape} {array.dtype}: expected {_IMAGE_SHAPES}")
    return Image.fromarray(array)
