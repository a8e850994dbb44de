"""The command line: parse, call one library function, print. Nothing heavy is imported before a command needs it."""

import logging
import sys
from collections.abc import Callable
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
from vicp.cli.shared.option_groups import with_option_groups
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


_groups = {
    "": app,
    "data": typer.Typer(help="Check photos, and split them.", no_args_is_help=True),
    "pairs": typer.Typer(help="Choose pairs to label, and add labels.", no_args_is_help=True),
    "camtrap": typer.Typer(help="Fill in Camtrap DP packages.", no_args_is_help=True),
    "gallery": typer.Typer(help="Keep a gallery: add, ask, correct, take back.", no_args_is_help=True),
}
_COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "teach": (teach, "photos --category cat"),
    "identify": (identify, "photos new.jpg --prompt cat.prompt.safetensors"),
    "verify": (verify, "a.jpg b.jpg --prompt cat.prompt.safetensors"),
    "cluster": (cluster, "photos --prompt cat.prompt.safetensors --out groups.csv"),
    "serve": (serve, "herd"),
    "demo": (demo, "--out demo"),
    "evaluate": (evaluate, "mini frozen:mini --photos photos --out report"),
    "pretrain": (pretrain, "--config configs/mini/first-backbone.yaml"),
    "train": (train, "--config configs/mini/reader.yaml train.start=null train.backbone=mini"),
    "ablate": (ablate, "--config configs/mini/ablation.yaml --vary model.num_prompts=4,16 --seeds 3"),
    "reproduce": (reproduce, "petface --data data/petface --dry-run"),
    "export": (export, "mini --out exported --prompt cat.prompt.safetensors"),
    "push": (push, "cat.prompt.safetensors OWNER/cats"),
    "pull": (pull, "OWNER/cats --out cat.prompt.safetensors"),
    "data check": (data_check, "photos"),
    "data split": (data_split, "photos --out split.csv"),
    "pairs next": (pairs_next, "photos --category cat --no-names --sheet next.html"),
    "pairs add": (pairs_add, "labelled.csv --photos photos --no-names"),
    "camtrap fill": (camtrap_fill, "package --gallery herd --out filled"),
    "camtrap darwin-core": (camtrap_darwin_core, "filled occurrence.csv"),
    "gallery create": (gallery_photos.create, "herd --prompt cat.prompt.safetensors"),
    "gallery enroll": (gallery_photos.enroll, "herd photos"),
    "gallery identify": (gallery_photos.identify, "herd new.jpg --report answers.html"),
    "gallery verify": (gallery_photos.verify, "herd a.jpg b.jpg"),
    "gallery new": (gallery_photos.new, "herd new.jpg --name Tom"),
    "gallery merge": (gallery_edit.merge, "herd Tom Tommy --reason 'the same scar'"),
    "gallery split": (gallery_edit.split, "herd Tom/3.jpg --into Tiger"),
    "gallery label": (gallery_edit.label, "herd labelled.csv"),
    "gallery rename": (gallery_edit.rename, "herd cat1 Tom"),
    "gallery remove": (gallery_edit.remove, "herd Tom"),
    "gallery stats": (gallery_edit.stats, "herd"),
    "gallery export": (gallery_export.export, "herd photos.csv"),
    "gallery log": (gallery_edit.log, "herd"),
    "gallery undo": (gallery_edit.undo, "herd"),
    "gallery restore": (gallery_edit.restore, "herd 12"),
    "gallery reindex": (gallery_photos.reindex, "herd --prompt cat.prompt.safetensors"),
    "gallery compact": (gallery_edit.compact, "herd --undo-depth 50"),
    "gallery unlock": (gallery_edit.unlock, "s3://bucket/herd"),
    "gallery cluster": (cluster_gallery, "herd --out groups.csv"),
}
"""Each command with the arguments of its example, which its help ends in."""
for _name, _group in _groups.items():
    if _name:
        app.add_typer(_group, name=_name)
for _name, (_function, _example) in _COMMANDS.items():
    *_parents, _own = _name.split()
    _groups["".join(_parents)].command(_own, epilog=f"Example: `vicp {_name} {_example}`")(
        with_option_groups(_function)
    )


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
