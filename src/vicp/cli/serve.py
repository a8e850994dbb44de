"""The command that serves galleries in a browser and as REST."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vicp.cli.gallery.opening import AuthorOption


def serve(
    gallery: Annotated[list[str], typer.Argument(help="Galleries; one that is not there yet is made in the page.")],
    host: Annotated[str, typer.Option(help="The address to listen on; others than this machine need --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8377,
    token: Annotated[
        str | None,
        typer.Option(envvar="VICP_TOKEN", help="A secret of 16 characters or more that every request must carry."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A further name under which the page may be opened; may be given again.")
    ] = None,
    photo_root: Annotated[
        Path | None, typer.Option(help="A folder of this machine that API requests may name photos in.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="What a gallery that is made in the page embeds its photos with.")
    ] = "mini",
    author: AuthorOption = None,
) -> None:
    """Open galleries in a browser.

    Ask whom photos show, review, correct and undo. Programs get the same as REST.
    """
    from vicp.service.serve import serve as run
    from vicp.service.settings import ServiceSettings

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    settings = ServiceSettings(
        galleries=tuple(gallery),
        host=host,
        port=port,
        token=token,
        allowed_hosts=tuple(allowed_host or ()),
        photo_root=photo_root,
        model=model,
        author=author,
    )
    run(settings, announce=lambda address: typer.echo(f"Open {address} in your browser. Ctrl-C stops."))
