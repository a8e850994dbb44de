"""What the bridge to real photos carries, by how the evidence was trained: results/ablations/bridge.md and .json.

    python -m benchmarks.ablations.bridge --variant NAME FOLDER... [--variant ...] [--sets FILE...]

The emitted metric alone, on frozen photos: with the own labels, with shuffled ones, and the plain backbone. A variant
is a name and a checkpoint per training seed. Nothing that counts in a verdict belongs here: recipes are chosen by it.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ablations.supports import cases, meaningless, reached
from benchmarks.lib.program import ROOT, at_least, run, shown
from benchmarks.lib.results import write_results
from benchmarks.lib.seed_statistics import Floats, Groups, difference, groups_of, mean
from benchmarks.lib.table_cells import DASH, cell, header, interval_cells
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.adapt.recipe import EmittedMetric, Null

COLUMNS = ("own", "shuffled", "frozen")
Found = dict[tuple[str, int], list[tuple[str, list[float]]]]  # by set and K: categories with a value a column


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    variants = {
        name: [measure(asked, load_model(folder).without_progress()) for folder in rest]
        for name, *rest in asked.variant
    }
    facts: dict[str, Any] = {
        "command": command(asked),
        "unit": "mAP in percent",
        "seen": asked.seen,
        "checkpoints": {name: [shown(folder) for folder in folders] for name, *folders in asked.variant},
        "photos": {},
    }
    for name, seeds in variants.items():
        for (photos, k), found in seeds[0].items():
            table = np.array([[values for _, values in seed[photos, k]] for seed in seeds])  # (seeds, supports, 3)
            row = facts_of(table, groups_of([category for category, _ in found]))
            facts["photos"].setdefault(photos, {}).setdefault(str(k), {})[name] = row
    write_results(asked.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", nargs="+", action="append", required=True, help="a name, then checkpoints")
    parser.add_argument("--sets", nargs="*", type=Path, default=[], help="Parquet tables")
    parser.add_argument("--seen", nargs="+", default=[], help="sets that training has seen")
    parser.add_argument("--draws", type=at_least(1), default=3, help="supports per category of photos")
    parser.add_argument("--tasks", type=at_least(0), default=24, help="of the choice split of the drawn world")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "ablations" / "bridge", help="stem of the files")
    asked = parser.parse_args(arguments)
    for name, *folders in asked.variant:
        if not folders:
            parser.error(f"--variant {name}: no checkpoint; give a name, then one checkpoint or more")
    return asked


def command(asked: argparse.Namespace) -> str:
    words = ["python", "-m", "benchmarks.ablations.bridge"]
    for name, *folders in asked.variant:
        words += ["--variant", name, *map(shown, folders)]
    words += ["--sets", *map(shown, asked.sets)] if asked.sets else []
    words += ["--seen", *asked.seen] if asked.seen else []
    return shlex.join([*words, "--draws", str(asked.draws), "--tasks", str(asked.tasks)])


def measure(asked: argparse.Namespace, embedder: Embedder) -> Found:
    """What a checkpoint reaches on each support; NaN where shuffled labels contradict each other."""
    found: Found = {}
    for case in cases(embedder, sets=asked.sets, draws=asked.draws, tasks=asked.tasks):
        shuffled = [reached(embedder, other, EmittedMetric()) for other in meaningless(case)] or [float("nan")]
        values = [reached(embedder, case, EmittedMetric()), *shuffled, reached(embedder, case, Null())]
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
