"""The command evaluate."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import vicp
from vicp.cli.shared.opening import quiet_loading
from vicp.cli.shared.options import JsonOption, SeedOption, SkipBadOption, split_names
from vicp.cli.shared.output import going_on, print_result
from vicp.cli.shared.paths import check_out_folder
from vicp.cli.shared.sources import SourceOptions
from vicp.errors import ConfigError
from vicp.progress import progress_bar

MethodsArgument = Annotated[
    list[str],
    typer.Argument(help="A checkpoint, a config, `frozen:MODEL`, or a baseline's name; {fold} is the fold's."),
]
PhotosOption = Annotated[Path | None, typer.Option(help="A folder or table of photos.", show_default="drawn objects")]
ProtocolOption = Annotated[str, typer.Option(help="What is asked: see docs/evaluation.md.")]
PairsOption = Annotated[int, typer.Option(help="Labelled pairs per support, at least 2.")]
DrawsOption = Annotated[int, typer.Option(help="Supports per category.")]
AdaptationsOption = Annotated[
    str | None,
    typer.Option(help="Ways to use the pairs, with commas between.", show_default="all but tuned and finetuned"),
]
RerankOption = Annotated[
    str | None,
    typer.Option(help="Second stages, comma-separated: k-reciprocal, patches; for research: ot, verifier."),
]
ShortlistOption = Annotated[int, typer.Option(help="How many photos a second stage re-orders, at least 2.")]
ShareOption = Annotated[float, typer.Option(help="Share of the individuals to teach from, 0.01 to 0.99.")]
ExcludeOption = Annotated[
    str | None, typer.Option(help="Column: no photo of the query's individual that shares its value counts.")
]
CategoriesOption = Annotated[str | None, typer.Option(help="Only these categories, with commas between.")]
UnseenOption = Annotated[
    str | None,
    typer.Option(help="Categories that no method was trained on: they and the others get a mean each."),
]
KeepBurstsOption = Annotated[
    bool, typer.Option("--keep-bursts", help="Count near-equal frames and photos of the query's moment as answers.")
]
KeepTrainedOption = Annotated[
    bool, typer.Option("--keep-trained", help="Look up individuals that a checkpoint was trained on, too.")
]
DiagnoseOption = Annotated[bool, typer.Option(help="Look closer at each category with the first method.")]
PublishedOption = Annotated[
    Path | None,
    typer.Option(help="Published numbers: a CSV with method,adaptation,protocol,category,metric,value."),
]
OutOption = Annotated[Path, typer.Option(help="Folder of the report and of finished parts.")]


def evaluate(
    method: MethodsArgument,
    *,
    photos: PhotosOption = None,
    protocol: ProtocolOption = "vicp-retrieval",
    pairs: PairsOption = 32,
    support_draws: DrawsOption = 5,
    adapt: AdaptationsOption = None,
    rerank: RerankOption = None,
    shortlist: ShortlistOption = 50,
    share_support: ShareOption = 0.5,
    exclude: ExcludeOption = None,
    categories: CategoriesOption = None,
    unseen: UnseenOption = None,
    keep_bursts: KeepBurstsOption = False,
    keep_trained: KeepTrainedOption = False,
    diagnose: DiagnoseOption = True,
    published: PublishedOption = None,
    out: OutOption = Path("evaluation"),
    seed: SeedOption = 0,
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure methods side by side.

    They are measured on individuals that they were not taught. The same command goes on where it was stopped.
    """
    from vicp.evaluation.report.evaluation import evaluation_lines

    check_out_folder(out)
    quiet_loading()
    if photos is None and (source.any_given or skip_bad):
        raise ConfigError(
            "--column, --folders, --boxes and --skip-bad are of photos; the procedural world is drawn: give --photos"
        )
    with going_on(), progress_bar("Evaluating") as progress:
        report = vicp.evaluate(
            method,
            photos,
            protocol=protocol,
            pairs=pairs,
            support_draws=support_draws,
            adapt=split_names(adapt),
            rerank=split_names(rerank),
            shortlist=shortlist,
            share_support=share_support,
            exclude=exclude,
            categories=split_names(categories),
            unseen=split_names(unseen),
            keep_bursts=keep_bursts,
            keep_trained=keep_trained,
            diagnose=diagnose,
            published=published,
            out=out,
            seed=seed,
            columns=source.columns,
            folders=source.folders,
            boxes=None if photos is None else source.box_file(photos),
            skip_bad=skip_bad,
            command=shlex.join(["vicp", *sys.argv[1:]]),
            progress=progress,
        )
    report.save(out)
    print_result(report.to_dict(), [*evaluation_lines(report), f"{out / 'report.html'} shows it"], as_json)
