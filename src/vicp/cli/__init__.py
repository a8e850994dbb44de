"""The command line: parse, call one library function, print. Nothing heavy is imported before a command needs it."""

import logging
import sys
from typing import Annotated

import typer

from vicp.cli.camtrap import camtrap_darwin_core, camtrap_fill
from vicp.cli.cluster import cluster, cluster_gallery
from vicp.cli.data import data_check, data_split
from vicp.cli.demo import demo
from vicp.cli.evaluation import evaluate
from vicp.cli.export import export
from vicp.cli.gallery import edit as gallery_edit
from vicp.cli.gallery import export as gallery_export
from vicp.cli.gallery import photos as gallery_photos
from vicp.cli.hub import pull, push
from vicp.cli.pairs import pairs_add, pairs_next
from vicp.cli.photos import identify, teach, verify
from vicp.cli.reproduce import reproduce
from vicp.cli.serve import serve
from vicp.cli.training import ablate, pretrain, train
from vicp.errors import StoppedError, VICPError
from vicp.extras import explain_missing_extras

__all__ = ["app", "main"]

app = typer.Typer(
    help="Tell individuals of any category apart from a handful of labelled pairs of photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from vicp import __version__

        typer.echo(f"vicp {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Handle the options that stand before the command."""


data_app = typer.Typer(help="Look at photo tables and folders, and split them.", no_args_is_help=True)
app.add_typer(data_app, name="data")
pairs_app = typer.Typer(help="Labelled pairs: which to label next, and adding labels.", no_args_is_help=True)
app.add_typer(pairs_app, name="pairs")
camtrap_app = typer.Typer(help="Camtrap DP packages: who the animals are, and occurrences.", no_args_is_help=True)
app.add_typer(camtrap_app, name="camtrap")
for _command in (
    teach,
    identify,
    verify,
    cluster,
    serve,
    demo,
    evaluate,
    pretrain,
    train,
    ablate,
    reproduce,
    export,
    push,
    pull,
):
    app.command()(_command)
gallery_app = typer.Typer(help="Keep a gallery for years: add, ask, correct, take back.", no_args_is_help=True)
app.add_typer(gallery_app, name="gallery")
for _gallery_command in (
    gallery_photos.create,
    gallery_photos.enroll,
    gallery_photos.identify,
    gallery_photos.verify,
    gallery_photos.new,
    gallery_edit.merge,
    gallery_edit.split,
    gallery_edit.label,
    gallery_edit.rename,
    gallery_edit.remove,
    gallery_edit.stats,
    gallery_export.export,
    gallery_edit.log,
    gallery_edit.undo,
    gallery_edit.restore,
    gallery_photos.reindex,
    gallery_edit.compact,
    gallery_edit.unlock,
):
    gallery_app.command()(_gallery_command)
gallery_app.command("cluster")(cluster_gallery)
data_app.command("check")(data_check)
data_app.command("split")(data_split)
pairs_app.command("next")(pairs_next)
pairs_app.command("add")(pairs_add)
camtrap_app.command("fill")(camtrap_fill)
camtrap_app.command("darwin-core")(camtrap_darwin_core)


def main() -> None:
    """Run a command; an error of the input is one line on stderr and exit code 2, Ctrl-C one and 130."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("vicp").setLevel(logging.INFO)
    try:
        with explain_missing_extras():
            app()
    except VICPError as error:
        typer.echo(f"error: {' '.join(str(error).splitlines())}", err=True)
        sys.exit(130 if isinstance(error, StoppedError) else 2)
    except SystemExit as ended:
        if ended.code == 130:  # typer ends so on Ctrl-C, without a word
            typer.echo("error: stopped", err=True)
        raise
