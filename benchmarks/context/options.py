"""Options of the context study, and its methods with the numbers of pairs that they are measured at."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.context.real_sets import ADAPTATIONS
from benchmarks.lib.program import ROOT, at_least, command_of, study_parser
from benchmarks.lib.settings_search import KINDS
from benchmarks.lib.tasks import NUM_PHOTOS

NOW = ("only", "methods", "ks", "redo")  # what a call measures; the results hold all that is there
CONTROL_K, ALL_K, UNREAD = (16,), (4, 16, 64), (0,)
REAL_K = (16, 64)
PAIRED_CONTROLS = ("other", "repaired", "shuffled", "other_rule")
METHODS: dict[str, tuple[int, ...]] = {  # cheap ones first: their rows are there early
    "own": ALL_K,
    "null": UNREAD,
    **dict.fromkeys(PAIRED_CONTROLS, CONTROL_K),
    "prompt": ALL_K,
    "prompt_null": UNREAD,
    **dict.fromkeys((f"prompt_{name}" for name in PAIRED_CONTROLS), CONTROL_K),
    **dict.fromkeys(("emitted_metric", "bayes"), ALL_K),
    **dict.fromkeys(("frozen", "static", "triplet"), UNREAD),
    **dict.fromkeys(("verifier", "metric", "chosen_pairs", "chosen_identities", *KINDS), ALL_K),
    "supervised": UNREAD,
}


def parse(arguments: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    parser = study_parser(description, "--checkpoints", "--seen", out=ROOT / "results" / "context")
    parser.add_argument("--set-transformer", nargs="+", type=str, default=[], help="likewise, with that generator")
    parser.add_argument("--triplet", type=Path, help="checkpoint of the Triplet baseline")
    parser.add_argument("--sets", type=Path, help="folder of Parquet tables")
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
        "--choice-tasks", type=at_least(0), default=4, help="to choose settings on; 0 takes the defaults"
    )
    parser.add_argument("--photos", type=at_least(100), default=NUM_PHOTOS, help="of a task's pool")
    parser.add_argument("--real-pairs", nargs="+", type=at_least(2), default=list(REAL_K), help="K on real photos")
    parser.add_argument("--real-adaptations", nargs="+", choices=ADAPTATIONS, default=list(ADAPTATIONS))
    parser.add_argument("--draws", type=at_least(1), default=5, help="supports per category of real photos")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "context", help="folder of finished parts")
    options = parser.parse_args(arguments)
    shown = argparse.Namespace(**{name: value for name, value in vars(options).items() if name not in NOW})
    options.command = command_of(parser, shown, "benchmarks.context.run")
    options.made = set()  # parts of methods to redo that this call has measured
    return options
