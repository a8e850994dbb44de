"""One method on one task: every adaptation, second stage and control context, for each support draw."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.controls import (
    Context,
    build_controls,
    control_prompts,
    identities_by_factor,
    pairs_by_another_rule,
    prompt_cosine,
    support_context,
)
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, encode_support
from vicp.adapt.in_context import predict_labels
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.evaluation.config import EvaluationConfig, adaptations_to_run
from vicp.evaluation.reranking.stages import rerank_task, stages_of
from vicp.evaluation.result_cache import CONTROL_ROWS, MethodResult, control_row
from vicp.evaluation.scoring import TaskResult, score_task
from vicp.evaluation.task import LoadedTask
from vicp.model.qformer import Latents
from vicp.model.visual_prompt import VisualPrompt


def run_task(
    embedder: Embedder,
    table: PhotoTable,
    loaded_task: LoadedTask,
    config: EvaluationConfig,
    *,
    support: Callable[[int], EncodedSupport],
    other: Callable[[int], EncodedSupport],
) -> MethodResult:
    """Return all results of a method on a task.

    Args:
        embedder: The method.
        table: The photos that the task's rows are of.
        loaded_task: The task, with its photos.
        config: The configuration.
        support: The support, by draw.
        other: That of another category, by draw; called only for VICP models.

    Raises:
        ConfigError: An adaptation that this method cannot do.
        DataError: A support that cannot be drawn or used.
    """
    adaptations = adaptations_to_run(embedder, config)
    task_run = _TaskRun.at(embedder.without_progress(), table, loaded_task, config)
    for draw in range(config.num_draws):
        sampled = support(draw)
        task_run.collector.num_pairs.append(len(sampled.pairs))
        for name in adaptations:
            if name != "null" and (name != "static" or draw == 0):
                task_run.adapt(sampled, name)
        if "generated" in adaptations:
            task_run.run_controls(sampled, other(draw))
    return task_run.collector.method_result(embedder.fingerprint)


@dataclass
class _ResultCollector:
    """The results of a method on a task so far."""

    results: dict[str, list[TaskResult]] = field(default_factory=lambda: defaultdict(list))
    seconds: Counter[str] = field(default_factory=Counter)
    chosen: Counter[str] = field(default_factory=Counter)
    cosines: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    label_accuracy: list[float] = field(default_factory=list)
    majority_rate: list[float] = field(default_factory=list)
    num_pairs: list[int] = field(default_factory=list)
    own_prompts: list[VisualPrompt] = field(default_factory=list)  # by draw

    @contextmanager
    def clock(self, row: str) -> Iterator[None]:
        """Add the time it takes to a row's."""
        start = time.monotonic()
        yield
        self.seconds[row] += time.monotonic() - start  # type: ignore[assignment]

    def put(self, row: str, result: TaskResult) -> None:
        """Add one draw's result to a row."""
        self.results[row].append(result)

    def method_result(self, fingerprint: str) -> MethodResult:
        """Return all results as one value."""
        for left, right in combinations(self.own_prompts, 2):
            self.cosines["own draws"].append(prompt_cosine(left, right))
        return MethodResult(
            fingerprint=fingerprint,
            results={row: tuple(results) for row, results in self.results.items()},
            seconds=dict(self.seconds),
            chosen=dict(self.chosen),
            num_pairs=min(self.num_pairs),
            cosines={name: float(np.mean(values)) for name, values in self.cosines.items()},
            label_accuracy=tuple(self.label_accuracy),
            majority_rate=tuple(self.majority_rate),
        )


@dataclass(frozen=True, eq=False)
class _TaskRun:
    """A method on a task.

    Attributes:
        embedder: The method.
        table: The photos that the task's rows are of.
        loaded_task: The task, with its photos.
        config: The configuration.
        frozen: Embeddings of the plain backbone (n, D).
        collector: Of the results.
    """

    embedder: Embedder
    table: PhotoTable
    loaded_task: LoadedTask
    config: EvaluationConfig
    frozen: Tensor
    collector: _ResultCollector

    @classmethod
    def at(cls, embedder: Embedder, table: PhotoTable, loaded_task: LoadedTask, config: EvaluationConfig) -> "_TaskRun":
        """Return a run with the results that need no support: row "null" and, of a bare backbone, its second stages."""
        collector = _ResultCollector()
        with collector.clock("null"):
            frozen = embedder.embed_pixels(loaded_task.pixels, mirror=config.protocol.mirror)
            collector.put("null", score_task(loaded_task, frozen))
        task_run = cls(embedder, table, loaded_task, config, frozen, collector)
        if embedder.model is None:
            task_run.add_stages("null", frozen)
        return task_run

    def embed(self, adaptation: Prompt | Embedder) -> Tensor:
        """Return embeddings (n, D') of the photos; a prompt without tokens leaves the backbone's as they are."""
        if isinstance(adaptation, Embedder):
            return adaptation.embed_pixels(self.loaded_task.pixels, mirror=self.config.protocol.mirror)
        if all(visual is None for visual in adaptation.feature_sources):  # a metric, say
            return torch.from_numpy(adaptation.project([self.frozen.numpy()]))
        return self.embedder.embed_pixels(self.loaded_task.pixels, adaptation, mirror=self.config.protocol.mirror)

    def adapt(self, support: EncodedSupport, name: str) -> None:
        """Adapt to the support and score the task."""
        with self.collector.clock(name):
            adaptation = self.config.adapt(self.embedder, support, name)
            embeddings = self.embed(adaptation)
            self.collector.put(name, score_task(self.loaded_task, embeddings))
        if isinstance(adaptation, Prompt) and name == "auto":
            self.collector.chosen[adaptation.recipe.method] += 1
        if isinstance(adaptation, Prompt):
            self.add_stages(name, embeddings, adaptation, support)

    def add_stages(
        self, base: str, embeddings: Tensor, prompt: Prompt | None = None, support: EncodedSupport | None = None
    ) -> None:
        """Add the second stages that re-order what an adaptation finds."""
        size = self.config.shortlist
        for stage in stages_of(base, self.config.stages, has_verifier=self.embedder.model is not None):
            row = f"{base} + {stage}"
            with self.collector.clock(row):
                result = rerank_task(
                    stage, self.embedder, self.loaded_task, embeddings, prompt, size=size, support=support
                )
                self.collector.put(row, result)

    def run_controls(self, support: EncodedSupport, other: EncodedSupport) -> None:
        """Score every control context, compare its prompt with the own one, and let the LLM predict labels."""
        assert support.seed is not None
        contexts = build_controls(
            support_context(support),
            CONTROL_ROWS,
            seed=support.seed,
            other=support_context(other),
            other_rule=self._other_rule(support.seed),
        )
        prompts = control_prompts(self.embedder, contexts, seed=support.seed)
        for name in CONTROL_ROWS:
            row = control_row(name)
            if name not in prompts or (name == "null" and self.collector.results[row]):
                continue
            with self.collector.clock(row):
                embeddings = self.embed(Prompt.of(prompts[name]))
                self.collector.put(row, score_task(self.loaded_task, embeddings))
        self._compare(prompts)
        self._predict_labels(support, support.seed)

    def _compare(self, prompts: Mapping[str, VisualPrompt]) -> None:
        for name in prompts.keys() - {"own"}:
            self.collector.cosines[name].append(prompt_cosine(prompts["own"], prompts[name]))
        self.collector.own_prompts.append(prompts["own"])

    def _predict_labels(self, support: EncodedSupport, seed: int) -> None:
        assert support.latents is not None
        prediction = predict_labels(self.embedder.full_model, support.latents, support.pairs, seed=seed)
        if prediction is not None:
            self.collector.label_accuracy.append(prediction.accuracy)
            self.collector.majority_rate.append(prediction.majority_rate)

    def _other_rule(self, seed: int) -> Context[Latents] | None:
        """Return pairs of the support's photos by another rule; None outside the procedural world."""
        task = self.loaded_task.task
        photos = self.table.select(task.support)
        drawn = pairs_by_another_rule(identities_by_factor(photos, seed=seed), self.config.num_pairs, seed=seed)
        if drawn is None:
            return None
        _, pairs = drawn
        support = encode_support(self.embedder, photos, pairs, category=task.category, identities=None, seed=seed)
        return support_context(support)
