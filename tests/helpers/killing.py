"""Killing a process in the middle of its work."""

import json
import os
import signal
import subprocess
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


def logged_steps(log: Path) -> list[int]:
    """The steps that a training's log tells of, in its order; a line that is only half written does not count."""
    lines = log.read_text().splitlines(True) if log.exists() else []
    return [json.loads(line)["step"] for line in lines if line.endswith("\n")]


def wait_for_step(process: "subprocess.Popen[str]", log: Path, step: int) -> None:
    """Until the log tells of that step, or the process has ended."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if max(logged_steps(log), default=0) >= step:
            return
        time.sleep(0.005)
