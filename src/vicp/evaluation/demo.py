"""The demonstration: categories nobody trained on, a few labelled pairs each, and what the pairs were worth."""

import time

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.methods.generated import predict_labels
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.errors import DataError
from vicp.evaluation.demo_task import DemoTask, make_demo_task, report_context
from vicp.evaluation.plots.prompted import plot_match
from vicp.evaluation.protocols.world_table import world_table
from vicp.evaluation.rank_lists import first_match, make_rank_lists, sample_queries
from vicp.evaluation.report.context import CategoryReport, DemoReport, MethodResult
from vicp.evaluation.scoring import LoadedTask
from vicp.evaluation.task import EvaluationTask
from vicp.metrics import Retrieval, bootstrap_interval

PROTOCOL = (
    "VICP retrieval: per category, every test photo against all others, f(x) + f(mirror x), cosine similarity; "
    "the taught identities are not among the tested ones; 95 % intervals by bootstrap over identities"
)


def run_demo(
    embedder: Embedder, table: PhotoTable, *, source: str, command: str, num_pairs: int, seed: int
) -> DemoReport:
    """Teaches each category from half of its identities and ranks the photos of the other half.

    Args:
        embedder: the model.
        table: photos with identities.
        source: where they are from, for the page.
        command: what was typed, for the page.
        num_pairs: K, labelled pairs per category.
        seed: of every draw.

    Raises:
        DataError: no category has enough identities.
    """
    clock = time.monotonic()
    table, pixels = embedder.pixels(table)
    tasks, skipped = _tasks(table, pixels, num_pairs, seed)
    skipped += [f"photo {photo.row} ({photo.path}): {photo.reason}" for photo in table.skipped]
    if not tasks:
        raise DataError(f"no category can be shown: {'; '.join(skipped)}")
    others = [*tasks[1:], tasks[0]] if len(tasks) > 1 else [_world_task(embedder, num_pairs, seed)]
    categories = [_report_category(embedder, task, other, seed) for task, other in zip(tasks, others, strict=True)]
    return DemoReport(
        source=source,
        model=embedder.fingerprint,
        command=command,
        seconds=time.monotonic() - clock,
        seed=seed,
        protocol=PROTOCOL,
        categories=tuple(categories),
        skipped=tuple(skipped),
    )


def _tasks(table: PhotoTable, pixels: Tensor, num_pairs: int, seed: int) -> tuple[list[DemoTask], list[str]]:
    """The categories that can be shown, and why the others cannot."""
    tasks, skipped = [], []
    for category in table.categories:
        rows = np.flatnonzero(table.frame["category"] == category)
        try:
            tasks.append(
                make_demo_task(
                    table.select(rows),
                    pixels[torch.from_numpy(rows)],
                    category,
                    num_pairs=num_pairs,
                    share_support=0.5,
                    seed=derive_seed(seed, category),
                )
            )
        except DataError as error:
            skipped.append(f"category {category}: {error}")
    return tasks, skipped


def _world_task(embedder: Embedder, num_pairs: int, seed: int) -> DemoTask:
    """A category of the procedural world, for tables with no second category of their own."""
    table, pixels = embedder.pixels(world_table(num_categories=1, seed=derive_seed(seed, "other")))
    category = f"{table.categories[0]} (procedural world)"
    return make_demo_task(table, pixels, category, num_pairs=num_pairs, share_support=0.5, seed=seed)


def _report_category(embedder: Embedder, task: DemoTask, other: DemoTask, seed: int) -> CategoryReport:
    seed = derive_seed(seed, task.category)
    context = report_context(embedder, task, other, seed=seed)
    check = predict_labels(embedder.full_model, embedder.latents(task.support_pixels), task.support, seed=seed)
    identities = np.array(task.test_table.identities)
    loaded_task, queries = _loaded_task(task, identities), sample_queries(context.rows["own"], seed=seed)
    pair = [int(queries[0]), first_match(loaded_task, context.own, int(queries[0]))]
    left, right = (task.test_table.photo_bytes(row) for row in pair)
    return CategoryReport(
        category=task.category,
        queries=context.rows["own"].num_queries,
        gallery=len(task.test_table),
        identities=len(set(identities)),
        pairs=len(task.support),
        label_accuracy=None if check is None else check.accuracy,
        results={name: _result(found, identities, seed) for name, found in context.rows.items()},
        rank_lists=make_rank_lists(task.test_table, loaded_task, context.own, queries),
        matches=plot_match(embedder, context.prompt, task.test_pixels[pair], (left, right)),
        other=other.category,
    )


def _loaded_task(task: DemoTask, identities: np.ndarray) -> LoadedTask:
    """Every test photo is looked up among all the others."""
    nothing, everything = np.zeros(0, dtype=np.int64), np.arange(len(task.test_table))
    whole = EvaluationTask(task.category, support=nothing, query=everything, gallery=everything, leave_one_out=True)
    return LoadedTask(whole, everything, identities, task.test_pixels)


def _result(found: Retrieval, identities: np.ndarray, seed: int) -> MethodResult:
    low, high = bootstrap_interval(found.average_precision, identities, seed=seed)
    return MethodResult(map=found.map, rank1=found.rank1, low=low, high=high)
