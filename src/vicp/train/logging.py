"""Logging of a run: JSON lines, TensorBoard or Weights & Biases, the log, and a progress bar."""

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from vicp.errors import ConfigError
from vicp.extras import missing_line
from vicp.train.state import append_log, start_log

Show = Callable[[int, Mapping[str, float]], None]  # steps done, numbers to show
# Where the line is too short, the last ones go.
SHOWN = ("img/s", "accuracy", "factors", "identity", "icl", "pair", "own", "map", "total")


class Numbers(ProgressColumn):
    """The numbers of a run: what is cut where the terminal is narrow, never the steps or the time left."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=False))  # rich narrows such columns first; the text stays one line

    def render(self, task: Task) -> Text:
        """Return the numbers on one line."""
        return Text(task.fields["numbers"], no_wrap=True, overflow="ellipsis")


@contextmanager
def training_bar(task: str, num_steps: int, *, visible: bool, console: Console | None = None) -> Iterator[Show]:
    """Return a bar on stderr with losses, images per second and the time left; called after each step."""
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
    """Send log lines for stderr through the bar while it is shown, so that they do not break its line."""
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


logger = logging.getLogger(__name__)
TRACKERS = ("tensorboard", "wandb")


def check_trackers(names: tuple[str, ...]) -> None:
    """Raises `ConfigError` for a tracker that is unknown or not installed."""
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(f"train.trackers: no tracker '{name}'; expected some of {', '.join(TRACKERS)}")
        if importlib.util.find_spec(name) is None:
            line = missing_line(name) or f"{name} is not installed: pip install {name}"
            raise ConfigError(f"train.trackers: {line}, or leave it out")


class MetricLogger:
    """Writes the numbers of one run; the main process alone does.

    Args:
        out: Folder of the run; curves go to `out/curves`.
        accelerator: With the trackers.
        start: Steps done before; what was written of later ones goes.
        show: The bar.
    """

    def __init__(self, out: Path, accelerator: Accelerator, *, start: int, show: Show) -> None:
        self._log = out / "train.jsonl"
        self._accelerator, self._show = accelerator, show
        if accelerator.is_main_process:
            start_log(self._log, start)
        accelerator.project_configuration = ProjectConfiguration(str(out), logging_dir=str(out / "curves"))
        first = start + 1 if start else 0  # to be written; steps from there on are purged
        accelerator.init_trackers("vicp", init_kwargs={"tensorboard": {"purge_step": first}})

    def __enter__(self) -> "MetricLogger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._accelerator.end_training()

    def show(self, step: int, numbers: Mapping[str, float]) -> None:
        """Move the bar alone."""
        self._show(step, numbers)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Keep the numbers of a step; those that are NaN say nothing and are left out."""
        self._show(step, numbers)
        if self._accelerator.is_main_process:
            finite = {name: value for name, value in numbers.items() if value == value}
            append_log(self._log, {"step": step, **finite})
            self._accelerator.log(finite, step=step)
            logger.info("step %d %s", step, {name: float(f"{value:.4g}") for name, value in finite.items()})
