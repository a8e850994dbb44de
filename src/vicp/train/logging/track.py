"""Where the numbers of a run go: a JSON line each, TensorBoard or Weights & Biases, the log, and the bar."""

import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

from vicp.errors import ConfigError
from vicp.extras import missing_line
from vicp.train.logging.progress import Show
from vicp.train.state import append_log, start_log

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
    """The numbers of one run, written by the main process alone.

    Args:
        out: folder of the run; curves go to `out/curves`.
        accelerator: with the trackers.
        start: steps done before; what was written of later ones goes.
        show: the bar.
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
        """Moves the bar alone."""
        self._show(step, numbers)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Keeps the numbers of a step; those that are NaN say nothing and are left out."""
        self._show(step, numbers)
        if self._accelerator.is_main_process:
            known = {name: value for name, value in numbers.items() if value == value}
            append_log(self._log, {"step": step, **known})
            self._accelerator.log(known, step=step)
            logger.info("step %d %s", step, {name: float(f"{value:.4g}") for name, value in known.items()})
