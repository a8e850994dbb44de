"""Parts of the evidence on drawn tasks: one checkpoint, task, method and K each, kept in a file when it is done."""

import argparse
import functools
import sys
from typing import Any

from benchmarks.lib.method_suite import MethodSuite, subject
from benchmarks.lib.parts_cache import PartKey, finish_part, read_part
from benchmarks.lib.settings_search import Candidate, try_candidate
from benchmarks.lib.task_methods import run_method
from benchmarks.lib.tasks import SEEDS, Task, TaskPlan, Test, make_task, plan_tasks


def do_part(options: argparse.Namespace, method: str, suite: MethodSuite, plan: TaskPlan, k: int) -> dict[str, Any]:
    size = suite.embedder.transform.size

    def make() -> dict[str, Any]:
        other = functools.partial(other_task, plan, options.tasks, size)
        found = run_method(method, suite, task_of(plan, size), other, k)
        print(f"{plan.name} {method} K={k}: mAP {found.map:.1f}, {found.seconds:.1f} s", file=sys.stderr, flush=True)
        return vars(found)

    key, facts = key_of(method, suite, plan, k), facts_of(options, suite, plan.test)
    if method in options.redo and key not in options.made:
        key.path(options.runs).unlink(missing_ok=True)
        options.made.add(key)
    return finish_part(options.runs, key, facts, make)


def key_of(method: str, suite: MethodSuite, plan: TaskPlan, k: int) -> PartKey:
    return PartKey(plan.test, plan.name, method, k, subject(method, suite, k))


def facts_of(options: argparse.Namespace, suite: MethodSuite, test: Test) -> dict[str, int]:
    return {"photos": options.photos, "size": suite.embedder.transform.size, "seed": SEEDS[test]}


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


def try_on_all(
    options: argparse.Namespace, method: str, suite: MethodSuite, k: int, candidate: Candidate, *, measure: bool
) -> list[dict[int, float]]:
    """MAP by number of steps, of each choice task; nothing where they are neither there nor to be measured."""
    start = suite.triplet if candidate.from_triplet else suite.embedder
    assert start is not None
    model = start.fingerprint if candidate.from_triplet or method.startswith("tuned") else subject("frozen", suite, 0)
    found = []
    for plan in plan_tasks("choice", options.choice_tasks, num_photos=options.photos):
        key, facts = PartKey("choice", plan.name, method, k, f"{model}-{candidate}"), facts_of(options, suite, "choice")

        def make(plan: TaskPlan = plan) -> dict[str, Any]:
            by_steps = try_candidate(method, suite, task_of(plan, suite.embedder.transform.size), k, candidate)
            print(f"{plan.name} {method} K={k} {candidate}: {by_steps}", file=sys.stderr, flush=True)
            return {"map": {str(steps): value for steps, value in by_steps.items()}}

        part = finish_part(options.runs, key, facts, make) if measure else read_part(options.runs, key, facts)
        if part is None:
            return []
        found.append({int(steps): value for steps, value in part["map"].items()})
    return found
