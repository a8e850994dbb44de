"""The command demo."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vicp
from vicp.cli.shared.opening import open_model
from vicp.cli.shared.options import JsonOption, ModelOption, SeedOption, SkipBadOption
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_out_folder
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.evaluation.demo.results import AnsweredPhoto

PRIOR_NEW = 0.2  # of the photos of toy figures


def demo(
    photos: Annotated[
        Path | None, typer.Option(help="A folder or table of photos.", show_default="drawn objects")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = Path("demo"),
    pairs: Annotated[int, typer.Option(min=2, help="Labelled pairs per category.")] = 32,
    categories: Annotated[
        int | None, typer.Option(min=1, help="Categories of drawn objects.", show_default="6")
    ] = None,
    model: ModelOption = "mini",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a few labelled pairs are worth.

    First come answers on real photos, then measurements on drawn objects of kinds that the model has never met.
    """
    from vicp.data.procedural.world import world_table
    from vicp.evaluation.demo.run import run_demo
    from vicp.evaluation.report.demo import demo_dict, demo_lines, write_demo

    if photos is not None and categories is not None:
        raise ConfigError("--categories is of the procedural world, and --photos gives other photos: leave it out")
    check_out_folder(out)
    if photos is None:
        table = world_table(num_categories=categories or 6, seed=seed)
    else:
        table = vicp.open_photos(photos, skip_bad=skip_bad)
    with open_model(model, None, skip_bad=skip_bad, cache=False, task="Embedding") as opened:
        report = run_demo(
            opened.embedder,
            table,
            source="the procedural world" if photos is None else photos.name,
            command=shlex.join(["vicp", *sys.argv[1:]]),
            num_pairs=pairs,
            seed=seed,
        )
        if photos is None:
            report = replace(report, answers=ask_about_minifigures(opened))
    write_demo(report, out)
    print_result(demo_dict(report), [*demo_lines(report), f"{out / 'report.html'} shows it"], as_json)


def ask_about_minifigures(model: "vicp.Model") -> "tuple[AnsweredPhoto, ...]":
    """Return whom photos of toy figures show, after the model was taught by others of them."""
    from vicp.data.minifigures import CATEGORY, open_minifigures
    from vicp.evaluation.demo.results import AnsweredPhoto

    known, asked = open_minifigures()
    prompt = model.teach(known, category=CATEGORY)
    found = model.identify_all(asked, gallery=known, prompt=prompt, prior_new=PRIOR_NEW, top=3)
    names, row_of = set(known.frame["identity"]), {path: row for row, path in enumerate(known.frame["path"])}
    return tuple(
        AnsweredPhoto(
            photo=asked.photo_bytes(row),
            truth=name if name in names else None,
            answer=answer,
            shown=tuple(known.photo_bytes(row_of[candidate.photo]) for candidate in answer.candidates),
        )
        for row, (name, answer) in enumerate(zip(asked.frame["identity"], found, strict=True))
    )
