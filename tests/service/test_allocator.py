"""What the service frees leaves its process."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np, psutil
from vicp.service.allocator import return_freed_memory

if sys.argv[1] == "set":
    assert return_freed_memory()
np.ones(30 << 17)  # 30 MB, from which on glibc keeps smaller blocks
before, kept = psutil.Process().memory_info().rss, []
for _ in range(20):
    block = np.ones(8 << 17)
    kept.append(bytearray(100_000))  # on top of it, so that the heap cannot shrink
    del block
    np.ones(4 << 17)
blocks = [np.ones(8 << 17) for _ in range(12)]
kept += [bytearray(100_000) for _ in range(12)]
del blocks
print((psutil.Process().memory_info().rss - before) // 2**20)
"""


def megabytes_kept(mode: str) -> int:
    command = [sys.executable, "-c", PROGRAM, mode]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library's setting is that of Linux")
def test_large_blocks_leave_the_process_when_they_are_freed() -> None:
    assert megabytes_kept("set") < 10 < 60 < megabytes_kept("leave")
