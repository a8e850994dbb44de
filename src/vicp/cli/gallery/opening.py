"""What commands of a gallery share: its options, and opening it to read, to change or to embed photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import vicp
from vicp.cli.shared.opening import open_model
from vicp.cli.shared.options import EngineName

GalleryArgument = Annotated[str, typer.Argument(help="The gallery: a folder, or a URI such as s3://bucket/gallery.")]
CategoryOption = Annotated[str | None, typer.Option(help="The category of the photos.")]
AuthorOption = Annotated[str | None, typer.Option(help="Who does this, for the log.", show_default="your login")]
ReasonOption = Annotated[str, typer.Option(help="A note for the log.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for another writer instead of giving up.")]
PromptsOption = Annotated[
    list[Path] | None, typer.Option("--prompt", help="A category's prompt, from `vicp teach`; may be given again.")
]


@dataclass(frozen=True)
class ChangeOptions:
    """Who changes a gallery, why, and whether to wait for another writer."""

    author: AuthorOption = None
    reason: ReasonOption = ""
    wait: WaitOption = False


@contextmanager
def embedding(
    gallery: str,
    task: str,
    *,
    skip_bad: bool = False,
    cache: bool = False,
    change: ChangeOptions | None = None,
    model: str | None = None,
    backbone: str | None = None,
    engine: EngineName = "auto",
) -> Iterator["vicp.Gallery"]:
    """Open a gallery with its model or, where one is named, another, and shows the progress of embedding."""
    settings = vicp.Gallery.open(gallery).snapshot.settings
    if model is None and backbone is None:
        model, backbone = settings["model"], settings["backbone"]
    with open_model(model, backbone, skip_bad=skip_bad, cache=cache, task=task, engine=engine) as opened:
        given = change or ChangeOptions()
        yield vicp.Gallery.open(gallery, opened, author=given.author, wait_for_lock=given.wait)


def load_prompts(paths: list[Path] | None) -> list["vicp.Prompt"]:
    """Return the prompts of these files."""
    return [vicp.Prompt.load(path) for path in paths or []]


def open_for_changes(gallery: str, change: ChangeOptions) -> "vicp.Gallery":
    """Return a gallery to change without its model."""
    return vicp.Gallery.open(gallery, author=change.author, wait_for_lock=change.wait)
