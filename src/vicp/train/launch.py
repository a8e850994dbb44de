"""Several processes on one machine, one per GPU or share of the cores; when one dies, the run ends and says so."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, record
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from vicp.config import RunConfig
from vicp.errors import ConfigError, StoppedError, TrainingError, VICPError
from vicp.train.loop import train

# One machine needs no sign of life; the thread that gives it, caught in the act as a run is stopped, would write an
# error of its own after ours.
A_YEAR = 365 * 24 * 3600  # seconds


def launch(config: RunConfig, *, num_processes: int, resume: bool = False, bar: bool = False) -> Path:
    """Run `train` in several processes that share each batch; returns the best checkpoint's folder.

    Raises:
        ConfigError: Fewer than one process.
        TrainingError: A process died, or met bad input; its words, and how to go on.
        StoppedError: SIGINT or SIGTERM came; the run is saved.
    """
    if num_processes < 1:
        raise ConfigError(f"--processes {num_processes}: expected 1 or more")
    if num_processes == 1:
        return train(config, resume=resume, bar=bar)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # its words are for its own developers
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=f"vicp-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        rdzv_configs={"keep_alive_interval": A_YEAR},
        max_restarts=0,
        signals_to_handle="SIGTERM,SIGINT",
    )
    try:
        with _shared_cores(num_processes):
            folders = elastic_launch(settings, _one_process)(config, resume, bar)
    except ChildFailedError as error:
        raise TrainingError(_what_died(error, config.out)) from error
    except SignalException as error:
        error.__traceback__ = None  # its frames hold the thread of the sign of life
        raise StoppedError(
            f"{error.sigval.name} stopped the run; what was saved is in {config.out}: give the same command with "
            "--resume to go on"
        ) from error
    return Path(folders[0])


@contextmanager
def _shared_cores(num_processes: int) -> Iterator[None]:
    """Give child processes their share of the cores, unless the environment says otherwise."""
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // num_processes))
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]


@record
def _one_process(config: RunConfig, resume: bool, bar: bool) -> str:
    """Return what each process runs."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    main = os.environ.get("RANK") == "0"
    logging.getLogger("vicp").setLevel(logging.INFO if main else logging.ERROR)
    return str(train(config, resume=resume, bar=bar))


def _what_died(error: ChildFailedError, out: str) -> str:
    rank, failure = error.get_first_failure()
    message = failure.message
    words = message.get("message", message) if isinstance(message, dict) else message
    reason = " ".join(str(words).split()) or f"exit code {failure.exitcode}"
    name = failure.signal_name() if failure.exitcode < 0 else ""
    if reason.startswith(f"{ConfigError.__name__}: "):  # known before the first step: there is nothing to go on with
        return reason.removeprefix(f"{ConfigError.__name__}: ")
    for kind in VICPError.__subclasses__():
        reason = reason.removeprefix(f"{kind.__name__}: ")
    return (
        f"process {rank} died ({name or reason}), so the run ended; what was saved is in {out}: "
        "give the same command with --resume to go on"
    )
