"""Supports, and photos to judge by, where settings are chosen: no category here counts in a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.lib.task_methods import loaded_task_of
from benchmarks.lib.task_support import draw_task_support, see_task_support
from benchmarks.lib.tasks import make_task, plan_tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, relate_pairs
from vicp.adapt.fitting import fit
from vicp.adapt.recipe import Recipe
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.scoring import score_task
from vicp.evaluation.supports import SupportSampler
from vicp.evaluation.task import LoadedTask, load_task


@dataclass(frozen=True, eq=False)
class SupportCase:
    """A support, and the photos of its category that candidates are judged on, with their frozen embeddings (n, D)."""

    name: str
    category: str
    num_pairs: int
    support: EncodedSupport
    loaded_task: LoadedTask
    frozen: Tensor


def support_cases(
    embedder: Embedder, *, sets: Sequence[Path], draws: int, tasks: int, ks: Sequence[int]
) -> Iterator[SupportCase]:
    """Tasks with labels of pairs alone, then photos with supports drawn as `vicp evaluate` does."""
    for task_plan in plan_tasks("choice", tasks) if tasks else ():
        task = make_task(task_plan, size=embedder.transform.size)
        loaded_task = loaded_task_of(task)
        frozen = embedder.embed_pixels(loaded_task.pixels, mirror=True)
        for k in ks:
            support = see_task_support(embedder, draw_task_support(task, k), with_identities=False)
            yield SupportCase("drawn world", task_plan.rule.name, k, support, loaded_task, frozen)
    protocol = find_protocol("vicp-retrieval")
    for path in sets:
        table = open_photos(path)
        for task in make_tasks(EvaluationPhotos.apart(table), protocol, seed=0)[0]:
            with load_task(embedder, table, task) as loaded_task:
                frozen = embedder.embed_pixels(loaded_task.pixels, mirror=True)
                for k in ks:
                    for draw in range(draws):
                        config = EvaluationConfig(protocol, num_pairs=k, num_draws=draws)
                        support = SupportSampler(embedder, table, config).sample(task, draw)
                        yield SupportCase(path.stem, task.category, k, support, loaded_task, frozen)


def with_shuffled_labels(case: SupportCase) -> Iterator[SupportCase]:
    """The case with its labels shuffled, known as pairs alone; none where they contradict each other."""
    support = case.support
    pairs = support.pairs.shuffled(support.seed or 0)
    try:
        groups, relation = relate_pairs(pairs, [str(photo) for photo in range(len(support))])
    except DataError:
        return
    yield replace(
        case,
        name=f"{case.name}, labels shuffled",
        support=replace(support, pairs=pairs, groups=groups, relation=relation),
    )


def score_recipe(embedder: Embedder, case: SupportCase, recipe: Recipe) -> float:
    """MAP in percent of a recipe; the photos are looked at again only under a prompt."""
    adaptation = fit(embedder, case.support, recipe)
    if recipe.features == "frozen":
        embeddings = torch.from_numpy(adaptation.project([case.frozen.numpy()]))
    else:
        embeddings = embedder.embed_pixels(case.loaded_task.pixels, adaptation, mirror=True)
    return 100 * score_task(case.loaded_task, embeddings).retrieval.map
