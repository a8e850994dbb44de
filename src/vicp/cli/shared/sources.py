"""Photos that a command is given: a folder, a table, or single photos, and the options that say how to read them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vicp
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.data.records import PhotoTable
    from vicp.data.sources.options import ReadOptions


ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="OURS=THEIRS",
        help="A table's own name of a column, such as identity='Name of cat'; may be given again.",
    ),
]
FoldersOption = Annotated[
    str | None,
    typer.Option(
        "--folders", help="What the folders above a photo are, such as identity/viewpoint or -/category/identity."
    ),
]
BoxesOption = Annotated[
    Path | None,
    typer.Option(
        help="A JSON file of the boxes of animals, of MegaDetector or COCO: each photo is read once per box, cropped."
    ),
]
MinConfidenceOption = Annotated[
    float | None, typer.Option(help="The least confidence of a box, from 0 to 1.", show_default="0.2")
]
MarginOption = Annotated[
    float | None,
    typer.Option(help="Added on every side of a box, as a share of its width and height.", show_default="0.05"),
]


@dataclass(frozen=True)
class BoxOptions:
    """How the boxes of animals on photos are read; None for what was not given."""

    boxes: BoxesOption = None
    min_confidence: MinConfidenceOption = None
    margin: MarginOption = None

    def box_file(self, photos: Path) -> "vicp.BoxFile | None":
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
            ConfigError: See `box_file`.
        """
        from vicp.data.sources.options import ReadOptions

        return ReadOptions(boxes=self.box_file(photos))

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


@dataclass(frozen=True)
class SourceOptions(BoxOptions):
    """How photos are read; None for what was not given."""

    column: ColumnOption = None
    folders: FoldersOption = None

    @property
    def any_given(self) -> bool:
        """Return whether any of them was given."""
        return self != SourceOptions()

    @property
    def columns(self) -> dict[str, str]:
        """Return our names of columns -> a table's own.

        Raises:
            ConfigError: An option without a name on either side.
        """
        return _column_names(self.column)

    def of(self, photos: Path) -> "ReadOptions":
        """Return how these photos are read.

        Raises:
            ConfigError: See `columns` and `box_file`.
        """
        return replace(super().of(photos), columns=self.columns, folders=self.folders)


def open_queries(
    photos: Sequence[Path], viewpoint: str | None = None, *, skip_bad: bool, boxes: BoxOptions
) -> "list[PhotoTable]":
    """Return photos, folders and tables to ask about, as tables, with the side that they show where none is said.

    Raises:
        DataError: There is no such source, or it cannot be used.
        ConfigError: Another word than left or right.
    """
    from vicp.gallery.queries import query_tables, with_viewpoint

    _check_sides([] if viewpoint is None else [viewpoint])
    opened = [
        photo if boxes.box_file(photo) is None else boxes.open(photo, need_identity=False, skip_bad=skip_bad)
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
