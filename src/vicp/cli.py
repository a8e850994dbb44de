"""The command line: parse, call one library function, print. Nothing heavy is imported before a command needs it."""

import json
import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vicp.errors import ConfigError, StoppedError, VICPError

if TYPE_CHECKING:
    from rich.progress import Progress

    from vicp.adapt.adaptation import Adaptation
    from vicp.adapt.embedding import Embedder

app = typer.Typer(
    help="Tell individuals of any category apart from a handful of labelled pairs of photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Look at photo tables and folders, and split them.", no_args_is_help=True)
app.add_typer(data_app, name="data")

AdaptMethod = Literal["auto", "null", "static", "generated", "metric", "tuned"]
MODEL_HELP = "A checkpoint: `mini` (in the package), a folder, or a hub name."
ModelOption = Annotated[str, typer.Option(help=MODEL_HELP)]
AnyModelOption = Annotated[str | None, typer.Option("--model", help=MODEL_HELP, show_default="mini")]
BackboneOption = Annotated[
    str | None, typer.Option(help="In place of a VICP model: any transformers vision model, by folder or hub name.")
]
AdaptOption = Annotated[
    AdaptMethod,
    typer.Option("--adapt", help="How to use the pairs; auto chooses on individuals held out of them."),
]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Go on without photos that cannot be used.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
CacheOption = Annotated[bool, typer.Option("--cache/--no-cache", help="Keep embeddings between runs.")]
SeedOption = Annotated[int, typer.Option(help="Decides every random draw.")]
ConfigOption = Annotated[Path | None, typer.Option(help="A YAML file of settings.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the last saved step.")]
OverridesArgument = Annotated[list[str] | None, typer.Argument(help="Settings as key.sub=value.")]


@app.command()
def teach(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table.")],
    category: Annotated[str, typer.Option(help="What the photos show.")],
    out: Annotated[Path | None, typer.Option(help="The prompt file to write [NAME.prompt.safetensors].")] = None,
    pairs: Annotated[
        int | None, typer.Option(min=2, help="How many labelled pairs to draw from known identities [64, if they fit].")
    ] = None,
    support: Annotated[Path | None, typer.Option(help="Your own pairs: a CSV with left,right,same.")] = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    adapt: AdaptOption = "auto",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn a category from labelled pairs: photos of known individuals in, a small prompt file out."""
    from vicp.adapt.teach import teach_category

    with _embedder(model, backbone, skip_bad=skip_bad, cache=False, task="Reading photos") as embedder:
        taught = teach_category(
            embedder, photos, category=category, num_pairs=pairs, support_file=support, seed=seed, adapt=adapt
        )
    target = out or Path(f"{category}.prompt.safetensors")
    taught.adaptation.save(target)
    _print(taught.summary(target), taught.lines(target), as_json)


@app.command()
def identify(
    gallery: Annotated[Path, typer.Argument(help="Photos of known individuals: a folder or a table.")],
    photo: Annotated[list[Path], typer.Argument(help="Photos, folders or tables to identify.")],
    prompt: Annotated[Path | None, typer.Option(help="The category's prompt, from `vicp teach`.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many identities to name.")] = 5,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Name the individuals of a gallery that each photo looks most like, best first."""
    from vicp.gallery.identify import identify_photos

    with _embedder(model, backbone, skip_bad=skip_bad, cache=cache, task="Embedding") as embedder:
        found = identify_photos(embedder, gallery, photo, adaptation=_adaptation(prompt), top=top)
    _print(found.summary(), found.lines(), as_json)


@app.command()
def verify(
    a: Annotated[Path, typer.Argument(help="A photo.")],
    b: Annotated[Path, typer.Argument(help="Another photo.")],
    prompt: Annotated[Path, typer.Option(help="The category's prompt, from `vicp teach`.")],
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do two photos show the same individual? The similarity, and what the taught pairs make of them."""
    from vicp.adapt.adaptation import Adaptation
    from vicp.gallery.identify import verify_photos

    with _embedder(model, backbone, skip_bad=False, cache=False, task="Embedding") as embedder:
        verdict = verify_photos(embedder, a, b, adaptation=Adaptation.load(prompt))
    _print(verdict.summary(), verdict.lines(), as_json)


@app.command()
def demo(
    photos: Annotated[Path | None, typer.Option(help="Any photo table or folder [the procedural world].")] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = Path("demo"),
    pairs: Annotated[int, typer.Option(min=2, help="Labelled pairs per category.")] = 32,
    categories: Annotated[int, typer.Option(min=1, help="Categories of the procedural world.")] = 6,
    model: ModelOption = "mini",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a few labelled pairs are worth, on categories the model has never met."""
    from vicp.data.sources import open_photos
    from vicp.evaluation.demo import run_demo
    from vicp.evaluation.report import report_dict, report_lines, write_report
    from vicp.evaluation.world_exam import world_table

    with _embedder(model, None, skip_bad=skip_bad, cache=False, task="Embedding") as embedder:
        if photos is None:
            table = world_table(num_categories=categories, seed=seed)
        else:
            table = open_photos(photos, skip_bad=skip_bad)
        report = run_demo(
            embedder,
            table,
            source="the procedural world" if photos is None else photos.name,
            command=shlex.join(["vicp", *sys.argv[1:]]),
            num_pairs=pairs,
            seed=seed,
        )
    write_report(report, out)
    _print(report_dict(report), [*report_lines(report), f"{out / 'report.html'} shows it"], as_json)


@app.command()
def evaluate(
    method: Annotated[
        list[str],
        typer.Argument(help="A checkpoint, a config, `frozen:MODEL`, or a baseline's name; {fold} is the fold's."),
    ],
    photos: Annotated[
        Path | None, typer.Option(help="A folder or table of photos.", show_default="the procedural world")
    ] = None,
    protocol: Annotated[str, typer.Option(help="What is asked: see docs/evaluation.md.")] = "vicp-retrieval",
    pairs: Annotated[int, typer.Option(min=2, help="Labelled pairs per support.")] = 32,
    support_draws: Annotated[int, typer.Option(min=1, help="Supports per category.")] = 5,
    adapt: Annotated[
        str | None, typer.Option(help="Ways to use the pairs, with commas between.", show_default="all but tuned")
    ] = None,
    rerank: Annotated[
        str | None, typer.Option(help="Second stages, with commas between: ot, verifier, k-reciprocal.")
    ] = None,
    shortlist: Annotated[int, typer.Option(min=2, help="How many photos a second stage re-orders.")] = 50,
    share_support: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Share of the individuals to teach from.")
    ] = 0.5,
    exclude: Annotated[
        str | None, typer.Option(help="Column: no photo of the query's individual that shares its value counts.")
    ] = None,
    diagnose: Annotated[bool, typer.Option(help="Look closer at each category with the first method.")] = True,
    published: Annotated[
        Path | None, typer.Option(help="Printed numbers to show beside: a CSV with protocol,category,metric,value.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the report and of finished parts.")] = Path("evaluation"),
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure methods side by side on individuals they were not taught; goes on where it was stopped."""
    from vicp.evaluation.evaluate import Request, evaluate_photos
    from vicp.evaluation.evaluation_json import evaluation_dict
    from vicp.evaluation.evaluation_report import evaluation_lines, write_evaluation
    from vicp.evaluation.taking import make_plan

    _quiet_loading()
    plan = make_plan(
        protocol,
        num_pairs=pairs,
        num_draws=support_draws,
        seed=seed,
        adaptations=_names(adapt),
        stages=_names(rerank),
        shortlist=shortlist,
    )
    request = Request(
        methods=tuple(method),
        plan=plan,
        source=photos,
        out=out,
        command=shlex.join(["vicp", *sys.argv[1:]]),
        share_support=share_support,
        exclude=exclude,
        diagnose=diagnose,
        published=published,
    )
    with _going_on(), _progress("Evaluating") as progress:
        evaluation = evaluate_photos(request, skip_bad=skip_bad, progress=progress)
    write_evaluation(evaluation, out)
    _print(evaluation_dict(evaluation), [*evaluation_lines(evaluation), f"{out / 'report.html'} shows it"], as_json)


@data_app.command("check")
def data_check(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table.")],
    as_json: JsonOption = False,
) -> None:
    """Read every photo: what is there, what cannot be used, what leaks between splits; exit 1 on either of these."""
    from vicp.data.check import check_source

    with _progress("Checking") as progress:
        checked = check_source(photos, progress=progress)
    _print(checked.summary(), checked.lines(), as_json)
    if not checked.passed:
        raise typer.Exit(1)


@data_app.command("split")
def data_split(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table.")],
    out: Annotated[Path, typer.Option(help="The table to write (.csv, or .parquet, which can hold the photos).")],
    folds: Annotated[int, typer.Option(min=0, help="Into how many folds categories are dealt.")] = 5,
    val_share: Annotated[float, typer.Option(min=0, max=1, help="How much of each category is for validation.")] = 0.1,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="How much of each category is for the test.")] = 0.5,
    by: Annotated[
        Literal["identity", "time", "camera"],
        typer.Option(help="What splits do not share; time: test photos are later."),
    ] = "identity",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Deal photos into train, val and test, and categories into folds: a table for training and evaluation."""
    from vicp.data.sources import open_photos
    from vicp.data.split import split_photos
    from vicp.data.write import write_table

    table = open_photos(photos, skip_bad=skip_bad)
    split = split_photos(table, folds=folds, val_share=val_share, test_share=test_share, by=by, seed=seed)
    write_table(split.table, out, source=photos)
    _print({**split.summary(), "table": str(out)}, [*split.lines(), f"{out} holds the table"], as_json)


@app.command()
def pretrain(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pretrain a small backbone on the procedural world and, where given, natural photos."""
    from vicp.config import RunConfig
    from vicp.config_files import load_config
    from vicp.train.pretrain import pretrain as run

    settings = load_config(RunConfig, config, overrides or [])
    folder = run(settings, resume=resume)
    _print({"backbone": str(folder)}, [f"backbone saved to {folder}"], as_json)


@app.command()
def train(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    resume: ResumeOption = False,
    processes: Annotated[int, typer.Option(min=1, help="How many share each batch: one per GPU, say.")] = 1,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train VICP or a baseline: on the procedural world, or on your photos (data.photos=...)."""
    from vicp.config import RunConfig
    from vicp.config_files import load_config
    from vicp.train.launch import launch

    settings = load_config(RunConfig, config, [*(overrides or []), *(["data.skip_bad=true"] if skip_bad else [])])
    folder = launch(settings, num_processes=processes, resume=resume, bar=True)
    _print({"checkpoint": str(folder)}, [f"best checkpoint: {folder}"], as_json)


@app.command()
def ablate(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    vary: Annotated[
        list[str] | None, typer.Option(help="A key and its values: key=a,b,c. Several give every combination.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to run each with.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder of the runs, and stem of OUT.md and OUT.json.")] = Path("ablation"),
    as_json: JsonOption = False,
) -> None:
    """Train one config with a key varied, over seeds, and write one table; goes on where it was stopped."""
    from vicp.train.ablate import ablate as run
    from vicp.train.ablate import write_table

    variants = run(config, overrides or [], vary or [], num_seeds=seeds, out=out)
    lines = write_table(variants, out, command=shlex.join(["vicp", *sys.argv[1:]]), num_seeds=seeds)
    _print(
        {"table": f"{out}.md", "rows": [v.name for v in variants]}, [*lines, "", f"Wrote {out}.md and .json."], as_json
    )


def main() -> None:
    """Runs a command; an error of the input is one line on stderr and exit code 2, Ctrl-C one and 130."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("vicp").setLevel(logging.INFO)
    try:
        app()
    except VICPError as error:
        typer.echo(f"error: {' '.join(str(error).splitlines())}", err=True)
        sys.exit(130 if isinstance(error, StoppedError) else 2)
    except SystemExit as ended:
        if ended.code == 130:  # typer ends so on Ctrl-C, without a word
            typer.echo("error: stopped", err=True)
        raise


@contextmanager
def _going_on() -> Iterator[None]:
    """Says on Ctrl-C that the command keeps what it has done."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise StoppedError("stopped: the same command goes on where it was") from stop


@contextmanager
def _embedder(
    model: str | None, backbone: str | None, *, skip_bad: bool, cache: bool, task: str
) -> Iterator["Embedder"]:
    """A VICP model or, where one is named, a bare backbone; ready for photos."""
    from vicp.adapt.cache import EmbeddingCache, default_cache_folder
    from vicp.adapt.opening import open_backbone, open_model

    _quiet_loading()
    if model is not None and backbone is not None:
        raise ConfigError(f"--model {model} and --backbone {backbone}: give one of the two")
    opened = open_model(model or "mini") if backbone is None else open_backbone(backbone)
    store = EmbeddingCache(default_cache_folder()) if cache else None
    with _progress(task) as progress:
        yield replace(opened, cache=store, skip_bad=skip_bad, progress=progress)


@contextmanager
def _progress(task: str) -> Iterator[Any]:
    """A bar on stderr, for terminals; called with photos done and photos in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar: Progress = Bar(*columns, console=console, transient=True, disable=not console.file.isatty())
    with bar:
        number = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(number, completed=done, total=total)


def _quiet_loading() -> None:
    """No progress bars of loading weights, which takes no time."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def _names(text: str | None) -> list[str]:
    return [] if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _adaptation(path: Path | None) -> "Adaptation | None":
    from vicp.adapt.adaptation import Adaptation

    return None if path is None else Adaptation.load(path)


def _print(summary: dict[str, Any], lines: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            typer.echo(line)
