"""Photos that a command is given: a folder, a table, or single photos, and the options that say how to read them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import vicp
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.data.records import PhotoTable
    from vicp.data.sources.options import ReadOptions


@dataclass(frozen=True)
class SourceOptions:
    """What the options --column, --folders, --boxes, --min-confidence and --margin were given; None for nothing."""

    column: list[str] | None = None
    folders: str | None = None
    boxes: Path | None = None
    min_confidence: float | None = None
    margin: float | None = None

    @property
    def any_given(self) -> bool:
        """Return whether any of them was given."""
        return self != NOTHING_GIVEN

    @property
    def columns(self) -> dict[str, str]:
        """Return our names of columns -> a table's own.

        Raises:
            ConfigError: An option without a name on either side.
        """
        return _column_names(self.column)

    def boxes_of(self, photos: Path) -> "vicp.BoxFile | None":
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

    def of(self, photos: Path) -> "ReadOptions":
        """Return how these photos are read.

        Raises:
            ConfigError: See `columns` and `boxes_of`.
        """
        from vicp.data.sources.options import ReadOptions

        return ReadOptions(columns=self.columns, folders=self.folders, boxes=self.boxes_of(photos))

    def open(
        self, photos: Path, *, category: str | None = None, need_identity: bool = True, skip_bad: bool = False
    ) -> "PhotoTable":
        """Return these photos.

        Raises:
            DataError: There is no such source, or it cannot be used.
            ConfigError: A column, folders or boxes that cannot be.
        """
        from vicp.data.sources import read_source

        options = replace(self.of(photos), category=category, need_identity=need_identity, skip_bad=skip_bad)
        return read_source(photos, options)


NOTHING_GIVEN = SourceOptions()


def open_queries(
    photos: Sequence[Path], viewpoint: str | None = None, *, skip_bad: bool, crops: SourceOptions = NOTHING_GIVEN
) -> "list[PhotoTable]":
    """Return photos, folders and tables to ask about, as tables, with the side that they show where none is said.

    Raises:
        DataError: There is no such source, or it cannot be used.
        ConfigError: Another word than left or right.
    """
    from vicp.gallery.queries import query_tables, with_viewpoint

    _check_sides([] if viewpoint is None else [viewpoint])
    opened = [
        photo if crops.boxes_of(photo) is None else crops.open(photo, need_identity=False, skip_bad=skip_bad)
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


def _column_names(given: list[str] | None) -> dict[str, str]:
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
