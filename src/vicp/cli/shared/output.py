"""What a command says: its result, and on Ctrl-C that nothing is lost."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from vicp.cli.render.answers import fitted
from vicp.errors import StoppedError


@contextmanager
def going_on() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise StoppedError("stopped: the same command goes on where it was") from stop


def print_result(summary: dict[str, Any], lines: list[str], as_json: bool) -> None:
    """Print the facts for programs, or the lines for people."""
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            typer.echo("\n".join(fitted(line)))
