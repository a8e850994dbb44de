"""Killing a process in the middle of its work."""

import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path


def kill_after(process: BaseProcess, started: Path, seconds: float) -> bool:
    """Lets the process work for so long after it has started, then kills it; False if it had ended before."""
    deadline = time.monotonic() + 120
    while not started.exists():
        assert time.monotonic() < deadline, "it never began"
        assert process.is_alive(), f"it died by itself: {process.exitcode}"
        time.sleep(0.005)
    time.sleep(seconds)
    alive = process.is_alive()
    if process.pid is not None and alive:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return alive and process.exitcode == -signal.SIGKILL
