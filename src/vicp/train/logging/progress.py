"""A bar for people who watch a run; nothing where nobody can."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

Show = Callable[[int, Mapping[str, float]], None]  # steps done, numbers to show
# Where the line is too short, the last ones go.
SHOWN = ("img/s", "accuracy", "factors", "identity", "icl", "pair", "own", "map", "total")


class Numbers(ProgressColumn):
    """The numbers of a run: what is cut where the terminal is narrow, never the steps or the time left."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=False))  # rich narrows such columns first; the text stays one line

    def render(self, task: Task) -> Text:
        """The numbers on one line."""
        return Text(task.fields["numbers"], no_wrap=True, overflow="ellipsis")


@contextmanager
def training_bar(task: str, num_steps: int, *, visible: bool, console: Console | None = None) -> Iterator[Show]:
    """A bar on stderr with losses, images per second and the time left; called after each step."""
    console = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=8),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        Numbers(),
    )
    latest: dict[str, float] = {}
    shown = visible and console.file.isatty()
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar, logs_above(shown):
        number = bar.add_task(task, total=num_steps, numbers="")

        def show(done: int, numbers: Mapping[str, float]) -> None:
            latest.update(numbers)
            bar.update(number, completed=done, numbers=" ".join(_number(n, latest[n]) for n in SHOWN if n in latest))

        yield show


@contextmanager
def logs_above(shown: bool) -> Iterator[None]:
    """While a bar is shown, log lines for stderr go through it; written beside it they would break the bar's line."""
    logging_streams = {
        handler: handler.stream
        for handler in logging.getLogger().handlers
        if shown and type(handler) is logging.StreamHandler and handler.stream is sys.__stderr__
    }
    for handler in logging_streams:
        handler.setStream(sys.stderr)  # the bar's own, while it is shown
    try:
        yield
    finally:
        for handler, stream in logging_streams.items():
            handler.setStream(stream)


def _number(name: str, value: float) -> str:
    return f"{name} {value:.0f}" if abs(value) >= 1000 else f"{name} {value:.3g}"
