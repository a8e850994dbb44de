"""What programs of this folder share: how they end, and what they measure in a process of its own.

A user's mistake is one line and exit status 2.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vicp.errors import VICPError

ROOT = Path(__file__).parents[2]


def at_least(least: int) -> Callable[[str], int]:
    """A type for argparse: a number that is not smaller."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is too few; expected at least {least}")
        return int(text)

    return number


def shown(path: str | Path) -> str:
    """Return the path as results show it: relative to the project, or a folder outside it by its name alone."""
    path = Path(path)
    if not path.is_absolute():
        return path.name if ".." in path.parts else str(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def run(main: Callable[[], None]) -> None:
    try:
        main()
    except VICPError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def json_of(name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> dict[str, Any]:
    """What a command prints last, as JSON; it sees this environment beside our own. Ends the program if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name}: {(done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
