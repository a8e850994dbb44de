"""Writes `golden.json` anew: `python -m tests.golden.record`, in the repository's root."""

import json
import tempfile
import time
from pathlib import Path

from tests.golden.commands import SECTIONS, Commands, measure

GOLDEN = Path(__file__).with_name("golden.json")


def record() -> None:
    """Runs every section and writes what it measures."""
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(Path(folder))
        golden = {}
        for section in SECTIONS:
            start = time.monotonic()
            golden[section] = measure(commands, section)
            print(f"{section}: {len(golden[section])} numbers in {time.monotonic() - start:.1f} s")
    GOLDEN.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    record()
