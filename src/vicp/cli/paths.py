"""Paths that a command is given: wrong ones are noticed before a model is opened."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import vicp
from vicp.errors import ConfigError, DataError

if TYPE_CHECKING:
    from vicp.data.records import PhotoTable


@dataclass(frozen=True)
class CropOptions:
    """What the options --boxes, --min-confidence and --margin were given; None for nothing."""

    boxes: Path | None = None
    min_confidence: float | None = None
    margin: float | None = None

    def of(self, photos: Path) -> "vicp.BoxFile | None":
        """Return the boxes of these photos, if there are any.

        Raises:
            ConfigError: A number out of range, or one for photos without boxes.
        """
        given = {"min_confidence": self.min_confidence, "margin": self.margin}
        numbers = {name: value for name, value in given.items() if value is not None}
        if self.boxes is None and photos.suffix.lower() != ".json":
            if numbers:
                option = next(iter(numbers)).replace("_", "-")
                raise ConfigError(f"--{option} is of boxes, and {photos} has none: give --boxes FILE, or leave it out")
            return None
        return vicp.BoxFile(self.boxes or photos, **numbers)


NO_CROPS = CropOptions()


def open_known(
    photos: Path,
    column: list[str] | None,
    folders: str | None,
    *,
    need_identity: bool = True,
    skip_bad: bool = False,
    category: str | None = None,
    crops: CropOptions = NO_CROPS,
) -> "PhotoTable":
    """Return the photos of a folder or table, whose columns, folders or boxes the user may name.

    Raises:
        DataError: There is no such source, or it cannot be used.
        ConfigError: A column or folders that cannot be.
    """
    return vicp.open_photos(
        photos,
        category=category,
        need_identity=need_identity,
        skip_bad=skip_bad,
        columns=None if column is None else column_names(column),
        folders=folders,
        boxes=crops.of(photos),
    )


def open_queries(
    photos: Sequence[Path], viewpoint: str | None = None, *, skip_bad: bool, crops: CropOptions = NO_CROPS
) -> "list[PhotoTable]":
    """Return photos, folders and tables to ask about, as tables, with the side that they show where none is said.

    Raises:
        DataError: There is no such source, or it cannot be used.
        ConfigError: Another word than left or right.
    """
    from vicp.gallery.queries import query_tables, with_viewpoint

    _check_sides([] if viewpoint is None else [viewpoint])
    opened = [
        photo
        if crops.of(photo) is None
        else open_known(photo, None, None, need_identity=False, skip_bad=skip_bad, crops=crops)
        for photo in photos
    ]
    tables = query_tables(opened, skip_bad=skip_bad)
    return tables if viewpoint is None else [with_viewpoint(table, viewpoint) for table in tables]


def open_pair(a: Path, b: Path, viewpoints: Sequence[str] | None) -> "list[PhotoTable]":
    """Return two photos, each as a table of one, with the side that both show, or that each shows.

    Raises:
        DataError: They are not two photos.
        ConfigError: More than two sides, or another word than left or right.
    """
    from vicp.gallery.queries import pair_table, with_viewpoint

    sides = list(viewpoints or [])
    _check_sides(sides)
    if len(sides) > 2:
        raise ConfigError(f"--viewpoint is given {len(sides)} times: give it once, or once per photo")
    pair = pair_table(a, b)
    tables = [pair.select([row]) for row in (0, 1)]
    every = sides * 2 if len(sides) == 1 else sides
    return [with_viewpoint(one, side) for one, side in zip(tables, every, strict=True)] if every else tables


def check_file(path: Path | None, what: str) -> None:
    """Check that a file to read is there.

    Raises:
        DataError: It is not, or is a folder.
    """
    if path is not None and not path.is_file():
        raise DataError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'} of {what}")


def check_out_file(path: Path | None, *suffixes: str, option: str = "--out") -> None:
    """Check that a file can be written, before the work that fills it.

    Args:
        path: The file; None for none.
        suffixes: One of which its name is to end in; none allows any name.
        option: Which names it.

    Raises:
        ConfigError: Another ending, a folder, or a place where nothing can be written.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ConfigError(f"{option} {path}: expected a name that ends in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder, expected the name of a file")
    _check_writable(path.parent, f"{option} {path}")


def check_out_folder(path: Path, *, option: str = "--out") -> None:
    """Check that files can be written into a folder, which may be made.

    Raises:
        ConfigError: It is a file, or nothing can be written there.
    """
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{option} {path}: is a file, expected the name of a folder")
    _check_writable(path, f"{option} {path}")


def column_names(given: list[str] | None) -> dict[str, str]:
    """Return our names of columns -> a table's own, from options such as identity=ID.

    Raises:
        ConfigError: An option without a name on either side.
    """
    names = {}
    for option in given or []:
        ours, _, theirs = option.partition("=")
        if not ours.strip() or not theirs.strip():
            raise ConfigError(f"--column {option}: expected OURS=THEIRS, such as --column identity=ID")
        names[ours.strip()] = theirs.strip()
    return names


def _check_sides(sides: Sequence[str]) -> None:
    for side in sides:
        if side not in ("left", "right"):
            raise ConfigError(f"--viewpoint {side}: expected left or right")


def _check_writable(folder: Path, said: str) -> None:
    """Check that a folder is there or can be made, and written into."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise ConfigError(f"{said}: {there} is a file, expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{said}: nothing can be written into {there}: choose another place")
