"""The evidence that the context matters, or how far it does: written to results/context.json and .md.

    python benchmarks/context.py --checkpoints FOLDER... [--set-transformer FOLDER...] [--triplet FOLDER]
        [--sets FOLDER [--seen SET...]] [--only A B real] [--methods own null ...] [--ks 16 ...]
        [--tasks 24] [--choice-tasks 6]

A checkpoint per training seed. Every finished part (checkpoint, task, method, K) lies under --runs and is not done
again, so the program can be stopped at any time; `--methods`, `--ks` and `--only` say what to do now, and the results
always hold all that is there. Settings of methods with gradient steps are chosen on tasks of a third split.
"""

import argparse
import functools
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from context_bars import real_bars, world_bars
from context_page import page
from context_real import ADAPTATIONS, RealSets, RealTable, real_rows
from context_tables import Values, context_facts
from program import run
from vicp.adapt.embedding import Embedder
from vicp.adapt.opening import open_model
from vicp.data.tasks import NUM_PHOTOS, SEED, Task, TaskPlan, Test, make_task, plan_tasks
from vicp.evaluation.methods import open_method, parse_method
from vicp.evaluation.report.files import json_text, write_files
from vicp.evaluation.tasks.bench import Bench, subject
from vicp.evaluation.tasks.choices import KINDS, Candidate, candidates, choose_settings, try_candidate
from vicp.evaluation.tasks.methods import run_method
from vicp.evaluation.tasks.parts import PartKey, finish_part, read_part

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
CONTROL_K, ALL_K, UNREAD = (16,), (4, 16, 64), (0,)
CHOICE_K = 16  # every other K takes the settings that are best for this one
REAL_K = (16, 64)
METHODS: dict[str, tuple[int, ...]] = {  # cheap ones first: their rows are there early
    "own": ALL_K,
    "null": UNREAD,
    **dict.fromkeys(("other", "repaired", "shuffled", "other_rule"), CONTROL_K),
    **dict.fromkeys(("frozen", "static", "triplet"), UNREAD),
    **dict.fromkeys(("verifier", "metric", "chosen_pairs", "chosen_identities", *KINDS), ALL_K),
    "supervised": UNREAD,
}
DEAR = (*KINDS, "supervised")
SET_TRANSFORMER = ("own", "null", "other", "repaired", "shuffled", "other_rule", "verifier", "chosen_pairs")
SUFFIX = "_set_transformer"


@dataclass(frozen=True)
class Row:
    """A line of the table: a method of one kind of generator, with a bench per training seed."""

    name: str
    method: str
    ks: tuple[int, ...]
    benches: tuple[Bench, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    triplet = None if asked.triplet is None else open_method(parse_method(str(asked.triplet))).quiet()
    readers = open_benches(asked.set_transformer, triplet, asked)
    benches, choices = settle(asked, open_benches(asked.checkpoints, triplet, asked), measure=False)
    real = real_rows(real_sets(asked), benches, measure=False)
    tests: list[Test] = [test for test in ("A", "B") if test in asked.only]
    for test in tests:
        run_rows(asked, test, [row for row in table_rows(benches, readers) if row.method not in DEAR])
        write(asked, benches, readers, choices, real)
    if tests and set(KINDS) & set(asked.methods):
        benches, choices = settle(asked, benches, measure=True)
        real = real_rows(real_sets(asked), benches, measure=False)  # with these settings
    for test in tests:
        run_rows(asked, test, [row for row in table_rows(benches, readers) if row.method in DEAR])
        write(asked, benches, readers, choices, real)
    sets = real_sets(asked)
    for path in sets.paths if "real" in asked.only else ():
        real |= real_rows(replace(sets, paths=[path]), benches, measure=True)
        write(asked, benches, readers, choices, real)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", nargs="+", type=str, default=["mini"], help="one per training seed")
    parser.add_argument("--set-transformer", nargs="+", type=str, default=[], help="likewise, with that generator")
    parser.add_argument("--triplet", type=Path, help="checkpoint of the Triplet baseline")
    parser.add_argument("--sets", type=Path, help="folder of Parquet tables")
    parser.add_argument("--seen", nargs="+", default=[], help="sets that training or a choice has seen: not counted")
    parser.add_argument("--only", nargs="+", choices=["A", "B", "real"], default=["A", "B", "real"])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--ks", nargs="+", type=int, default=[*UNREAD, *ALL_K], help="measure these K, 0 for no pairs")
    parser.add_argument("--redo", nargs="+", choices=list(METHODS), default=[], help="measure these anew")
    parser.add_argument("--tasks", type=int, default=24, help="of each test")
    parser.add_argument("--choice-tasks", type=int, default=6, help="to choose settings on; 0 takes the usual ones")
    parser.add_argument("--photos", type=int, default=NUM_PHOTOS, help="of a task's pool")
    parser.add_argument("--choose-steps", action="store_true", help="chosen_* may take gradient steps")
    parser.add_argument("--real-pairs", nargs="+", type=int, default=list(REAL_K), help="K on real photos")
    parser.add_argument("--real-adaptations", nargs="+", choices=ADAPTATIONS, default=list(ADAPTATIONS))
    parser.add_argument("--draws", type=int, default=5, help="supports per category of real photos")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "context", help="folder of finished parts")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "context", help="stem of .json and .md")
    asked = parser.parse_args(arguments)
    asked.command = command(asked)
    asked.made = set()  # parts of methods to redo that this call has measured
    return asked


def command(asked: argparse.Namespace) -> str:
    """What writes these results on any machine: folders outside the project by their names alone."""
    words = ["python", "benchmarks/context.py", "--checkpoints", *map(shown, asked.checkpoints)]
    words += ["--set-transformer", *map(shown, asked.set_transformer)] if asked.set_transformer else []
    words += ["--triplet", shown(asked.triplet)] if asked.triplet else []
    words += ["--sets", shown(asked.sets)] if asked.sets else []
    words += ["--seen", *asked.seen] if asked.seen else []
    for name, usual in (("tasks", 24), ("choice_tasks", 6), ("photos", NUM_PHOTOS), ("draws", 5)):
        value = getattr(asked, name)
        words += [f"--{name.replace('_', '-')}", str(value)] if value != usual else []
    if asked.real_pairs != list(REAL_K):
        words += ["--real-pairs", *map(str, asked.real_pairs)]
    if asked.real_adaptations != list(ADAPTATIONS):
        words += ["--real-adaptations", *asked.real_adaptations]
    return shlex.join([*words, *(["--choose-steps"] if asked.choose_steps else [])])


def shown(path: str | Path) -> str:
    path = Path(path)
    if not path.is_absolute():
        return path.name if ".." in path.parts else str(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def open_benches(names: Sequence[str], triplet: Embedder | None, asked: argparse.Namespace) -> tuple[Bench, ...]:
    return tuple(Bench(open_model(name).quiet(), triplet, choose_steps=asked.choose_steps) for name in names)


def table_rows(benches: tuple[Bench, ...], readers: tuple[Bench, ...]) -> list[Row]:
    """What this set of checkpoints can do: no static prompt without a file of it, no triplet without the baseline."""
    there = {
        method: ks
        for method, ks in METHODS.items()
        if (method != "triplet" or benches[0].triplet is not None)
        and (method != "static" or all(bench.embedder.static is not None for bench in benches))
    }
    rows = [Row(method, method, ks, benches) for method, ks in there.items()]
    return rows + [Row(m + SUFFIX, m, METHODS[m], readers) for m in SET_TRANSFORMER if readers]


def run_rows(asked: argparse.Namespace, test: Test, rows: Sequence[Row]) -> None:
    """Every part of these rows that is asked for and not there."""
    for row in rows:
        for bench in row.benches if row.method in asked.methods else ():
            for k in (k for k in row.ks if k in asked.ks):
                for plan in plan_tasks(test, asked.tasks, num_photos=asked.photos):
                    do_part(asked, row.method, bench, plan, k)


def do_part(asked: argparse.Namespace, method: str, bench: Bench, plan: TaskPlan, k: int) -> dict[str, Any]:
    size = bench.embedder.transform.size

    def make() -> dict[str, Any]:
        other = functools.partial(other_task, plan, asked.tasks, size)
        found = run_method(method, bench, task_of(plan, size), other, k)
        print(f"{plan.name} {method} K={k}: mAP {found.map:.1f}, {found.seconds:.1f} s", file=sys.stderr, flush=True)
        return vars(found)

    key, facts = key_of(method, bench, plan, k), facts_of(asked, bench)
    if method in asked.redo and key not in asked.made:
        key.path(asked.runs).unlink(missing_ok=True)
        asked.made.add(key)
    return finish_part(asked.runs, key, facts, make)


def key_of(method: str, bench: Bench, plan: TaskPlan, k: int) -> PartKey:
    return PartKey(plan.test, plan.name, method, k, subject(method, bench, k))


def facts_of(asked: argparse.Namespace, bench: Bench) -> dict[str, int]:
    return {"photos": asked.photos, "size": bench.embedder.transform.size, "seed": SEED}


def other_task(plan: TaskPlan, num: int, size: int) -> Task:
    """The next task of the test with another rule."""
    plans = plan_tasks(plan.test, max(num, 2), num_photos=plan.num_photos)
    turned = [*plans[plan.number + 1 :], *plans[: plan.number]]
    return task_of(next((other for other in turned if other.rule != plan.rule), turned[0]), size)


_TASKS: dict[tuple[str, int, int], Task] = {}


def task_of(plan: TaskPlan, size: int) -> Task:
    """The task, rendered once while the next few are worked on."""
    key = (plan.name, plan.num_photos, size)
    if key not in _TASKS:
        while len(_TASKS) > 26:
            _TASKS.pop(next(iter(_TASKS)))
        _TASKS[key] = make_task(plan, size=size)
    return _TASKS[key]


def settle(
    asked: argparse.Namespace, benches: tuple[Bench, ...], *, measure: bool
) -> tuple[tuple[Bench, ...], list[dict[str, Any]]]:
    """The benches with settings chosen on the choice split with the first checkpoint, as far as they have been tried.

    To `measure` is to try what is asked for; a method whose trials are not complete keeps the usual settings.
    """
    bench, tried = benches[0], {}
    for method in KINDS:
        options = candidates(method, has_triplet=bench.triplet is not None)
        wanted = measure and method in asked.methods
        trials = {option: try_on_all(asked, method, bench, CHOICE_K, option, measure=wanted) for option in options}
        if all(trials.values()):
            tried.update({(method, CHOICE_K, option): found for option, found in trials.items()})
    settled, choices = choose_settings(bench, tried)
    tuned, retrained = for_all(settled.tuned), for_all(settled.retrained)
    return tuple(replace(each, tuned=tuned, retrained=retrained) for each in benches), choices


def for_all(chosen: Mapping[tuple[str, int], T]) -> dict[tuple[str, int], T]:
    """The same for every K."""
    return {(method, k): settings for (method, _), settings in chosen.items() for k in ALL_K}


def try_on_all(
    asked: argparse.Namespace, method: str, bench: Bench, k: int, candidate: Candidate, *, measure: bool
) -> list[dict[int, float]]:
    """MAP by number of steps, of each choice task; nothing where they are neither there nor to be measured."""
    start = bench.triplet if candidate.from_triplet else bench.embedder
    assert start is not None
    model = start.fingerprint if candidate.from_triplet or method.startswith("tuned") else subject("frozen", bench, 0)
    found = []
    for plan in plan_tasks("choice", asked.choice_tasks, num_photos=asked.photos):
        key, facts = PartKey("choice", plan.name, method, k, f"{model}-{candidate}"), facts_of(asked, bench)

        def make(plan: TaskPlan = plan) -> dict[str, Any]:
            by_steps = try_candidate(method, bench, task_of(plan, bench.embedder.transform.size), k, candidate)
            print(f"{plan.name} {method} K={k} {candidate}: {by_steps}", file=sys.stderr, flush=True)
            return {"map": {str(steps): value for steps, value in by_steps.items()}}

        part = finish_part(asked.runs, key, facts, make) if measure else read_part(asked.runs, key, facts)
        if part is None:
            return []
        found.append({int(steps): value for steps, value in part["map"].items()})
    return found


def collect(asked: argparse.Namespace, test: Test, rows: Sequence[Row]) -> dict[str, dict[int, Values]]:
    """All that is there, by row and K: tables (seeds, tasks), NaN where a part is missing."""
    plans = plan_tasks(test, asked.tasks, num_photos=asked.photos)
    found: dict[str, dict[int, Values]] = {}
    for row in rows:
        for k in row.ks:
            parts = [
                [read_part(asked.runs, key_of(row.method, b, p, k), facts_of(asked, b)) for p in plans]
                for b in row.benches
            ]
            if any(part is not None for line in parts for part in line):
                found.setdefault(row.name, {})[k] = Values.of(parts, [len(p.rule.factors) for p in plans])
    return found


def real_sets(asked: argparse.Namespace) -> RealSets:
    paths = sorted(asked.sets.glob("*.parquet")) if asked.sets else []
    triplet = None if asked.triplet is None else str(asked.triplet)
    photos = [path for path in paths if "omniglot" not in path.stem]  # drawn characters
    folder, names = asked.runs / "real", tuple(asked.checkpoints)
    return RealSets(photos, asked.real_pairs, asked.draws, folder, names, triplet, tuple(asked.real_adaptations))


def write(
    asked: argparse.Namespace,
    benches: tuple[Bench, ...],
    readers: tuple[Bench, ...],
    choices: Sequence[dict[str, Any]],
    real: RealTable,
) -> None:
    """The results of all that is there."""
    rows = table_rows(benches, readers)
    tests = {test: collect(asked, test, rows) for test in ("A", "B")}
    facts = context_facts(tests, real, seen=asked.seen)
    counted = {name: found for name, found in real.items() if name not in asked.seen}
    facts |= {
        "bars": [bar for name, test in tests.items() for bar in world_bars(name, test)] + real_bars(counted),
        "command": asked.command,
        "unit": "mAP in percent",
        "seeds": {"tasks": SEED, "checkpoints": [shown(name) for name in asked.checkpoints]},
        "set_transformer": [shown(name) for name in asked.set_transformer],
        "fingerprints": [bench.embedder.fingerprint for bench in benches],
        "tasks": asked.tasks,
        "choices": list(choices),
    }
    write_files(asked.out.parent, {f"{asked.out.name}.json": json_text(facts), f"{asked.out.name}.md": page(facts)})


if __name__ == "__main__":
    run(main)
