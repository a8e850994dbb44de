"""What one command costs, as the system counts it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.lib.program import json_of

MEASURE = """
import json, os, subprocess, sys, time
clock = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - clock
print(json.dumps({"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def command_cost(name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> dict[str, float]:
    """Wall and CPU seconds and the most memory of one command.

    A small process starts it: the system counts the memory of whoever starts a process as that process's own.
    """
    return json_of(name, [sys.executable, "-c", MEASURE, *command], environment)
