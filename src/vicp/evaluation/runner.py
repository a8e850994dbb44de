"""Run methods on tasks, and keep finished results."""

import logging
import time
from collections.abc import Sequence

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
from vicp.evaluation.run_task import run_task, sample_support
from vicp.evaluation.summary import ScoredResult
from vicp.evaluation.task import EvaluationTask, load_task, row_identities

_log = logging.getLogger(__name__)


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
        self.notes: dict[str, str] = {}
        """By method, what it did not read."""

    def run(self, method: Method, task: EvaluationTask) -> tuple[MethodResult | None, str]:
        """Return the result of a method on a task, from the folder where it is there; or None, and why."""
        embedder = self.embedder(method, task)
        if embedder.model is not None and (unread := unread_pairs(embedder.model, self.config.num_pairs)):
            self.notes[method.name] = f"{method.name}: {unread}"
        path = None if self.config.out is None else part_path(self.config.out, method.name, task)
        kept = None if path is None else MethodResult.load(path)
        if kept is not None and kept.fingerprint == embedder.fingerprint:
            return kept, ""
        start = time.monotonic()
        try:
            with load_task(embedder, self.table, task) as loaded_task:
                result = run_task(
                    embedder, self.table, loaded_task, self.config, other=lambda draw: self.other(embedder, task, draw)
                )
        except DataError as error:
            return None, f"{task.category} with {method.name} is left out: {error}."
        if path is not None:
            result.save(path)
        _log.info("%s, %s: %.0f s", method.name, task.category, time.monotonic() - start)
        return result, ""

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
            self._embedder = None
            self._name, self._embedder = name, open_method(method, fold=task.fold, category=task.category)
        return self._embedder

    def other(self, embedder: Embedder, task: EvaluationTask, draw: int) -> EncodedSupport:
        """Return the support of the next category; of the procedural world where there is only one."""
        position = self.tasks.index(task)
        for candidate in (*self.tasks[position + 1 :], *self.tasks[:position]):
            if candidate.category != task.category:
                return sample_support(embedder.without_progress(), self.table, candidate, self.config, draw)
        world = EvaluationPhotos.of_world(1, derive_seed(self.config.seed, "other"))
        tasks, _ = make_tasks(world, PROTOCOLS["vicp-retrieval"], seed=self.config.seed)
        return sample_support(embedder.without_progress(), world.table, tasks[0], self.config, draw)

    def diagnose(self, method: Method, scored: ScoredResult) -> Diagnosis:
        """Return a closer look at a category with a method: under its prompt, if it makes one."""
        task, results = scored.task, scored.method_result.results
        embedder = self.embedder(method, task).without_progress()
        prompt, adaptation = None, "null"
        if "generated" in results:
            support = sample_support(embedder, self.table, task, self.config, 0)
            prompt, adaptation = fit(embedder, support, GeneratedPrompt()), "generated"
        with load_task(embedder, self.table, task) as loaded_task:
            return diagnose_task(
                embedder,
                prompt,
                self.table,
                loaded_task,
                results[adaptation][0].retrieval,
                method=method.name,
                adaptation=adaptation,
                mirror=self.config.protocol.mirror,
                seed=derive_seed(self.config.seed, "diagnosis", task.category),
            )
