"""SIGINT and SIGTERM during training: finish the step, save, then stop."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vicp.errors import StoppedError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ECHO = 2.0  # seconds in which a signal is the first one again: the terminal sends it, and the launcher passes it on


class StopRequest:
    """Whether a signal asked the run to stop; a second signal stops it at once."""

    def __init__(self) -> None:
        self.by: str | None = None
        self._since = 0.0

    def __bool__(self) -> bool:
        return self.by is not None

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: request the stop, or stop at once the second time."""
        if self.by is None:
            self.by, self._since = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._since > ECHO:
            raise KeyboardInterrupt

    def error(self, done: int, num_steps: int, out: Path) -> StoppedError:
        """Return what to raise when the run is saved: where it is, and how to go on."""
        return StoppedError(
            f"{self.by or 'a signal to another process'} stopped the run after step {done} of {num_steps}; "
            f"it is saved in {out}: give the same command with --resume to go on"
        )


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Return handle SIGINT and SIGTERM while a run goes on; in other threads than the main one, nothing does."""
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
