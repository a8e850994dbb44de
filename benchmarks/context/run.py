"""The evidence that the context matters, or how far it does: written to results/context.json and .md.

    python -m benchmarks.context.run --checkpoints FOLDER... [--set-transformer FOLDER...] [--triplet FOLDER]
        [--sets FOLDER [--seen SET...]] [--only A B real] [--methods own null ...] [--ks 16 ...]
        [--tasks 24] [--choice-tasks 4]

A checkpoint per training seed. Every finished part (checkpoint, task, method, K) lies under --runs and is not done
again, so the program can be stopped at any time; `--methods`, `--ks` and `--only` say what to do now, and the results
always hold all that is there, of real photos that of the sets in --sets, and what the file had of the same checkpoints
before. Settings of methods with gradient steps are chosen on tasks of a third split.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from benchmarks.context.kept_rows import with_kept_rows
from benchmarks.context.options import ALL_K, METHODS, parse
from benchmarks.context.page import page
from benchmarks.context.real_sets import RealSets, RealTable, real_rows
from benchmarks.context.tables import Values, context_facts
from benchmarks.context.targets import real_targets, world_targets
from benchmarks.context.task_parts import do_part, facts_of, key_of, try_on_all
from benchmarks.lib.method_suite import MethodSuite, subject
from benchmarks.lib.parts_cache import read_part
from benchmarks.lib.program import run, shown
from benchmarks.lib.results import write_results
from benchmarks.lib.settings_search import KINDS, candidates, choose_settings
from benchmarks.lib.tasks import SEEDS, Test, plan_tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.evaluation.methods import open_method, parse_method

T = TypeVar("T")
CHOICE_K = 16  # every other K takes the settings that are best for this one
DEAR = (*KINDS, "supervised")
SET_TRANSFORMER = ("own", "null", "other", "repaired", "shuffled", "other_rule", "verifier", "chosen_pairs")
SUFFIX = "_set_transformer"


@dataclass(frozen=True)
class Row:
    """A line of the table: a method of one kind of generator, with a method suite per training seed."""

    name: str
    method: str
    ks: tuple[int, ...]
    suites: tuple[MethodSuite, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments, __doc__)
    triplet = None if options.triplet is None else open_method(parse_method(str(options.triplet))).without_progress()
    readers = open_benches(options.set_transformer, triplet, options)
    suites, choices = settle(options, open_benches(options.checkpoints, triplet, options), measure=False)
    real = real_rows(real_sets(options), suites, measure=False)
    tests: list[Test] = [test for test in ("A", "B") if test in options.only]
    for test in tests:
        run_rows(options, test, [row for row in table_rows(suites, readers) if row.method not in DEAR])
        write(options, suites, readers, choices, real)
    if tests and set(KINDS) & set(options.methods):
        suites, choices = settle(options, suites, measure=True)
        real = real_rows(real_sets(options), suites, measure=False)  # with these settings
    for test in tests:
        run_rows(options, test, [row for row in table_rows(suites, readers) if row.method in DEAR])
        write(options, suites, readers, choices, real)
    sets = real_sets(options)
    for path in sets.paths if "real" in options.only else ():
        real |= real_rows(replace(sets, paths=[path]), suites, measure=True)
        write(options, suites, readers, choices, real)


def open_benches(
    names: Sequence[str], triplet: Embedder | None, options: argparse.Namespace
) -> tuple[MethodSuite, ...]:
    return tuple(MethodSuite(load_model(name).without_progress(), triplet) for name in names)


def table_rows(suites: tuple[MethodSuite, ...], readers: tuple[MethodSuite, ...]) -> list[Row]:
    """What this set of checkpoints can do: static prompts of those that have a file of it, no triplet without it."""
    able = {
        "static": tuple(suite for suite in suites if suite.embedder.static is not None),
        "triplet": suites if suites[0].triplet is not None else (),
    }
    of_methods = [(method, ks, able.get(method, suites)) for method, ks in METHODS.items()]
    rows = [Row(method, method, ks, own) for method, ks, own in of_methods if own]
    return rows + [Row(m + SUFFIX, m, METHODS[m], readers) for m in SET_TRANSFORMER if readers]


def run_rows(options: argparse.Namespace, test: Test, rows: Sequence[Row]) -> None:
    """Every part of these rows that the options name and that is not there."""
    for row in rows:
        for suite in row.suites if row.method in options.methods else ():
            for k in (k for k in row.ks if k in options.ks):
                for plan in plan_tasks(test, options.tasks, num_photos=options.photos):
                    do_part(options, row.method, suite, plan, k)


def settle(
    options: argparse.Namespace, suites: tuple[MethodSuite, ...], *, measure: bool
) -> tuple[tuple[MethodSuite, ...], list[dict[str, Any]]]:
    """The benches with settings chosen on the choice split with the first checkpoint, as far as they have been tried.

    To `measure` is to try what the options name; a method whose trials are not complete keeps the default settings.
    """
    suite, tried = suites[0], {}
    for method in KINDS:
        settings = candidates(method, has_triplet=suite.triplet is not None)
        wanted = measure and method in options.methods
        trials = {option: try_on_all(options, method, suite, CHOICE_K, option, measure=wanted) for option in settings}
        if all(trials.values()):
            tried.update({(method, CHOICE_K, option): found for option, found in trials.items()})
    settled, choices = choose_settings(suite, tried)
    tuned, finetuned = for_all(settled.tuned), for_all(settled.finetuned)
    return tuple(replace(each, tuned=tuned, finetuned=finetuned) for each in suites), choices


def for_all(chosen: Mapping[tuple[str, int], T]) -> dict[tuple[str, int], T]:
    """The same for every K."""
    return {(method, k): settings for (method, _), settings in chosen.items() for k in ALL_K}


def collect(options: argparse.Namespace, test: Test, rows: Sequence[Row]) -> dict[str, dict[int, Values]]:
    """All that is there, by row and K: tables (seeds, tasks), NaN where a part is missing."""
    plans = plan_tasks(test, options.tasks, num_photos=options.photos)
    found: dict[str, dict[int, Values]] = {}
    for row in rows:
        for k in row.ks:
            different = {subject(row.method, suite, k): suite for suite in row.suites}  # seeds may share a backbone
            parts = [
                [read_part(options.runs, key_of(row.method, b, p, k), facts_of(options, b, test)) for p in plans]
                for b in different.values()
            ]
            if any(part is not None for line in parts for part in line):
                found.setdefault(row.name, {})[k] = Values.of(parts, [p.rule for p in plans])
    return found


def real_sets(options: argparse.Namespace) -> RealSets:
    paths = sorted(options.sets.glob("*.parquet")) if options.sets else []
    triplet = None if options.triplet is None else str(options.triplet)
    photos = [path for path in paths if "omniglot" not in path.stem]  # drawn characters
    folder, names = options.runs / "real", tuple(options.checkpoints)
    return RealSets(photos, options.real_pairs, options.draws, folder, names, triplet, tuple(options.real_adaptations))


def write(
    options: argparse.Namespace,
    suites: tuple[MethodSuite, ...],
    readers: tuple[MethodSuite, ...],
    choices: Sequence[dict[str, Any]],
    real: RealTable,
) -> None:
    """The results of all that is there."""
    rows = table_rows(suites, readers)
    tests = {test: collect(options, test, rows) for test in ("A", "B")}
    facts = context_facts(tests, real, seen=options.seen)
    counted = {name: found for name, found in real.items() if name not in options.seen}
    facts |= {
        "targets": [one for name, test in tests.items() for one in world_targets(name, test)] + real_targets(counted),
        "command": options.command,
        "unit": "mAP in percent",
        "seeds": {"tasks": SEEDS, "checkpoints": [shown(name) for name in options.checkpoints]},
        "set_transformer": [shown(name) for name in options.set_transformer],
        "fingerprints": [suite.embedder.fingerprint for suite in suites],
        "tasks": options.tasks,
        "choices": list(choices),
    }
    facts = with_kept_rows(facts, options.out)
    write_results(options.out, facts, page(facts))


if __name__ == "__main__":
    run(main)
