"""Read the photos that a user enrolls or asks about: files, folders and tables."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from vicp.data.inputs import Photo, Photos, as_photo_table, is_single
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import DataError

PhotoSource = Photo | PhotoTable
NO_CATEGORY = ("photos",)  # the categories of a source that does not tell them


def open_source(photos: Photos, *, category: str | None = None, skip_bad: bool) -> PhotoTable:
    """Return the photos of a source.

    Args:
        photos: A path to a photo, a folder or a table; a PIL image, an array, or a sequence of these and of paths to
            single photos; or a table that is open.
        category: The one to keep of several; what all show where the source does not say.
        skip_bad: Leave out rows that cannot be used, instead of raising.

    Raises:
        DataError: It holds no photos, none of the category, or rows that cannot be used.
    """
    if not isinstance(photos, str | os.PathLike | PhotoTable):
        return as_photo_table(photos, category=category)
    if not isinstance(photos, PhotoTable):
        return open_photos(photos, category=category, need_identity=False, skip_bad=skip_bad)
    if category is None:
        return photos
    if photos.categories == NO_CATEGORY:
        return with_categories(photos, [category] * len(photos))
    return photos.of_category(category)


def query_tables(photos: PhotoSource | Sequence[PhotoSource], *, skip_bad: bool) -> list[PhotoTable]:
    """Return one table of all files, named as the user named them, and the tables that hold encoded photos.

    Single photos of which some are images in memory are one table, in their order.

    Raises:
        DataError: No photos, something that holds none, or rows that cannot be used.
    """
    sources = _sources_of(photos)
    single = [source for source in sources if not isinstance(source, PhotoTable) and is_single(source)]
    if len(single) == len(sources) and any(isinstance(photo, Image.Image | np.ndarray) for photo in single):
        return [as_photo_table(single, allow_repeats=True)]
    tables = [open_source(source, skip_bad=skip_bad) for source in sources]
    if not tables:
        raise DataError("an empty list of photos: give at least one")
    of_files = [table for table in tables if table.root is not None]
    of_bytes = [table for table in tables if table.root is None]
    if not of_files:
        return of_bytes
    frames = [table.frame.assign(path=[str(table.root / p) for p in table.frame["path"]]) for table in of_files]
    frame = pd.concat(frames, ignore_index=True)
    skipped = tuple(bad for table in of_files for bad in table.skipped)
    return [PhotoTable(frame.assign(row=range(1, len(frame) + 1)), Path(), skipped), *of_bytes]


def pair_table(a: PhotoSource, b: PhotoSource) -> PhotoTable:
    """Return two photos as a table of two.

    Raises:
        DataError: They are not two photos, one each.
    """
    tables = [open_source(photo, skip_bad=False) for photo in (a, b)]
    if [len(table) for table in tables] != [1, 1]:
        raise DataError(f"{_name(a)} and {_name(b)}: expected two photos, one each")
    if all(table.root is not None for table in tables):
        return query_tables(tables, skip_bad=False)[0]
    frames = [table.frame.assign(image=[table.photo_bytes(0)]) for table in tables]
    return PhotoTable(pd.concat(frames, ignore_index=True).assign(row=[1, 2]), None)


def with_categories(table: PhotoTable, categories: Sequence[str]) -> PhotoTable:
    """Return the photos with these categories, one each."""
    return PhotoTable(table.frame.assign(category=list(categories)), table.root, table.skipped)


def with_viewpoint(table: PhotoTable, viewpoint: str) -> PhotoTable:
    """Return the photos with this viewpoint where the table does not say another."""
    said = table.frame["viewpoint"] if "viewpoint" in table.frame else pd.Series("", index=table.frame.index)
    return replace(table, frame=table.frame.assign(viewpoint=said.mask(said == "", viewpoint)))


def _sources_of(photos: PhotoSource | Sequence[PhotoSource]) -> list[PhotoSource]:
    if isinstance(photos, str | os.PathLike | Image.Image | np.ndarray | PhotoTable):
        return [photos]
    return list(photos) if isinstance(photos, Iterable) else [photos]


def _name(photo: PhotoSource) -> str:
    if isinstance(photo, PhotoTable):
        return f"a table of {len(photo)} photos"
    return os.fspath(photo) if isinstance(photo, str | os.PathLike) else "an image"
