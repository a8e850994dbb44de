"""Photos on disk -> the photo table: one file per kind of source, each a plain function."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from stat import S_ISDIR

import pandas as pd

from vicp.data.camtrap.package import DESCRIPTOR, is_package
from vicp.data.decoding.formats import PHOTO_SUFFIXES
from vicp.data.label_studio import is_label_studio
from vicp.data.photos.files import check_is_file
from vicp.data.records import PhotoTable
from vicp.data.sources.camtrap import read_camtrap
from vicp.data.sources.cropped import crop_table, read_boxes
from vicp.data.sources.datasets.cute import is_cute, read_cute
from vicp.data.sources.datasets.market import is_market, is_msmt17, is_veri, read_market, read_msmt17, read_veri
from vicp.data.sources.datasets.petface import is_petface, read_petface
from vicp.data.sources.datasets.shopid10k import is_shopid10k, read_shopid10k
from vicp.data.sources.detections import BoxFile, read_json
from vicp.data.sources.folders.disk import begins_as_photo, list_photos
from vicp.data.sources.folders.folder import read_folder
from vicp.data.sources.label_studio import read_label_studio
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.files import TABLE_SUFFIXES
from vicp.data.sources.tables.metadata import has_metadata, read_metadata
from vicp.data.sources.tables.table import read_table
from vicp.errors import ConfigError, DataError

BOXES_SUFFIX, PACKAGE_SUFFIX = ".json", ".zip"
LIST_SUFFIXES = (*TABLE_SUFFIXES, BOXES_SUFFIX, PACKAGE_SUFFIX)  # of files that name photos and are none


def open_photos(
    source: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
    columns: Mapping[str, str] | None = None,
    folders: str | None = None,
    boxes: str | os.PathLike[str] | BoxFile | None = None,
) -> PhotoTable:
    """Return the photos of a folder, a table, or a single photo.

    Args:
        source: A data set in the layout it is published in, any other folder as in `read_folder`, or a file whose
            ending says what it is: JSON is a file of boxes, whose photos lie where it says, or an export of Label
            Studio; a zip is a Camtrap DP package.
        category: The one category to keep; where the source tells no categories, the name of the only one.
        need_identity: Whether every photo must have an identity.
        skip_bad: Leave out bad rows instead of raising.
        columns: Of a table whose columns are called differently: our names -> theirs, such as
            {"identity": "animal name"}.
        folders: What the folders above each photo are, such as "identity/viewpoint", see `read_folder`; None to read it
            from their names.
        boxes: A file of boxes of the animals on these photos, as MegaDetector or COCO has them: each photo is read once
            per box, cropped to it.

    Raises:
        DataError: The source does not exist, is of another kind, or holds something that cannot be used.
        ConfigError: `columns` or `folders` names a column that the photo table does not have, or they are given for a
            source that has none.
    """
    options = ReadOptions(
        category=category,
        need_identity=need_identity,
        skip_bad=skip_bad,
        columns=columns,
        folders=folders,
        boxes=boxes,
    )
    return read_source(Path(source), options)


def read_source(path: Path, options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the photos of a source; `open_photos` with its options in one value.

    Raises:
        DataError: See `open_photos`.
        ConfigError: See `open_photos`.
    """
    if options.boxes is not None and path.suffix.lower() != BOXES_SUFFIX:
        boxes = options.boxes if isinstance(options.boxes, BoxFile) else BoxFile(options.boxes)
        return _read_cropped(path, boxes, options)
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise DataError(f"no such file or folder: {path}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if S_ISDIR(status.st_mode):
        return _read_folder(path, options)
    check_is_file(path, status)
    return _read_file(path, options)


def _read_file(path: Path, options: ReadOptions) -> PhotoTable:
    """Return the photos of a file, whose ending says what it is."""
    suffix = path.suffix.lower()
    if options.folders is not None:
        raise ConfigError(f"{path}: is no folder, and --folders says what the folders of one are: leave it out")
    if suffix in TABLE_SUFFIXES:
        return read_table(path, options)
    if suffix == PACKAGE_SUFFIX or path.name == DESCRIPTOR:
        return read_camtrap(path if suffix == PACKAGE_SUFFIX else path.parent, options)
    if suffix == BOXES_SUFFIX:
        return _read_json(path, options)
    return _read_photo(path, options)


def _read_photo(path: Path, options: ReadOptions) -> PhotoTable:
    """Return one photo, which has no identity."""
    if path.suffix.lower() not in PHOTO_SUFFIXES and not begins_as_photo(path):
        raise DataError(
            f"{path}: cannot tell what this is, expected a folder, a table ({' '.join(TABLE_SUFFIXES)}), "
            "boxes (.json), a Camtrap DP package (.zip) or a photo (.jpg .png .webp .avif .heic .tif and so on)"
        )
    if options.need_identity:
        raise DataError(f"{path}: a single photo has no identity, expected a folder per identity or a table")
    if options.columns:
        raise _no_table(path)
    frame = pd.DataFrame({"row": [1], "path": [path.name], "category": [options.category or "photos"]})
    frame["identity"] = pd.Series([None], dtype=object)
    return PhotoTable(frame, path.parent)


def _read_json(path: Path, options: ReadOptions) -> PhotoTable:
    """Return the photos that a file of boxes or an export of Label Studio names."""
    document = read_json(path)
    if is_label_studio(document):
        return read_label_studio(path, document, options)
    given = options.boxes if isinstance(options.boxes, BoxFile) else BoxFile(path)
    if Path(given.path) != path or isinstance(options.boxes, str | os.PathLike):
        raise ConfigError(f"{path}: holds boxes itself: give its photos, or leave --boxes out")
    return read_boxes(given, options)


def _read_cropped(path: Path, boxes: BoxFile, options: ReadOptions) -> PhotoTable:
    """Return the animals on the photos of a source, whose names may stand in the source or with the boxes."""
    is_table = not path.is_dir() or has_metadata(path)
    of_photos = ReadOptions(
        need_identity=False,
        skip_bad=options.skip_bad and is_table,
        columns=options.columns if is_table else None,
        folders=options.folders,
    )
    try:
        whole = read_source(path, of_photos)
    except DataError:
        if is_table or options.folders is not None:
            raise
        listed = list_photos(path)  # at several depths, as in the folders of camera traps: no folder is a name
        frame = pd.DataFrame({"row": range(1, len(listed) + 1), "path": pd.Series(listed, dtype=object)})
        whole = PhotoTable(frame.assign(category="photos", identity=None), path)
    return crop_table(whole, boxes, replace(options, columns=None if is_table else options.columns))


_LAYOUTS = (
    (is_package, read_camtrap),
    (is_shopid10k, read_shopid10k),  # before PetFace, whose layout it has
    (is_petface, read_petface),
    (is_market, read_market),
    (is_veri, read_veri),
    (is_msmt17, read_msmt17),
    (has_metadata, read_metadata),
    (is_cute, read_cute),  # after those that are told by a name of their own
)
"""Of folders: whether one has it, and its reader; the first that fits reads."""


def _read_folder(root: Path, options: ReadOptions) -> PhotoTable:
    """Return the photos of a folder, by the first layout that fits unless the user gives one."""
    if options.columns and not has_metadata(root):
        raise _no_table(root)
    layouts = _LAYOUTS if options.folders is None else ()
    read = next((read for fits, read in layouts if fits(root)), read_folder)
    return read(root, options)


def _no_table(path: Path) -> ConfigError:
    return ConfigError(f"{path}: is no table, and --column names the columns of one: leave it out, or give the table")
