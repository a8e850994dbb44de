"""What `auto` chooses from, and by which rule: results/ablations/choice.md and .json.

    python -m benchmarks.ablations.choice [--sets FILE...] [--draws 3] [--tasks 24] [--checkpoint mini]

Settings are chosen here, so only categories that count in no verdict belong here: tasks of the choice split, and sets
that training has seen or that are named in the results as used for a choice.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.ablations.supports import SupportCase, score_recipe, support_cases, with_shuffled_labels
from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import write_results
from benchmarks.lib.seed_statistics import groups_of, mean
from benchmarks.lib.table_cells import cell, header, interval_cells
from vicp.adapt.embedder import Embedder
from vicp.adapt.fitting import SupportFeatures
from vicp.adapt.load import load_model
from vicp.adapt.recipe import Null
from vicp.adapt.selection import select
from vicp.adapt.selection.candidates import SHRINKAGES, closed_form_candidates, default_recipe
from vicp.adapt.selection.cross_validation import beats_chance

OUT = ROOT / "results" / "ablations" / "choice"
RULES = {
    "auto": "on held-out individuals the best that has the generated metric, or what leads it by a standard error; "
    "where that is not above chance, or too few can be held out, the generated metric beside a metric on frozen photos "
    "(of a model that emits none the best, or a mild whitening): the rule of `auto`",
    "no margin": "likewise, but simply the best",
    "nothing if unsure": "likewise, and the plain backbone where that is not above chance or too few can be held out",
    "oracle": "the candidate that is best on the test photos: no rule can do better",
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    embedder = load_model(options.checkpoint).without_progress()
    found: dict[str, dict[str, list[tuple[str, dict[str, float]]]]] = {}
    for drawn in support_cases(embedder, sets=options.sets, draws=options.draws, tasks=options.tasks, ks=options.ks):
        for case in (drawn, *with_shuffled_labels(drawn)):
            maps = judged(embedder, case)
            found.setdefault(case.name, {}).setdefault(str(case.num_pairs), []).append((case.category, maps))
            print(f"{case.name}, K = {case.num_pairs}: {maps['auto']:.1f}", file=sys.stderr, flush=True)
    facts = {
        "command": options.command,
        "unit": "mAP in percent",
        "fingerprint": embedder.fingerprint,
        "seen": options.seen,
    }
    meaning = {name: {k: rows(maps) for k, maps in by_k.items() if len(maps) > 1} for name, by_k in found.items()}
    facts["photos"] = {
        name: by_k for name, by_k in meaning.items() if by_k
    }  # shuffled labels can contradict each other
    write_results(options.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = study_parser(__doc__, "--sets", "--seen", "--draws", "--tasks", "--ks", out=OUT)
    parser.add_argument("--checkpoint", default="mini")
    options = parser.parse_args(arguments)
    options.command = command_of(parser, options, "benchmarks.ablations.choice")
    return options


def judged(embedder: Embedder, case: SupportCase) -> dict[str, float]:
    """MAP in percent of every candidate that takes no gradient step, and of what each rule chooses among them."""
    trial = select.score_candidates(SupportFeatures(embedder, case.support), "auto")
    maps = {recipe: score_recipe(embedder, case, recipe) for recipe in closed_form_candidates(embedder, "auto")}
    best = trial.best(list(trial.similarity)) if trial.similarity else Null()
    sure = bool(trial.similarity) and beats_chance(trial.by_group(best))
    auto = select.fit_selected(embedder, case.support, "auto", scores=trial).recipe
    cautious = select.fitted_fallback(trial, default_recipe(embedder, "auto")) if trial.similarity else auto
    chosen = {
        "auto": auto,
        "no margin": best if sure else cautious,
        "nothing if unsure": best if sure else Null(),
        "oracle": max(maps, key=lambda recipe: maps[recipe]),
    }
    return {str(recipe): value for recipe, value in maps.items()} | {rule: maps[chosen[rule]] for rule in RULES}


def rows(cases: Sequence[tuple[str, dict[str, float]]]) -> dict[str, Any]:
    """By candidate and rule: mAP, and the paired difference to the frozen backbone; of cases by category."""
    groups, maps = groups_of([category for category, _ in cases]), [own for _, own in cases]
    null = np.array([[one["null"] for one in maps]])
    found = {}
    for name in maps[0]:
        values = np.array([[one[name] for one in maps]])
        own, gain = mean(values, groups), mean(values - null, groups)
        assert own is not None, "two supports or more"
        assert gain is not None
        found[name] = {**interval_cells(own), "gain": interval_cells(gain), "supports": len(maps)}
    return found


def page(facts: dict[str, Any]) -> str:
    lines = [
        "# What `auto` chooses from, and by which rule",
        "",
        f"Written by `{facts['command']}`, model {facts['fingerprint']}.",
        "",
        "mAP in percent minus that of the frozen backbone, in brackets the 95 % interval over rules of the "
        "drawn world, or over categories of photos, whose supports are drawn together; of one category, over its "
        "supports alone (bootstrap). "
        + (f"Training has seen {', '.join(facts['seen'])}. " if facts["seen"] else "")
        + "Candidates are those that take no gradient step. Of equal shrinkages the first of "
        f"{', '.join(f'{s:g}' for s in SHRINKAGES)} is preferred; `--adapt metric` takes it if none can be held out.",
        "",
        *(f"- `{rule}`: {meaning}." for rule, meaning in RULES.items()),
    ]
    for name, by_k in facts["photos"].items():
        lines += ["", f"## {name}", "", *header(["candidate or rule", *(f"K = {k}" for k in by_k)])]
        first = next(iter(by_k.values()))
        for row in first:
            cells = [cell(found[row]["gain"], signed=True) for found in by_k.values()]
            lines.append("| " + " | ".join([f"`{row}`" if row in RULES else row, *cells]) + " |")
        supports = ", ".join(f"{found['null']['supports']} at K = {k}" for k, found in by_k.items())
        lines += ["", f"Frozen: {cell(first['null'])}; supports: {supports}."]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    run(main)
