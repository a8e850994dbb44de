"""Run methods on tasks, and keep finished results."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import fit
from vicp.adapt.methods.generated import unread_pairs
from vicp.adapt.recipe import GeneratedPrompt
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.errors import DataError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.diagnostics.run import diagnose_task
from vicp.evaluation.estimates import ResamplingUnits
from vicp.evaluation.methods import Method, checkpoint_name, open_method
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import PROTOCOLS
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.result_cache import MethodResult, part_path
from vicp.evaluation.results import Diagnosis
from vicp.evaluation.run_task import run_task
from vicp.evaluation.supports import SupportSampler
from vicp.evaluation.task import EvaluationTask, LoadedTask, load_task, row_identities

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TaskOutcome:
    """What became of a method on a task.

    Attributes:
        result: None where the task is left out.
        diagnosis: A closer look; None where none was asked for.
        reason: Why the task is left out.
    """

    result: MethodResult | None
    diagnosis: Diagnosis | None = None
    reason: str = ""


class EvaluationRunner:
    """Runs methods on tasks: holds the photos, the tasks and the method that is open.

    Args:
        config: The configuration.
        table: The photos.
        tasks: Whose rows are those of the table.
    """

    def __init__(self, config: EvaluationConfig, table: PhotoTable, tasks: Sequence[EvaluationTask]) -> None:
        self.config, self.table, self.tasks = config, table, tasks
        self._name, self._embedder = "", None  # type: tuple[str, Embedder | None]
        self._supports: SupportSampler | None = None
        self.notes: dict[str, str] = {}
        """By method, what it did not read."""

    def run(self, method: Method, task: EvaluationTask, *, diagnose: bool = False) -> TaskOutcome:
        """Return the outcome of a method on a task, from the folder where it is there.

        Args:
            method: The method.
            task: The task.
            diagnose: Look closer, too.
        """
        embedder = self.embedder(method, task)
        if embedder.model is not None and (unread := unread_pairs(embedder.model, self.config.num_pairs)):
            self.notes[method.name] = f"{method.name}: {unread}"
        path = None if self.config.out is None else part_path(self.config.out, method.name, task)
        result = None if path is None else MethodResult.load(path)
        if result is not None and result.fingerprint != embedder.fingerprint:
            result = None
        if result is not None and not diagnose:
            return TaskOutcome(result)
        try:
            with load_task(embedder, self.table, task) as loaded_task:
                if result is None:
                    result = self._measure(embedder, method, loaded_task)
                    if path is not None:
                        result.save(path)
                return TaskOutcome(result, self._diagnose(method, loaded_task, result) if diagnose else None)
        except DataError as error:
            return TaskOutcome(None, reason=f"{task.category} with {method.name} is left out: {error}.")

    def units(self, task: EvaluationTask) -> ResamplingUnits:
        """Return what the bootstrap of a task resamples."""
        nobody = np.zeros(0, dtype=np.int64)
        sides = (nobody, nobody) if task.pairs is None else (task.pairs.left, task.pairs.right)
        left, right = (row_identities(self.table, side) for side in sides)
        seed = derive_seed(self.config.seed, "intervals", task.category, task.variant)
        return ResamplingUnits(row_identities(self.table, task.query), left, right, self.config.protocol.open_set, seed)

    def embedder(self, method: Method, task: EvaluationTask) -> Embedder:
        """Return the method as it is for a task, opened; the one before is let go."""
        name = checkpoint_name(method, fold=task.fold, category=task.category)
        if self._name != name or self._embedder is None:
            self._embedder = self._supports = None
            self._name, self._embedder = name, open_method(method, fold=task.fold, category=task.category)
        return self._embedder

    def _measure(self, embedder: Embedder, method: Method, loaded_task: LoadedTask) -> MethodResult:
        start, task = time.monotonic(), loaded_task.task
        result = run_task(
            embedder,
            self.table,
            loaded_task,
            self.config,
            support=lambda draw: self._sampler(embedder).sample(task, draw),
            other=lambda draw: self._other(embedder, task, draw),
        )
        _log.info("%s, %s: %.0f s", method.name, task.category, time.monotonic() - start)
        return result

    def _sampler(self, embedder: Embedder) -> SupportSampler:
        """Return what samples supports for the model that is open; it keeps photos that were decoded for it."""
        if self._supports is None:
            self._supports = SupportSampler(embedder.without_progress(), self.table, self.config)
        return self._supports

    def _other(self, embedder: Embedder, task: EvaluationTask, draw: int) -> EncodedSupport:
        """Return the support of the next category; of the procedural world where there is only one."""
        position = self.tasks.index(task)
        for candidate in (*self.tasks[position + 1 :], *self.tasks[:position]):
            if candidate.category != task.category:
                return self._sampler(embedder).sample(candidate, draw)
        world = EvaluationPhotos.of_world(1, derive_seed(self.config.seed, "other"))
        tasks, _ = make_tasks(world, PROTOCOLS["vicp-retrieval"], seed=self.config.seed)
        return SupportSampler(embedder.without_progress(), world.table, self.config).sample(tasks[0], draw)

    def _diagnose(self, method: Method, loaded_task: LoadedTask, result: MethodResult) -> Diagnosis:
        """Return a closer look at a category with a method: under its prompt, if it makes one."""
        task = loaded_task.task
        embedder = self.embedder(method, task).without_progress()
        prompt, adaptation = None, "null"
        if "generated" in result.results:
            prompt, adaptation = fit(embedder, self._sampler(embedder).sample(task, 0), GeneratedPrompt()), "generated"
        return diagnose_task(
            embedder,
            prompt,
            self.table,
            loaded_task,
            result.results[adaptation][0].retrieval,
            method=method.name,
            adaptation=adaptation,
            mirror=self.config.protocol.mirror,
            seed=derive_seed(self.config.seed, "diagnosis", task.category),
        )
