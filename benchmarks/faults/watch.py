"""Run cases in another process, which may raise, hang or die: each is one outcome."""

import contextlib
import importlib
import resource
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

import psutil

Kind = Literal["fine", "traceback", "hang", "silent"]
LONGEST = 10.0  # seconds of computing
_LONGEST_WAIT = 60.0  # seconds on the clock, on a machine that does other things too
_CASES_PER_PROCESS = 1000


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        number: The case's.
        kind: Whether it ended as it should.
        detail: Of a fault: the end of the traceback, or what was passed over in silence.
        seconds: Of computing.
        megabytes: The most memory that its process has taken so far.
    """

    number: int
    kind: Kind
    detail: str
    seconds: float
    megabytes: float


def run_cases(module: str, numbers: Sequence[int], *, longest: float = LONGEST) -> Iterator[Outcome]:
    """Yield the outcome of each case, in order.

    Args:
        module: Has a function `run_case(number, folder)`, which returns "" or what was passed over in silence, and
            lets no error out but those that are a fault.
        numbers: Of the cases; a case is the same whenever it is run.
        longest: Seconds of computing after which a case hangs.
    """
    remaining = list(numbers)
    while remaining:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=_serve, args=(module, theirs), daemon=True)
        process.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            ours.recv()  # it is ready: what was imported does not count
            for _ in range(_CASES_PER_PROCESS):
                if not remaining:
                    break
                outcome = _watched(ours, process, remaining.pop(0), longest)
                yield outcome
                if not process.is_alive():
                    break
        process.kill()
        process.join()


def _watched(ours: Connection, process: BaseProcess, number: int, longest: float) -> Outcome:
    """Return the outcome of one case; the process is dead afterwards if the case hung or killed it."""
    start, watched = time.monotonic(), psutil.Process(process.pid)
    computed = sum(watched.cpu_times()[:2])
    ours.send(number)
    while not ours.poll(0.5):
        with contextlib.suppress(psutil.Error):
            waited, seconds = time.monotonic() - start, sum(watched.cpu_times()[:2]) - computed
            if seconds > longest or waited > max(longest, _LONGEST_WAIT):
                process.kill()
                process.join()
                return Outcome(number, "hang", f"no answer in {waited:.0f} s", seconds, 0.0)
    try:
        outcome: Outcome = ours.recv()
    except EOFError:
        process.join()
        detail = f"the process died ({process.exitcode})"
        return Outcome(number, "traceback", detail, 0.0, 0.0)
    return outcome


def _serve(module: str, connection: Connection) -> None:
    """Run the cases whose numbers come, one after the other."""
    run_case = importlib.import_module(module).run_case
    connection.send(None)
    while True:
        number = connection.recv()
        start, kind, detail = time.process_time(), "fine", ""
        with tempfile.TemporaryDirectory() as folder:
            try:
                detail = run_case(number, Path(folder))
                kind = "silent" if detail else "fine"
            except BaseException:
                kind, detail = "traceback", traceback.format_exc()[-2000:]
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        connection.send(Outcome(number, kind, detail, time.process_time() - start, megabytes))  # type: ignore[arg-type]
