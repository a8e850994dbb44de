"""What the programs of all studies share: options, the command in the results, how they end, and other processes.

A user's mistake is one line and exit status 2.
"""

import argparse
import json
import os
import shlex
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


SHARED: dict[str, dict[str, Any]] = {
    "tables": {"nargs": "+", "type": Path, "help": "Parquet tables of photos"},
    "--checkpoints": {"nargs": "+", "default": ["mini"], "help": "one per training seed"},
    "--sets": {"nargs": "*", "type": Path, "default": [], "help": "Parquet tables of photos"},
    "--seen": {"nargs": "+", "default": [], "help": "sets that training or a choice has seen"},
    "--tasks": {"type": at_least(0), "default": 24, "help": "drawn tasks of the choice split"},
    "--ks": {"nargs": "+", "type": at_least(2), "default": [4, 16, 64], "help": "numbers of pairs K"},
    "--draws": {"type": at_least(1), "default": 3, "help": "supports per category of photos"},
    "--pairs": {"type": at_least(2), "default": 16, "help": "number of pairs K"},
    "--seed": {"type": int, "default": 0, "help": "of everything that is drawn"},
    "--workers": {"type": at_least(1), "default": 2, "help": "processes"},
}
UNSHOWN = ("runs", "workers")  # options that change no result


def study_parser(description: str | None, *shared: str, out: Path | None = None) -> argparse.ArgumentParser:
    """Return a parser that has these of the shared options and, with `out` as default, the stem of the result files."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in shared:
        parser.add_argument(name, **SHARED[name])
    if out is not None:
        parser.add_argument("--out", type=Path, default=out, help="stem of .json and .md")
    return parser


def command_of(parser: argparse.ArgumentParser, options: argparse.Namespace, module: str) -> str:
    """Return the command that writes these results on any machine, with the options that are not the default."""
    words = ["python", "-m", module]
    for name, value in vars(options).items():
        hidden = name in UNSHOWN or (name == "out" and not value.resolve().is_relative_to(ROOT))
        if hidden or value == parser.get_default(name):
            continue
        repeated = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
        for one in repeated:
            flag = [] if name == "tables" else [f"--{name.replace('_', '-')}"]
            words += [*flag, *(shown(str(word)) for word in (one if isinstance(one, list) else [one]))]
    return shlex.join(words)


def run(main: Callable[[], None]) -> None:
    """Runs a study; what a user can mend ends it with one line and exit status 2."""
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
