"""What the bridge to real photos carries, by how the evidence was trained: results/ablations/bridge.md and .json.

    python -m benchmarks.ablations.bridge --variant NAME FOLDER... [--variant ...] [--sets FILE...]

The emitted metric alone, on frozen photos: with the own labels, with shuffled ones, and the plain backbone. A variant
is a name and a checkpoint per training seed. Nothing that counts in a verdict belongs here: recipes are chosen by it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.ablations.supports import score_recipe, support_cases, with_shuffled_labels
from benchmarks.lib.program import ROOT, command_of, run, shown, study_parser
from benchmarks.lib.results import write_results
from benchmarks.lib.seed_statistics import Floats, Groups, difference, groups_of, mean
from benchmarks.lib.table_cells import DASH, cell, header, interval_cells
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.adapt.recipe import EmittedMetric, Null

OUT = ROOT / "results" / "ablations" / "bridge"
COLUMNS = ("own", "shuffled", "frozen")
Found = dict[tuple[str, int], list[tuple[str, list[float]]]]  # by set and K: categories with a value a column


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    variants = {
        name: [measure(options, load_model(folder).without_progress()) for folder in rest]
        for name, *rest in options.variant
    }
    facts: dict[str, Any] = {
        "command": options.command,
        "unit": "mAP in percent",
        "seen": options.seen,
        "checkpoints": {name: [shown(folder) for folder in folders] for name, *folders in options.variant},
        "photos": {},
    }
    for name, seeds in variants.items():
        for (photos, k), found in seeds[0].items():
            table = np.array([[values for _, values in seed[photos, k]] for seed in seeds])  # (seeds, supports, 3)
            row = facts_of(table, groups_of([category for category, _ in found]))
            facts["photos"].setdefault(photos, {}).setdefault(str(k), {})[name] = row
    write_results(options.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = study_parser(__doc__, "--sets", "--seen", "--draws", "--tasks", "--ks", out=OUT)
    parser.add_argument("--variant", nargs="+", action="append", required=True, help="a name, then checkpoints")
    options = parser.parse_args(arguments)
    for name, *folders in options.variant:
        if not folders:
            parser.error(f"--variant {name}: no checkpoint; give a name, then one checkpoint or more")
    options.command = command_of(parser, options, "benchmarks.ablations.bridge")
    return options


def measure(options: argparse.Namespace, embedder: Embedder) -> Found:
    """What a checkpoint reaches on each support; NaN where shuffled labels contradict each other."""
    found: Found = {}
    for case in support_cases(embedder, sets=options.sets, draws=options.draws, tasks=options.tasks, ks=options.ks):
        shuffled = [score_recipe(embedder, other, EmittedMetric()) for other in with_shuffled_labels(case)] or [
            float("nan")
        ]
        values = [score_recipe(embedder, case, EmittedMetric()), *shuffled, score_recipe(embedder, case, Null())]
        found.setdefault((case.name, case.num_pairs), []).append((case.category, values))
        print(f"{case.name}, {case.category}, K = {case.num_pairs}: {values}", file=sys.stderr, flush=True)
    return found


def facts_of(table: Floats, groups: Groups | None) -> dict[str, Any]:
    """Means of values (seeds, supports, columns) and paired differences, by name; none that has no interval."""
    own, shuffled, frozen = (table[..., COLUMNS.index(name)] for name in COLUMNS)
    found = {name: mean(values, groups) for name, values in (("own", own), ("frozen", frozen))}
    found |= {"own - frozen": difference(own, frozen, groups), "own - shuffled": difference(own, shuffled, groups)}
    return {name: interval_cells(value) for name, value in found.items() if value is not None}


def page(facts: Mapping[str, Any]) -> str:
    lines = [
        "# What the bridge to real photos carries, by how the evidence was trained",
        "",
        f"Written by `{facts['command']}`.",
        "",
        "The metric that the model emits, by itself, on frozen photos: mAP in percent minus that of the plain "
        "backbone, and minus that of the same pairs with their labels shuffled. In brackets the 95 % interval over "
        "training seeds and rules of the drawn world, or categories of photos, whose supports are drawn together; of "
        "one category, over its supports alone (bootstrap). "
        + (f"Training has seen {', '.join(facts['seen'])}. " if facts["seen"] else "")
        + "Where shuffled labels contradict each other in all but one support there is no interval. Checkpoints: "
        + "; ".join(f"{name}: {', '.join(folders)}" for name, folders in facts["checkpoints"].items())
        + ".",
    ]
    for photos, by_k in facts["photos"].items():
        lines += ["", f"## {photos}", ""]
        columns = [(k, what) for k in by_k for what in ("own - frozen", "own - shuffled")]
        lines += header(["trained with", *(f"{what}, K = {k}" for k, what in columns)])
        for name in facts["checkpoints"]:
            found = [by_k[k].get(name, {}).get(what) for k, what in columns]
            cells = [DASH if value is None else cell(value, signed=True) for value in found]
            lines.append("| " + " | ".join([name, *cells]) + " |")
        first = next(iter(next(iter(by_k.values())).values()))
        lines += ["", f"Plain backbone: {cell(first['frozen'])}."] if "frozen" in first else []
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    run(main)
