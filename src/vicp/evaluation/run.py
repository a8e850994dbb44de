"""A whole evaluation: every method on every task, with finished results kept in a folder."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods import generated
from vicp.data.loading import check_photos, without
from vicp.data.records import PhotoTable, bad_photos_message
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.evaluation.diagnostics.run import diagnose_task
from vicp.evaluation.estimates import ResamplingUnits
from vicp.evaluation.load_task import load_task
from vicp.evaluation.method_result import MethodResult
from vicp.evaluation.methods import Method, check_supported, find_method, open_method, parse_method
from vicp.evaluation.plots.curves import plot_curves
from vicp.evaluation.protocols.protocol import PROTOCOLS, make_tasks
from vicp.evaluation.protocols.world_table import world_table
from vicp.evaluation.published import add_published, read_published
from vicp.evaluation.result_cache import check_settings, part_path, table_fingerprint
from vicp.evaluation.results import Diagnosis, Evaluation
from vicp.evaluation.run_task import run_task, sample_support
from vicp.evaluation.scoring import row_identities
from vicp.evaluation.settings import EvaluationSettings
from vicp.evaluation.summary import ScoredResult, method_rows, summarise
from vicp.evaluation.task import EvaluationTask

WORLD_CATEGORIES = 6

Progress = Callable[[int, int], None]  # tasks done, tasks in all

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationRequest:
    """What is to be evaluated.

    Attributes:
        methods: as typed.
        plan: the settings of every method.
        source: the photos' folder or file; None for the procedural world.
        share_support: see `make_tasks`.
        exclude: see `make_tasks`.
        out: the folder of the report and of finished parts.
        command: that makes this report again.
        diagnose: look closer at every category, with the first method.
        published: a CSV of numbers that others have printed, see `read_published`.
    """

    methods: tuple[str, ...]
    plan: EvaluationSettings
    source: Path | None
    out: Path
    command: str
    share_support: float = 0.5
    exclude: str | None = None
    diagnose: bool = True
    published: Path | None = None


def evaluate_photos(request: EvaluationRequest, *, skip_bad: bool, progress: Progress) -> Evaluation:
    """Every method in every task of the photos; what the folder already holds of it is not done again.

    Args:
        request: what to do.
        skip_bad: go on without photos that cannot be used.
        progress: called after each task with those done and those in all.

    Raises:
        ConfigError: a method that is not there, or a folder that holds another evaluation.
        DataError: photos that cannot be used, or no category to evaluate.
        WeightsError: a checkpoint is damaged.
    """
    methods = [parse_method(name) for name in dict.fromkeys(request.methods)]
    if request.published is not None:
        read_published(request.published)  # before hours have passed
    if request.source is None:
        table = world_table(num_categories=WORLD_CATEGORIES, seed=request.plan.seed)
    else:
        table = usable_photos(open_photos(request.source, skip_bad=skip_bad), skip_bad=skip_bad)
    return evaluate(request, methods, table, progress=progress)


def evaluate(
    request: EvaluationRequest, methods: Sequence[Method], table: PhotoTable, *, progress: Progress
) -> Evaluation:
    """The same for photos that are read already, all of which can be decoded."""
    clock, plan = time.monotonic(), request.plan
    tasks, skipped = make_tasks(
        table,
        plan.protocol,
        source=request.source,
        share_support=request.share_support,
        exclude=request.exclude,
        seed=plan.seed,
    )
    for method in methods:
        check_supported(method, plan.adaptations)
        for fold in sorted({task.fold for task in tasks}):
            find_method(method, fold=fold)
    check_settings(request.out, _settings(request, table))
    runner, done = EvaluationRunner(request, table, tasks), 0
    scored: dict[str, list[ScoredResult]] = {}
    for method in methods:
        scored[method.name] = []
        for task in tasks:
            method_result, reason = runner.method_result(method, task)
            if method_result is None:
                skipped.append(reason)
            else:
                scored[method.name].append(summarise(task, runner.units(task), method_result))
            done += 1
            progress(done, len(methods) * len(tasks))
    scored = {name: found for name, found in scored.items() if found}
    if not scored:
        raise DataError(f"no category could be evaluated: {' '.join(skipped)}")
    by_method = [
        method_rows(name, plan.protocol.name, found, num_draws=plan.num_draws) for name, found in scored.items()
    ]
    rows = [row for of_method in by_method for row in of_method]
    if request.published is not None:
        rows = add_published(rows, read_published(request.published))
    return Evaluation(
        protocol=plan.protocol.name,
        protocol_sentence=plan.protocol.sentence + _excluded(request),
        source="the procedural world" if request.source is None else request.source.name,
        command=request.command,
        seconds=time.monotonic() - clock,
        seed=plan.seed,
        num_draws=plan.num_draws,
        methods={name: found[0].method_result.fingerprint for name, found in scored.items()},
        rows=tuple(rows),
        curves=plot_curves(scored),
        diagnoses=tuple(runner.diagnoses(methods[0])) if request.diagnose else (),
        skipped=tuple(skipped),
    )


class EvaluationRunner:
    """Runs methods on tasks: holds the photos, the tasks and the method that is open."""

    def __init__(self, request: EvaluationRequest, table: PhotoTable, tasks: Sequence[EvaluationTask]) -> None:
        self.request, self.table, self.tasks = request, table, tasks
        self._name, self._embedder = "", None  # type: tuple[str, Embedder | None]

    def method_result(self, method: Method, task: EvaluationTask) -> tuple[MethodResult | None, str]:
        """What a method returns for a task, from the folder where it is there; or why there is nothing."""
        embedder, path = self.embedder(method, task.fold), part_path(self.request.out, method.name, task)
        found = MethodResult.load(path)
        if found is not None and found.fingerprint == embedder.fingerprint:
            return found, ""
        start = time.monotonic()
        try:
            with load_task(embedder, self.table, task) as loaded_task:
                method_result = run_task(
                    embedder,
                    self.table,
                    loaded_task,
                    self.request.plan,
                    other=lambda draw: self.other(embedder, task, draw),
                )
        except DataError as error:
            return None, f"{task.category} with {method.name} is left out: {error}."
        method_result.save(path)
        _log.info("%s, %s: %.0f s", method.name, task.category, time.monotonic() - start)
        return method_result, ""

    def units(self, task: EvaluationTask) -> ResamplingUnits:
        """The resampling units of a task."""
        nobody = np.zeros(0, dtype=np.int64)
        sides = (nobody, nobody) if task.pairs is None else (task.pairs.left, task.pairs.right)
        left, right = (row_identities(self.table, side) for side in sides)
        plan = self.request.plan
        seed = derive_seed(plan.seed, "intervals", task.category, task.variant)
        return ResamplingUnits(row_identities(self.table, task.query), left, right, plan.protocol.open_set, seed)

    def embedder(self, method: Method, fold: str) -> Embedder:
        """The method, opened; the one before is let go."""
        name = method.name.replace("{fold}", fold)
        if self._name != name or self._embedder is None:
            self._embedder = None
            self._name, self._embedder = name, open_method(method, fold=fold)
        return self._embedder

    def other(self, embedder: Embedder, task: EvaluationTask, draw: int) -> EncodedSupport:
        """The support of the next category; of the procedural world where there is only one."""
        plan, start = self.request.plan, self.tasks.index(task)
        for step in range(1, len(self.tasks)):
            candidate = self.tasks[(start + step) % len(self.tasks)]
            if candidate.category != task.category:
                return sample_support(embedder.quiet(), self.table, candidate, plan, draw)
        table = world_table(num_categories=1, seed=derive_seed(plan.seed, "other"))
        tasks, _ = make_tasks(table, PROTOCOLS["vicp-retrieval"], source=None, seed=plan.seed)
        return sample_support(embedder.quiet(), table, tasks[0], plan, draw)

    def diagnoses(self, method: Method) -> list[Diagnosis]:
        """A closer look at every category with a method: under its prompt, if it makes one."""
        plan, found = self.request.plan, []
        for task in self.tasks:
            method_result = MethodResult.load(part_path(self.request.out, method.name, task))
            if method_result is None:
                continue
            embedder = self.embedder(method, task.fold).quiet()
            name = "generated" if "generated" in method_result.results else "null"
            adaptation = None
            if name == "generated":
                adaptation = generated.generated_prompt(embedder, sample_support(embedder, self.table, task, plan, 0))
            with load_task(embedder, self.table, task) as loaded_task:
                found.append(
                    diagnose_task(
                        embedder,
                        adaptation,
                        self.table,
                        task,
                        rows=loaded_task.rows,
                        pixels=loaded_task.pixels,
                        found=method_result.results[name][0].retrieval,
                        method=method.name,
                        adaptation_name=name,
                        mirror=plan.protocol.mirror,
                        seed=derive_seed(plan.seed, "diagnosis", task.category),
                    )
                )
        return found


def _settings(request: EvaluationRequest, table: PhotoTable) -> dict[str, object]:
    plan = request.plan
    return {
        "photos": table_fingerprint(table),
        "protocol": plan.protocol.name,
        "pairs": plan.num_pairs,
        "draws": plan.num_draws,
        "seed": plan.seed,
        "adaptations": list(plan.adaptations or ()),
        "stages": list(plan.stages),
        "shortlist": plan.shortlist,
        "share_support": request.share_support,
        "exclude": request.exclude or "",
    }


def _excluded(request: EvaluationRequest) -> str:
    if request.exclude is None:
        return ""
    return f" No photo of the query's own identity and {request.exclude} counts."


def usable_photos(table: PhotoTable, *, skip_bad: bool) -> PhotoTable:
    """The photos that can be decoded, every one of them tried.

    Raises:
        DataError: photos that cannot be used, all of them listed, unless `skip_bad`.
    """
    bad = check_photos(table)
    if bad and not skip_bad:
        raise DataError(bad_photos_message(bad))
    return without(table, bad)
