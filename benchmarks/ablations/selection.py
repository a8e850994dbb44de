"""What it is worth how the support's pairs are selected: results/ablations/selection.md and .json.

    python -m benchmarks.ablations.selection --checkpoints FOLDER... [--sets TABLE.parquet...] [--pairs 16]

Identities of all photos that may be taught are known, and K pairs of them are to be chosen: balanced, random, diverse
or hard ones. Drawn tasks are of the choice split, since a default is decided here; a checkpoint per training seed reads
them, the first one the photos of SETS. What is done lies under --runs.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ablations.taught_categories import (
    METHODS,
    Maps,
    TaughtCategory,
    category_of_photos,
    category_of_task,
    score_selections,
)
from benchmarks.lib.pair_selection import SELECTIONS, Selection, select_support
from benchmarks.lib.parts_cache import PartKey, finish_part
from benchmarks.lib.program import ROOT, command_of, run, shown, study_parser
from benchmarks.lib.results import write_results
from benchmarks.lib.seed_statistics import Floats, Groups, difference, groups_of, mean
from benchmarks.lib.table_cells import cell, header, interval_cells
from benchmarks.lib.tasks import plan_tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.protocols.tasks import make_tasks

OUT = ROOT / "results" / "ablations" / "selection"
SEED = 0
WORLD = "drawn world"
SELECTION_MEANINGS: dict[Selection, str] = {
    "balanced": "half same-pairs, identities take turns: what `vicp teach` draws",
    "random": "any two photos",
    "diverse": "of balanced candidates, each pair differs in other ways than those before it",
    "hard": "of balanced candidates, the same-pairs least alike and the different-pairs most alike",
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    embedders = [load_model(name).without_progress() for name in options.checkpoints]
    found = {}
    if options.tasks:
        rules = [plan.rule.name for plan in plan_tasks("choice", options.tasks)]
        found[WORLD] = rows([list(of_tasks(options, embedder)) for embedder in embedders], rules)
    for path in options.sets:
        if cases := list(of_set(options, embedders[0], path)):
            found[path.stem] = rows([[maps for _, maps in cases]], [name for name, _ in cases])
    facts = {
        "command": options.command,
        "unit": "mAP in percent",
        "seeds": {"checkpoints": [shown(name) for name in options.checkpoints]},
        "fingerprints": [embedder.fingerprint for embedder in embedders],
        "pairs": options.pairs,
        "seen": options.seen,
        "photos": found,
    }
    write_results(options.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    shared = ("--checkpoints", "--tasks", "--sets", "--seen", "--draws", "--pairs")
    parser = study_parser(__doc__, *shared, out=OUT)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "selection", help="folder of what is done")
    options = parser.parse_args(arguments)
    options.command = command_of(parser, options, "benchmarks.ablations.selection")
    return options


def of_tasks(options: argparse.Namespace, embedder: Embedder) -> Iterator[Maps]:
    """What the selections reach on every drawn task."""
    for plan in plan_tasks("choice", options.tasks):
        yield done(options, embedder, "choice", plan.name, partial(category_of_task, embedder, plan), 0)


def of_set(options: argparse.Namespace, embedder: Embedder, path: Path) -> Iterator[tuple[str, Maps]]:
    """What the selections reach on every category, by its name, and draw of a set that has pairs enough."""
    table = open_photos(path)
    for task in make_tasks(EvaluationPhotos.apart(table), find_protocol("vicp-retrieval"), seed=SEED)[0]:
        name = "-".join(filter(None, [task.category, task.variant]))
        few = without_pairs(table.select(task.support).identities, options.pairs)
        if few:
            print(f"{path.stem}, {name}: left out: {few}", file=sys.stderr, flush=True)
            continue
        with ExitStack() as opened:
            case = cache(
                lambda task=task, opened=opened: opened.enter_context(category_of_photos(embedder, table, task))
            )
            yield from [
                (name, done(options, embedder, path.stem, f"{name}-{n}", case, n)) for n in range(options.draws)
            ]


def without_pairs(identities: Sequence[str], num: int) -> str:
    """Why so many pairs cannot be drawn; empty where they can."""
    try:
        for how in SELECTIONS:
            select_support(identities, num, np.eye(len(identities)), how=how, seed=SEED)
    except DataError as error:
        return str(error)
    return ""


def done(
    options: argparse.Namespace, embedder: Embedder, test: str, name: str, case: Callable[[], TaughtCategory], draw: int
) -> Maps:
    key = PartKey(test, name, "selection", options.pairs, embedder.fingerprint)

    def part() -> dict[str, Any]:
        found = score_selections(case(), options.pairs, SEED, draw)
        print(f"{test} {name}: {found}", file=sys.stderr, flush=True)
        return {"map": found}

    found: Maps = finish_part(options.runs, key, {"size": embedder.transform.size}, part)["map"]
    return found


def rows(found: Sequence[Sequence[Maps]], categories: Sequence[str]) -> dict[str, Any]:
    """By selection: mAP of each method, and the paired difference to balanced pairs.

    Args:
        found: by checkpoint, and case.
        categories: of the cases, or their rules: drawn together in intervals.
    """
    groups = groups_of(categories)

    def table(name: str) -> Floats:
        return np.array([[one[name] for one in line] for line in found])

    table_rows: dict[str, Any] = {"frozen": as_cells(table("frozen"), groups), "cases": len(found[0])}
    for how in SELECTIONS:
        table_rows[how] = {"same": round(float(table(f"{how}, same").mean()), 1)}
        for method in METHODS:
            own, base = table(f"{how}, {method}"), table(f"balanced, {method}")
            apart = difference(own, base, groups)
            table_rows[how][method] = as_cells(own, groups)
            table_rows[how][f"{method} - balanced"] = (
                None if apart is None or how == "balanced" else interval_cells(apart)
            )
    return table_rows


def as_cells(values: Floats, groups: Groups | None) -> dict[str, float | None] | None:
    found = mean(values, groups)
    return None if found is None else interval_cells(found)


def page(facts: Mapping[str, Any]) -> str:
    lines = [
        "# How the support's pairs are selected",
        "",
        f"Written by `{facts['command']}`.",
        "",
        f"mAP in percent with K = {facts['pairs']} pairs, in brackets the 95 % interval over rules and training seeds "
        "(drawn world: the choice split) or over categories of photos, whose draws are taken together; of one "
        "category, over its draws alone (bootstrap). "
        + (f"Training has seen {', '.join(facts['seen'])}. " if facts["seen"] else "")
        + "; ".join(f"`{name}`: {meaning}" for name, meaning in METHODS.items())
        + ".",
        "",
        *(f"- `{how}`: {meaning}." for how, meaning in SELECTION_MEANINGS.items()),
        "",
    ]
    for name, found in facts["photos"].items():
        columns = [column for method in METHODS for column in (f"{method}", f"{method} - balanced")]
        lines += [f"## {name}", "", f"{found['cases']} cases; the plain backbone reaches {cell(found['frozen'])}.", ""]
        lines += header(["pairs", "same, %", *columns])
        for how in SELECTIONS:
            cells = [cell(found[how][column], signed="-" in column) for column in columns]
            lines.append("| " + " | ".join([how, f"{found[how]['same']:.0f}", *cells]) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
