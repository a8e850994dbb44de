"""Supports, and photos to judge by, where settings are chosen: no category here counts in a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from vicp.adapt.adaptation import Recipe
from vicp.adapt.embedding import Embedder
from vicp.adapt.fitting import fit
from vicp.adapt.support_photos import SupportPhotos, relate_pairs
from vicp.data.sources import open_photos
from vicp.data.tasks import make_task, plan_tasks
from vicp.errors import DataError
from vicp.evaluation.answer import Paper, answer
from vicp.evaluation.plan import Plan
from vicp.evaluation.protocols.papers import open_paper
from vicp.evaluation.protocols.protocol import draw_exams, find_protocol
from vicp.evaluation.taking import draw_photos
from vicp.evaluation.tasks.methods import paper_of
from vicp.evaluation.tasks.support import draw_task_support, see_task_support

KS = (4, 16, 64)


@dataclass(frozen=True, eq=False)
class Case:
    """A support, and the photos of its category that candidates are judged on, with their frozen embeddings (n, D)."""

    name: str
    category: str
    num_pairs: int
    support: SupportPhotos
    paper: Paper
    frozen: Tensor


def cases(embedder: Embedder, *, sets: Sequence[Path], draws: int, tasks: int) -> Iterator[Case]:
    """Tasks with labels of pairs alone, then photos with supports drawn as `vicp evaluate` does."""
    for task_plan in plan_tasks("choice", tasks) if tasks else ():
        task = make_task(task_plan, size=embedder.transform.size)
        paper = paper_of(task)
        frozen = embedder.embed_pixels(paper.pixels)
        for k in KS:
            support = see_task_support(embedder, draw_task_support(task, k), told=False)
            yield Case("drawn world", task_plan.rule.name, k, support, paper, frozen)
    protocol = find_protocol("vicp-retrieval")
    for path in sets:
        table = open_photos(path)
        for exam in draw_exams(table, protocol, source=None, seed=0)[0]:
            with open_paper(embedder, table, exam) as paper:
                frozen = embedder.embed_pixels(paper.pixels)
                for k in KS:
                    for draw in range(draws):
                        plan = Plan(protocol, num_pairs=k, num_draws=draws)
                        support = draw_photos(embedder, table, exam, plan, draw)
                        yield Case(path.stem, exam.category, k, support, paper, frozen)


def meaningless(case: Case) -> Iterator[Case]:
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


def reached(embedder: Embedder, case: Case, recipe: Recipe) -> float:
    """MAP in percent of a recipe; the photos are looked at again only under a prompt."""
    adaptation = fit(embedder, case.support, recipe)
    frozen = recipe.features == "frozen"
    embeddings = adaptation.finish([case.frozen]) if frozen else embedder.embed_pixels(case.paper.pixels, adaptation)
    return 100 * answer(case.paper, embeddings).found.map
