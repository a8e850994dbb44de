"""The demonstration: what a few labelled pairs add on categories that nobody trained on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.controls import build_controls, control_prompts, support_context
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.in_context import predict_labels
from vicp.adapt.methods import whitening
from vicp.adapt.prompt import Prompt
from vicp.data.procedural.world import world_table
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.errors import DataError
from vicp.evaluation.context_report import summarise_contexts
from vicp.evaluation.demo.results import DemoCategory, DemoReport
from vicp.evaluation.demo.task import DemoTask, make_demo_task, sample_demo_tasks
from vicp.evaluation.diagnostics.rank_lists import first_match, make_rank_lists, sample_queries
from vicp.evaluation.estimates import ResamplingUnits, Sample, estimate_all, mean_of
from vicp.evaluation.plots.prompted import plot_match
from vicp.evaluation.results import Estimate
from vicp.evaluation.scoring import TaskResult, score_task
from vicp.evaluation.task import LoadedTask

PROTOCOL = (
    "VICP retrieval: per category, every test photo against all others, f(x) + f(mirror x), cosine similarity; "
    "the taught identities are not among the tested ones; 95 % intervals by bootstrap over identities"
)
CONTROLS = ("other", "shuffled", "null")
SHRINKAGE = 0.3  # of the closed-form metric: drawn objects want little

Samples = Mapping[str, Mapping[str, Sample]]
"""By row of the context report and metric."""


@dataclass(frozen=True, eq=False)
class _RankedTask:
    """The test photos of a task, ranked under every row.

    Attributes:
        results: By row.
        own: Embeddings (n, D) of row "own".
        prompt: Of row "own".
    """

    results: Mapping[str, TaskResult]
    own: Tensor
    prompt: Prompt


def run_demo(
    embedder: Embedder, table: PhotoTable, *, source: str, command: str, num_pairs: int, seed: int
) -> DemoReport:
    """Teach each category from half of its identities and rank the photos of the other half.

    Args:
        embedder: Of a VICP model.
        table: Photos with identities.
        source: Where they are from, for the page.
        command: What was typed, for the page.
        num_pairs: K, labelled pairs per category.
        seed: Of every draw.

    Raises:
        DataError: No category has enough identities.
    """
    start = time.monotonic()
    table, pixels = embedder.pixels(table)
    tasks, skipped = sample_demo_tasks(embedder, table, pixels, num_pairs=num_pairs, seed=seed)
    skipped += [f"photo {photo.row} ({photo.path}): {photo.reason}" for photo in table.skipped]
    if not tasks:
        raise DataError(f"no category can be shown: {'; '.join(skipped)}")
    supports = [task.support for task in tasks]
    others = [*supports[1:], supports[0]] if len(tasks) > 1 else [_world_support(embedder, num_pairs, seed)]
    categories, samples = [], []
    for task, other in zip(tasks, others, strict=True):
        of_category = derive_seed(seed, task.support.category)
        ranked = rank_contexts(embedder, task, other, seed=of_category)
        samples.append(_estimate(task.loaded_task, ranked, of_category))
        categories.append(_report_category(embedder, task, other, ranked, samples[-1], of_category))
    mean = {row: {key: mean_of([each[row][key] for each in samples]) for key in ("map", "rank1")} for row in samples[0]}
    return DemoReport(
        source=source,
        model=embedder.fingerprint,
        command=command,
        seconds=time.monotonic() - start,
        seed=seed,
        protocol=PROTOCOL,
        context=summarise_contexts({row: by_metric["map"] for row, by_metric in mean.items()}),
        rank1={row: by_metric["rank1"].value for row, by_metric in mean.items()},
        categories=tuple(categories),
        skipped=tuple(skipped),
    )


def rank_contexts(embedder: Embedder, task: DemoTask, other: EncodedSupport, *, seed: int) -> _RankedTask:
    """Rank the test photos under the own context, the controls, no prompt ("frozen") and closed-form whitening.

    Args:
        embedder: Of a VICP model.
        task: The category.
        other: The support of another one.
        seed: Of the controls.

    Raises:
        DataError: The same-pairs give no metric.
    """
    contexts = build_controls(support_context(task.support), CONTROLS, seed=seed, other=support_context(other))
    prompts = {name: Prompt.of(each) for name, each in control_prompts(embedder, contexts, seed=seed).items()}
    photos = task.loaded_task.pixels
    embeddings = {name: embedder.embed_pixels(photos, prompt, mirror=True) for name, prompt in prompts.items()}
    embeddings["frozen"] = embedder.embed_pixels(photos, mirror=True)
    embeddings["metric"] = _whiten(embedder, task.support, embeddings["frozen"])
    results = {name: score_task(task.loaded_task, each) for name, each in embeddings.items()}
    return _RankedTask(results, embeddings["own"], prompts["own"])


def _whiten(embedder: Embedder, support: EncodedSupport, embeddings: Tensor) -> Tensor:
    """Return embeddings (n, D) whitened by the support's pairs, both with the mirror image."""
    photos = embedder.embed_pixels(support.tensor, mirror=True)
    pairs = support.pairs
    try:
        scatter = whitening.scatter_of_pairs(photos[pairs.left], photos[pairs.right], pairs.same)
    except ValueError as error:
        raise DataError(f"{support.category}: the same-pairs give no metric ({error})") from error
    return torch.from_numpy(scatter.whitening(SHRINKAGE).apply(embeddings.numpy()))


def _world_support(embedder: Embedder, num_pairs: int, seed: int) -> EncodedSupport:
    """Return the support of a category of the procedural world, for photos of a single category."""
    table, pixels = embedder.pixels(world_table(num_categories=1, seed=derive_seed(seed, "other")))
    name = f"{table.categories[0]} (procedural world)"
    rows = np.arange(len(table))
    return make_demo_task(embedder, table, pixels, rows, num_pairs=num_pairs, seed=seed, name=name).support


def _estimate(loaded_task: LoadedTask, ranked: _RankedTask, seed: int) -> Samples:
    nobody = np.zeros(0, dtype=np.str_)
    units = ResamplingUnits(loaded_task.identities, nobody, nobody, open_set=False, seed=seed)
    return {row: estimate_all([result], units) for row, result in ranked.results.items()}


def _report_category(
    embedder: Embedder, task: DemoTask, other: EncodedSupport, ranked: _RankedTask, samples: Samples, seed: int
) -> DemoCategory:
    loaded_task, support = task.loaded_task, task.support
    assert support.latents is not None
    prediction = predict_labels(embedder.full_model, support.latents, support.pairs, seed=seed)
    own = ranked.results["own"].retrieval
    queries = sample_queries(own, seed=seed)
    pair = np.array(
        [queries[0], first_match(loaded_task, ranked.own, int(queries[0]))]
    )  # photos are queries and gallery
    left, right = (task.table.photo_bytes(int(row)) for row in loaded_task.rows[pair])
    return DemoCategory(
        category=support.category,
        queries=own.num_queries,
        gallery=len(loaded_task.rows),
        identities=len(set(loaded_task.identities.tolist())),
        pairs=len(support.pairs),
        other=other.category,
        context=summarise_contexts(
            {row: by_metric["map"] for row, by_metric in samples.items()},
            label_accuracy=None if prediction is None else Estimate(prediction.accuracy),
            majority_rate=None if prediction is None else prediction.majority_rate,
        ),
        rank1={row: by_metric["rank1"].value for row, by_metric in samples.items()},
        rank_lists=make_rank_lists(task.table, loaded_task, ranked.own, queries),
        matches=plot_match(embedder, ranked.prompt.visual, loaded_task.pixels[pair], (left, right)),
    )
