"""What it is worth how the support's pairs are selected: results/ablations/selection.md and .json.

    python -m benchmarks.ablations.selection --checkpoints FOLDER... [--sets TABLE.parquet...] [--pairs 16]

Identities of all photos that may be taught are known, and K pairs of them are to be chosen: balanced, random, diverse
or hard ones. Drawn tasks are of the choice split, since a default is decided here; a checkpoint per training seed reads
them, the first one the photos of SETS. What is done lies under --runs.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ablations.taught_categories import METHODS, Case, Maps, case_of_photos, case_of_task, reached
from benchmarks.lib.pair_selection import SELECTIONS, Selection, select_support
from benchmarks.lib.parts_cache import PartKey, finish_part
from benchmarks.lib.program import ROOT, at_least, run, shown
from benchmarks.lib.results import write_results
from benchmarks.lib.seed_statistics import Floats, Groups, difference, groups_of, mean
from benchmarks.lib.table_cells import cell, header, interval_cells
from benchmarks.lib.tasks import plan_tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.evaluation.protocols.protocol import find_protocol, make_tasks

OUT = ROOT / "results" / "ablations" / "selection"
SEED = 0
WORLD = "drawn world"
TOLD: dict[Selection, str] = {
    "balanced": "half same-pairs, identities take turns: what `vicp teach` draws",
    "random": "any two photos",
    "diverse": "of balanced candidates, each pair differs in other ways than those before it",
    "hard": "of balanced candidates, the same-pairs least alike and the different-pairs most alike",
}


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    embedders = [load_model(name).without_progress() for name in asked.checkpoints]
    found = {}
    if asked.tasks:
        rules = [plan.rule.name for plan in plan_tasks("choice", asked.tasks)]
        found[WORLD] = rows([list(of_tasks(asked, embedder)) for embedder in embedders], rules)
    for path in asked.sets:
        if cases := list(of_set(asked, embedders[0], path)):
            found[path.stem] = rows([[maps for _, maps in cases]], [name for name, _ in cases])
    facts = {
        "command": command(asked),
        "unit": "mAP in percent",
        "seeds": {"checkpoints": [shown(name) for name in asked.checkpoints]},
        "fingerprints": [embedder.fingerprint for embedder in embedders],
        "pairs": asked.pairs,
        "seen": asked.seen,
        "photos": found,
    }
    write_results(asked.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", nargs="+", type=str, default=["mini"], help="one per training seed")
    parser.add_argument("--tasks", type=at_least(0), default=24, help="of the choice split of the drawn world")
    parser.add_argument("--sets", nargs="*", type=Path, default=[], help="Parquet tables")
    parser.add_argument("--seen", nargs="+", default=[], help="sets that training has seen")
    parser.add_argument("--draws", type=at_least(1), default=3, help="supports per category of photos")
    parser.add_argument("--pairs", type=at_least(2), default=16, help="K")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "selection", help="folder of what is done")
    parser.add_argument("--out", type=Path, default=OUT, help="stem of the files")
    return parser.parse_args(arguments)


def command(asked: argparse.Namespace) -> str:
    words = ["python", "-m", "benchmarks.ablations.selection", "--checkpoints", *map(shown, asked.checkpoints)]
    words += ["--sets", *map(shown, asked.sets)] if asked.sets else []
    words += ["--seen", *asked.seen] if asked.seen else []
    for name, usual in (("tasks", 24), ("draws", 3), ("pairs", 16)):
        words += [f"--{name}", str(getattr(asked, name))] if getattr(asked, name) != usual else []
    return shlex.join(words)


def of_tasks(asked: argparse.Namespace, embedder: Embedder) -> Iterator[Maps]:
    """What the selections reach on every drawn task."""
    for plan in plan_tasks("choice", asked.tasks):
        yield done(asked, embedder, "choice", plan.name, partial(case_of_task, embedder, plan), 0)


def of_set(asked: argparse.Namespace, embedder: Embedder, path: Path) -> Iterator[tuple[str, Maps]]:
    """What the selections reach on every category, by its name, and draw of a set that has pairs enough."""
    table = open_photos(path)
    for task in make_tasks(table, find_protocol("vicp-retrieval"), source=None, seed=SEED)[0]:
        name = "-".join(filter(None, [task.category, task.variant]))
        few = without_pairs(table.select(task.support).identities, asked.pairs)
        if few:
            print(f"{path.stem}, {name}: left out: {few}", file=sys.stderr, flush=True)
            continue
        with ExitStack() as opened:
            case = cache(lambda task=task, opened=opened: opened.enter_context(case_of_photos(embedder, table, task)))
            yield from [(name, done(asked, embedder, path.stem, f"{name}-{n}", case, n)) for n in range(asked.draws)]


def without_pairs(identities: Sequence[str], num: int) -> str:
    """Why so many pairs cannot be drawn; empty where they can."""
    try:
        for how in SELECTIONS:
            select_support(identities, num, np.eye(len(identities)), how=how, seed=SEED)
    except DataError as error:
        return str(error)
    return ""


def done(
    asked: argparse.Namespace, embedder: Embedder, test: str, name: str, case: Callable[[], Case], draw: int
) -> Maps:
    key = PartKey(test, name, "selection", asked.pairs, embedder.fingerprint)

    def part() -> dict[str, Any]:
        found = reached(case(), asked.pairs, SEED, draw)
        print(f"{test} {name}: {found}", file=sys.stderr, flush=True)
        return {"map": found}

    found: Maps = finish_part(asked.runs, key, {"size": embedder.transform.size}, part)["map"]
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

    told: dict[str, Any] = {"frozen": as_cells(table("frozen"), groups), "cases": len(found[0])}
    for how in SELECTIONS:
        told[how] = {"same": round(float(table(f"{how}, same").mean()), 1)}
        for method in METHODS:
            own, base = table(f"{how}, {method}"), table(f"balanced, {method}")
            apart = difference(own, base, groups)
            told[how][method] = as_cells(own, groups)
            told[how][f"{method} - balanced"] = None if apart is None or how == "balanced" else interval_cells(apart)
    return told


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
        + "; ".join(f"`{name}`: {told}" for name, told in METHODS.items())
        + ".",
        "",
        *(f"- `{how}`: {told}." for how, told in TOLD.items()),
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
