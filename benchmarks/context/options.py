"""What benchmarks/context/run.py is asked: its command line, and the command that stands in the results."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.context.real_sets import ADAPTATIONS
from benchmarks.lib.program import ROOT, at_least, shown
from benchmarks.lib.settings_search import KINDS
from benchmarks.lib.tasks import NUM_PHOTOS

CONTROL_K, ALL_K, UNREAD = (16,), (4, 16, 64), (0,)
REAL_K = (16, 64)
METHODS: dict[str, tuple[int, ...]] = {  # cheap ones first: their rows are there early
    "own": ALL_K,
    "null": UNREAD,
    **dict.fromkeys(("other", "repaired", "shuffled", "other_rule"), CONTROL_K),
    **dict.fromkeys(("frozen", "static", "triplet"), UNREAD),
    **dict.fromkeys(("verifier", "metric", "chosen_pairs", "chosen_identities", *KINDS), ALL_K),
    "supervised": UNREAD,
}


def parse(arguments: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", nargs="+", type=str, default=["mini"], help="one per training seed")
    parser.add_argument("--set-transformer", nargs="+", type=str, default=[], help="likewise, with that generator")
    parser.add_argument("--triplet", type=Path, help="checkpoint of the Triplet baseline")
    parser.add_argument("--sets", type=Path, help="folder of Parquet tables")
    parser.add_argument("--seen", nargs="+", default=[], help="sets that training or a choice has seen: not counted")
    parser.add_argument("--only", nargs="+", choices=["A", "B", "real"], default=["A", "B", "real"])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument(
        "--ks",
        nargs="+",
        type=int,
        choices=[*UNREAD, *ALL_K],
        default=[*UNREAD, *ALL_K],
        help="measure these K, 0 for no pairs",
    )
    parser.add_argument("--redo", nargs="+", choices=list(METHODS), default=[], help="measure these anew")
    parser.add_argument("--tasks", type=at_least(2), default=24, help="of each test")
    parser.add_argument(
        "--choice-tasks", type=at_least(0), default=4, help="to choose settings on; 0 takes the usual ones"
    )
    parser.add_argument("--photos", type=at_least(100), default=NUM_PHOTOS, help="of a task's pool")
    parser.add_argument("--real-pairs", nargs="+", type=at_least(2), default=list(REAL_K), help="K on real photos")
    parser.add_argument("--real-adaptations", nargs="+", choices=ADAPTATIONS, default=list(ADAPTATIONS))
    parser.add_argument("--draws", type=at_least(1), default=5, help="supports per category of real photos")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "context", help="folder of finished parts")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "context", help="stem of .json and .md")
    asked = parser.parse_args(arguments)
    asked.command = command(asked)
    asked.made = set()  # parts of methods to redo that this call has measured
    return asked


def command(asked: argparse.Namespace) -> str:
    """What writes these results on any machine: folders outside the project by their names alone."""
    words = ["python", "-m", "benchmarks.context.run", "--checkpoints", *map(shown, asked.checkpoints)]
    words += ["--set-transformer", *map(shown, asked.set_transformer)] if asked.set_transformer else []
    words += ["--triplet", shown(asked.triplet)] if asked.triplet else []
    words += ["--sets", shown(asked.sets)] if asked.sets else []
    words += ["--seen", *asked.seen] if asked.seen else []
    for name, usual in (("tasks", 24), ("choice_tasks", 4), ("photos", NUM_PHOTOS), ("draws", 5)):
        value = getattr(asked, name)
        words += [f"--{name.replace('_', '-')}", str(value)] if value != usual else []
    if asked.real_pairs != list(REAL_K):
        words += ["--real-pairs", *map(str, asked.real_pairs)]
    if asked.real_adaptations != list(ADAPTATIONS):
        words += ["--real-adaptations", *asked.real_adaptations]
    return shlex.join(words)
