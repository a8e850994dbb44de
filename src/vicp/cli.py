"""The command line: parse, call one library function, print. Nothing heavy is imported before a command needs it."""

import json
import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicp.errors import VICPError

if TYPE_CHECKING:
    from rich.progress import Progress

    from vicp.adapt.embedding import Embedder

app = typer.Typer(
    help="Tell individuals of any category apart from a handful of labelled pairs of photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Look at photo tables and folders.", no_args_is_help=True)
app.add_typer(data_app, name="data")

ModelOption = Annotated[str, typer.Option(help="A checkpoint: `mini` (in the package), a folder, or a hub name.")]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Go on without photos that cannot be used.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
CacheOption = Annotated[bool, typer.Option("--cache/--no-cache", help="Keep embeddings between runs.")]
SeedOption = Annotated[int, typer.Option(help="Decides every random draw.")]
ConfigOption = Annotated[Path | None, typer.Option(help="A YAML file of settings.")]
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
    model: ModelOption = "mini",
    seed: SeedOption = 0,
    skip_bad: SkipBadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn a category from labelled pairs: photos of known individuals in, a small prompt file out."""
    from vicp.adapt.teach import teach_category

    with _embedder(model, skip_bad=skip_bad, cache=False, task="Reading photos") as embedder:
        taught = teach_category(embedder, photos, category=category, num_pairs=pairs, support_file=support, seed=seed)
    target = out or Path(f"{category}.prompt.safetensors")
    taught.prompt.save(target)
    _print(taught.summary(target), taught.lines(target), as_json)


@app.command()
def identify(
    gallery: Annotated[Path, typer.Argument(help="Photos of known individuals: a folder or a table.")],
    photo: Annotated[list[Path], typer.Argument(help="Photos, folders or tables to identify.")],
    prompt: Annotated[Path | None, typer.Option(help="The category's prompt, from `vicp teach`.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many identities to name.")] = 5,
    model: ModelOption = "mini",
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Name the individuals of a gallery that each photo looks most like, best first."""
    from vicp.gallery.identify import identify_photos

    with _embedder(model, skip_bad=skip_bad, cache=cache, task="Embedding") as embedder:
        found = identify_photos(embedder, gallery, photo, prompt=_prompt(prompt), top=top)
    _print(found.summary(), found.lines(), as_json)


@app.command()
def verify(
    a: Annotated[Path, typer.Argument(help="A photo.")],
    b: Annotated[Path, typer.Argument(help="Another photo.")],
    prompt: Annotated[Path, typer.Option(help="The category's prompt, from `vicp teach`.")],
    model: ModelOption = "mini",
    as_json: JsonOption = False,
) -> None:
    """Do two photos show the same individual? The similarity, and what the taught pairs make of them."""
    from vicp.gallery.identify import verify_photos

    with _embedder(model, skip_bad=False, cache=False, task="Embedding") as embedder:
        verdict = verify_photos(embedder, a, b, prompt=_prompt(prompt))
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
    from vicp.evaluation.demo import run_demo, world_table
    from vicp.evaluation.report import report_dict, report_lines, write_report

    with _embedder(model, skip_bad=skip_bad, cache=False, task="Embedding") as embedder:
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


@data_app.command("check")
def data_check(
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table.")],
    as_json: JsonOption = False,
) -> None:
    """Read every photo and say what is there and what cannot be used; exit 1 if anything cannot."""
    from vicp.data.check import check_source

    with _progress("Checking") as progress:
        checked = check_source(photos, progress=progress)
    _print(checked.summary(), checked.lines(), as_json)
    if checked.bad:
        raise typer.Exit(1)


@app.command()
def pretrain(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last saved step.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Pretrain a small backbone on the procedural world and, where given, natural photos."""
    from vicp.config import RunConfig, load_config
    from vicp.train.pretrain import pretrain as run

    settings = load_config(RunConfig, config, overrides or [])
    folder = run(settings, resume=resume)
    _print({"backbone": str(folder)}, [f"backbone saved to {folder}"], as_json)


@app.command()
def train(
    overrides: OverridesArgument = None,
    config: ConfigOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last saved step.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model on episodes of the procedural world."""
    from vicp.config import RunConfig, load_config
    from vicp.train.loop import train as run

    settings = load_config(RunConfig, config, overrides or [])
    folder = run(settings, resume=resume)
    _print({"checkpoint": str(folder)}, [f"checkpoint saved to {folder}"], as_json)


def main() -> None:
    """Runs a command; an error of the input is one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("vicp").setLevel(logging.INFO)
    try:
        app()
    except VICPError as error:
        typer.echo(f"error: {' '.join(str(error).splitlines())}", err=True)
        sys.exit(2)


@contextmanager
def _embedder(model: str, *, skip_bad: bool, cache: bool, task: str) -> Iterator["Embedder"]:
    from vicp.adapt.cache import EmbeddingCache, default_cache_folder
    from vicp.adapt.embedding import Embedder
    from vicp.model.vicp import VICP

    store = EmbeddingCache(default_cache_folder()) if cache else None
    with _progress(task) as progress:
        yield Embedder(VICP.from_pretrained(model).eval(), cache=store, skip_bad=skip_bad, progress=progress)


@contextmanager
def _progress(task: str) -> Iterator[Any]:
    """A bar on stderr, for terminals; called with photos done and photos in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar: Progress = Bar(*columns, console=Console(stderr=True), transient=True)
    with bar:
        number = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(number, completed=done, total=total)


def _prompt(path: Path | None) -> Any:
    from vicp.model.prompt import CategoryPrompt

    return None if path is None else CategoryPrompt.load(path)


def _print(summary: dict[str, Any], lines: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            typer.echo(line)
