"""Photos on disk -> the photo table: one file per kind of source, each a plain function."""

import os
from collections.abc import Mapping
from functools import partial
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
    path = Path(source)
    if boxes is not None and path.suffix.lower() != BOXES_SUFFIX:
        return _open_cropped(
            path,
            boxes if isinstance(boxes, BoxFile) else BoxFile(boxes),
            category=category,
            need_identity=need_identity,
            skip_bad=skip_bad,
            columns=columns,
            folders=folders,
        )
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise DataError(f"no such file or folder: {path}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if S_ISDIR(status.st_mode):
        return _open_folder(
            path,
            category=category,
            need_identity=need_identity,
            skip_bad=skip_bad,
            columns=columns,
            folders=folders,
        )
    check_is_file(path, status)
    suffix = path.suffix.lower()
    if folders is not None:
        raise ConfigError(f"{path}: is no folder, and --folders says what the folders of one are: leave it out")
    if suffix in TABLE_SUFFIXES:
        return read_table(path, category=category, need_identity=need_identity, skip_bad=skip_bad, columns=columns)
    if suffix == PACKAGE_SUFFIX or path.name == DESCRIPTOR:
        package = path if suffix == PACKAGE_SUFFIX else path.parent
        return read_camtrap(package, category=category, need_identity=need_identity, skip_bad=skip_bad)
    if suffix == BOXES_SUFFIX:
        return _open_json(
            path, boxes, category=category, need_identity=need_identity, skip_bad=skip_bad, columns=columns
        )
    if suffix not in PHOTO_SUFFIXES and not begins_as_photo(path):
        raise DataError(
            f"{path}: cannot tell what this is, expected a folder, a table ({' '.join(TABLE_SUFFIXES)}), "
            "boxes (.json), a Camtrap DP package (.zip) or a photo (.jpg .png .webp .avif .heic .tif and so on)"
        )
    if need_identity:
        raise DataError(f"{path}: a single photo has no identity, expected a folder per identity or a table")
    if columns:
        raise _no_table(path)
    frame = pd.DataFrame({"row": [1], "path": [path.name], "category": [category or "photos"]})
    frame["identity"] = pd.Series([None], dtype=object)
    return PhotoTable(frame, path.parent)


def _open_json(
    path: Path,
    boxes: str | os.PathLike[str] | BoxFile | None,
    *,
    category: str | None,
    need_identity: bool,
    skip_bad: bool,
    columns: Mapping[str, str] | None,
) -> PhotoTable:
    """Return the photos that a file of boxes or an export of Label Studio names."""
    document = read_json(path)
    if is_label_studio(document):
        return read_label_studio(path, document, category=category, need_identity=need_identity, skip_bad=skip_bad)
    given = boxes if isinstance(boxes, BoxFile) else BoxFile(path)
    if Path(given.path) != path or isinstance(boxes, str | os.PathLike):
        raise ConfigError(f"{path}: holds boxes itself: give its photos, or leave --boxes out")
    return read_boxes(given, category=category, need_identity=need_identity, skip_bad=skip_bad, columns=columns)


def _open_cropped(
    path: Path,
    boxes: BoxFile,
    *,
    category: str | None,
    need_identity: bool,
    skip_bad: bool,
    columns: Mapping[str, str] | None,
    folders: str | None,
) -> PhotoTable:
    """Return the animals on the photos of a source, whose names may stand in the source or with the boxes."""
    is_table = not path.is_dir() or has_metadata(path)
    of_table, of_boxes = (columns, None) if is_table else (None, columns)
    try:
        whole = open_photos(
            path, need_identity=False, skip_bad=skip_bad and is_table, columns=of_table, folders=folders
        )
    except DataError:
        if is_table or folders is not None:
            raise
        listed = list_photos(path)  # at several depths, as in the folders of camera traps: no folder is a name
        frame = pd.DataFrame({"row": range(1, len(listed) + 1), "path": pd.Series(listed, dtype=object)})
        whole = PhotoTable(frame.assign(category="photos", identity=None), path)
    return crop_table(whole, boxes, category=category, need_identity=need_identity, skip_bad=skip_bad, columns=of_boxes)


def _open_folder(
    root: Path,
    *,
    category: str | None,
    need_identity: bool,
    skip_bad: bool,
    columns: Mapping[str, str] | None,
    folders: str | None,
) -> PhotoTable:
    """Return the photos of a folder, which the first layout that fits may read unless the user gives one."""
    read_by_names = partial(read_folder, category=category, need_identity=need_identity, skip_bad=skip_bad)
    if columns and not has_metadata(root):
        raise _no_table(root)
    if folders is not None:
        return read_by_names(root, folders=folders)
    layouts = (
        (is_package, partial(read_camtrap, need_identity=need_identity)),
        (is_shopid10k, read_shopid10k),  # before PetFace, whose layout it has
        (is_petface, read_petface),
        (is_market, read_market),
        (is_veri, read_veri),
        (is_msmt17, read_msmt17),
        (has_metadata, partial(read_metadata, need_identity=need_identity, columns=columns)),
        (is_cute, read_cute),  # after those that are told by a name of their own
    )
    for fits, read in layouts:
        if fits(root):
            return read(root, category=category, skip_bad=skip_bad)
    return read_by_names(root)


def _no_table(path: Path) -> ConfigError:
    return ConfigError(f"{path}: is no table, and --column names the columns of one: leave it out, or give the table")
