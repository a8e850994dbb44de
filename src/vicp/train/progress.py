"""A bar for people who watch a run; nothing where nobody can."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Show = Callable[[int, Mapping[str, float]], None]  # steps done, numbers to show
SHOWN = ("total", "identity", "icl", "pair", "own", "map", "img/s")


@contextmanager
def training_bar(task: str, num_steps: int, *, visible: bool) -> Iterator[Show]:
    """A bar on stderr with losses, images per second and the time left; called after each step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    latest: dict[str, float] = {}
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not (visible and sys.stderr.isatty())
    ) as bar:
        number = bar.add_task(task, total=num_steps, numbers="")

        def show(done: int, numbers: Mapping[str, float]) -> None:
            latest.update(numbers)
            text = " ".join(f"{name} {latest[name]:.3g}" for name in SHOWN if name in latest)
            bar.update(number, completed=done, numbers=text)

        yield show
