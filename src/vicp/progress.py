"""A progress bar on stderr, for people at a terminal; nothing where there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]  # done, in all: photos, pairs or results


def silent(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def progress_bar(task: str) -> Iterator[Progress]:
    """Show a bar while the block runs; call what it gives with photos done and photos in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Bar(*columns, console=console, transient=True, disable=not console.file.isatty())
    with bar:
        number = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(number, completed=done, total=total)
