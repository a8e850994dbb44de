"""The command that writes a gallery out for other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vicp
from vicp.cli.gallery.opening import CategoryOption, GalleryArgument
from vicp.cli.render.gallery import capture_lines, wildbook_lines
from vicp.cli.shared.options import JsonOption
from vicp.cli.shared.output import print_result
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.gallery.exporter import ExportLayout


def export(
    gallery: GalleryArgument,
    out: Annotated[Path, typer.Argument(help="A .csv or .parquet file; what an option says, with one of them.")],
    fiftyone: Annotated[
        bool, typer.Option("--fiftyone", help="A new folder as FiftyOneImageClassificationDataset reads it.")
    ] = False,
    hugging_face: Annotated[
        bool, typer.Option("--hugging-face", help="A new image folder or .parquet, as Hugging Face datasets reads it.")
    ] = False,
    captures: Annotated[
        bool, typer.Option("--captures", help="Who was seen when: capture histories for MARK (.inp), or as a .csv.")
    ] = False,
    occasions: Annotated[
        str | None,
        typer.Option(help="Of --captures: day, week, month, or a CSV with occasion,start,end.", show_default="week"),
    ] = None,
    wildbook: Annotated[
        bool, typer.Option("--wildbook", help="A new folder of photos and sheets for Wildbook's bulk import.")
    ] = False,
    location: Annotated[str | None, typer.Option(help="Of --wildbook: where the photos were taken.")] = None,
    species: Annotated[
        str | None, typer.Option(help="Of --wildbook: the scientific name.", show_default="the category")
    ] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="The labelled pairs in place of the photos.")] = False,
    category: CategoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a gallery out.

    A .csv holds the facts, a .parquet everything; the options write what other programs read.
    """
    layouts: dict[ExportLayout, bool] = {"fiftyone": fiftyone, "hugging-face": hugging_face, "pairs": pairs}
    _check_one({**{str(name): given for name, given in layouts.items()}, "captures": captures, "wildbook": wildbook})
    _check_belongs("--captures", captures, {"--occasions": occasions, "--category": category})
    _check_belongs("--wildbook", wildbook, {"--location": location, "--species": species})
    opened = vicp.Gallery.open(gallery)
    if captures:
        histories = opened.export_captures(out, occasions=occasions or "week", category=category)
        print_result(asdict(histories), capture_lines(histories), as_json)
    elif wildbook:
        if location is None:
            raise ConfigError("--wildbook needs --location: where the photos were taken, as Wildbook calls it")
        sheets = opened.export_wildbook(out, location=location, species=species)
        print_result({**asdict(sheets), "out": str(out)}, wildbook_lines(sheets, out), as_json)
    else:
        layout: ExportLayout = next((name for name, is_given in layouts.items() if is_given), "table")
        count = opened.export(out, layout=layout)
        unit, what = ("pairs", "labelled pairs") if pairs else ("photos", "photos")
        print_result({unit: count, "out": str(out)}, [f"{out} holds {count} {what}."], as_json)


def _check_one(layouts: dict[str, bool]) -> None:
    given = [f"--{name}" for name, is_given in layouts.items() if is_given]
    if len(given) > 1:
        raise ConfigError(f"give {' or '.join(given)}, not both: a file has one layout")


def _check_belongs(layout: str, is_given: bool, options: dict[str, str | None]) -> None:
    for option, value in options.items():
        if value is not None and not is_given:
            raise ConfigError(f"{option} is of {layout}: give that, or leave it out")
