"""Commands for one's own photos: teach, identify, verify."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import vicp
from vicp.cli.render.answers import report_lines, verification_lines
from vicp.cli.render.teach import teach_facts, teach_lines
from vicp.cli.shared.answer_files import IdentificationFiles, VerificationFiles
from vicp.cli.shared.opening import load_prompt, open_model
from vicp.cli.shared.options import (
    AdaptOption,
    AnyModelOption,
    BackboneOption,
    CacheOption,
    EngineOption,
    JsonOption,
    PairPriorOption,
    PriorOption,
    SeedOption,
    SideOption,
    SidesOption,
    SkipBadOption,
    TargetOptions,
)
from vicp.cli.shared.output import print_result
from vicp.cli.shared.paths import check_file, check_out_file
from vicp.cli.shared.sources import BoxOptions, ColumnOption, FoldersOption, SourceOptions, open_pair, open_queries
from vicp.errors import ConfigError


def teach(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a table (CSV, TSV, XLSX, Parquet).")],
    category: Annotated[str, typer.Option(help="What the photos show.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The prompt file to write.", show_default="CATEGORY.prompt.safetensors")
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(
            min=2, help="How many labelled pairs to draw from known identities.", show_default="64, if they fit"
        ),
    ] = None,
    support: Annotated[Path | None, typer.Option(help="Your own pairs: a CSV with left,right,same.")] = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    engine: EngineOption = "auto",
    adapt: AdaptOption = "auto",
    seed: SeedOption = 0,
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn a category from labelled pairs.

    Photos of known individuals go in, a small prompt file comes out.
    """
    if pairs is not None and support is not None:
        raise ConfigError("--pairs draws pairs, and --support gives your own; leave one of them out")
    target = out or Path(f"{category.replace('/', '-')}.prompt.safetensors")
    check_out_file(target)
    check_file(support, "labelled pairs")
    table = source.open(photos, need_identity=support is None, skip_bad=skip_bad)
    with open_model(model, backbone, skip_bad=skip_bad, cache=False, task="Reading photos", engine=engine) as opened:
        taught = opened.teach_and_report(
            table, category=category, pairs=support or pairs, adapt=adapt, seed=seed, skip_bad=skip_bad
        )
    taught.prompt.save(target)
    print_result(teach_facts(taught, target), teach_lines(taught, target), as_json)


def identify(
    gallery: Annotated[Path, typer.Argument(help="Photos of known individuals: a folder or a table.")],
    photo: Annotated[list[Path], typer.Argument(help="Photos, folders or tables to identify.")],
    *,
    prompt: Annotated[Path | None, typer.Option(help="The category's prompt, from `vicp teach`.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many identities to name.")] = 5,
    prior_new: PriorOption = 0.5,
    targets: TargetOptions,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    engine: EngineOption = "auto",
    column: ColumnOption = None,
    folders: FoldersOption = None,
    boxes: BoxOptions,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    files: IdentificationFiles,
    viewpoint: SideOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whom each photo shows.

    The answer names the likeliest of those known, the next and somebody new, each with its probability.
    """
    from vicp.gallery.report.answer_page import photos_of_table

    files.check()
    rates, loaded = targets.checked(), load_prompt(prompt)
    known = SourceOptions(column=column, folders=folders).open(gallery, skip_bad=skip_bad)
    queries = open_queries(photo, viewpoint, skip_bad=skip_bad, boxes=boxes)
    with open_model(
        model, backbone, prompts=[loaded], skip_bad=skip_bad, cache=cache, task="Embedding", engine=engine
    ) as opened:
        found = opened.identify_all(queries, gallery=known, prompt=loaded, targets=rates, prior_new=prior_new, top=top)
        written = files.write(found, queries, opened.encoder, lambda: photos_of_table(known))
    print_result(asdict(found), [*report_lines(found), *written], as_json)


def verify(
    a: Annotated[Path, typer.Argument(help="A photo.")],
    b: Annotated[Path, typer.Argument(help="Another photo.")],
    prompt: Annotated[Path, typer.Option(help="The category's prompt, from `vicp teach`.")],
    *,
    prior_new: PairPriorOption = 0.5,
    targets: TargetOptions,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    engine: EngineOption = "auto",
    files: VerificationFiles,
    viewpoint: SidesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether two photos show one individual.

    The answer is the likelier one, with its probability, by what was taught.
    """
    files.check()
    rates, loaded = targets.checked(), vicp.Prompt.load(prompt)
    pair = open_pair(a, b, viewpoint)
    with open_model(
        model, backbone, prompts=[loaded], skip_bad=False, cache=False, task="Embedding", engine=engine
    ) as opened:
        verification = opened.verify(*pair, prompt=loaded, targets=rates, prior_new=prior_new)
        written = files.write(verification, a, b, opened.encoder)
    print_result(asdict(verification), [*verification_lines(verification), *written], as_json)
