"""The demonstration: categories nobody trained on, a few labelled pairs each, and what the pairs were worth."""

import io
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedding import Embedder
from vicp.adapt.generated import check_labels
from vicp.data.images import decode_photo, normalise, photo_pixels
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.sources.world import world_photos
from vicp.errors import DataError
from vicp.evaluation.context import ContextReport, Task, make_task, report_context
from vicp.evaluation.matches import draw_matches
from vicp.evaluation.report import CategoryReport, DemoReport, Hit, MethodResult, RankList
from vicp.losses.alignment import sinkhorn_plan
from vicp.losses.triplet import cosine_similarity
from vicp.metrics import Retrieval, bootstrap_interval

PROTOCOL = (
    "VICP retrieval: per category, every test photo against all others, f(x) + f(mirror x), cosine similarity; "
    "the taught identities are not among the tested ones; 95 % intervals by bootstrap over identities"
)
NUM_RANK_LISTS, NUM_HITS, THUMBNAIL, DRAWN_SIZE = 3, 5, 192, 320


def world_table(*, num_categories: int, seed: int) -> PhotoTable:
    """Photos of the procedural world, of silhouettes and rules no training sees."""
    frame = world_photos(num_categories=num_categories, seed=seed, split="unseen")
    return PhotoTable(frame.assign(row=np.arange(1, len(frame) + 1)), None)


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


def _tasks(table: PhotoTable, pixels: Tensor, num_pairs: int, seed: int) -> tuple[list[Task], list[str]]:
    """The categories that can be shown, and why the others cannot."""
    tasks, skipped = [], []
    for category in table.categories:
        rows = np.flatnonzero(table.frame["category"] == category)
        try:
            tasks.append(
                make_task(
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


def _world_task(embedder: Embedder, num_pairs: int, seed: int) -> Task:
    """A category of the procedural world, for tables with no second category of their own."""
    table, pixels = embedder.pixels(world_table(num_categories=1, seed=derive_seed(seed, "other")))
    category = f"{table.categories[0]} (procedural world)"
    return make_task(table, pixels, category, num_pairs=num_pairs, share_support=0.5, seed=seed)


def _report_category(embedder: Embedder, task: Task, other: Task, seed: int) -> CategoryReport:
    seed = derive_seed(seed, task.category)
    context = report_context(embedder, task, other, seed=seed)
    check = check_labels(embedder.full_model, embedder.latents(task.support_pixels), task.support, seed=seed)
    identities = np.array(task.test_table.identities)
    rank_lists, (query, hit) = _rank_lists(task, context, seed)
    return CategoryReport(
        category=task.category,
        queries=context.rows["own"].num_queries,
        gallery=len(task.test_table),
        identities=len(set(identities)),
        pairs=len(task.support),
        label_accuracy=None if check is None else check.accuracy,
        results={name: _result(found, identities, seed) for name, found in context.rows.items()},
        rank_lists=rank_lists,
        matches=_match_picture(embedder, task, context, query, hit),
        other=other.category,
    )


def _result(found: Retrieval, identities: np.ndarray, seed: int) -> MethodResult:
    low, high = bootstrap_interval(found.average_precision, identities, seed=seed)
    return MethodResult(map=found.map, rank1=found.rank1, low=low, high=high)


def _rank_lists(task: Task, context: ContextReport, seed: int) -> tuple[tuple[RankList, ...], tuple[int, int]]:
    """Ranked photos of a few random queries that have a positive; and one query with its best right photo."""
    identities = np.array(task.test_table.identities)
    similarity = cosine_similarity(context.own, context.own).fill_diagonal_(-2)  # (n, n)
    answerable = np.flatnonzero(context.rows["own"].first_hit > 0)
    rng = np.random.default_rng(derive_seed(seed, "rank lists"))
    queries = rng.permutation(answerable)[:NUM_RANK_LISTS]
    lists = []
    for query in queries:
        best = similarity[query].topk(min(NUM_HITS, len(identities) - 1)).indices.tolist()
        hits = tuple(
            Hit(
                photo=_thumbnail(task, i),
                name=_name(task, i),
                identity=_identity(task, i),
                similarity=float(similarity[query, i]),
                right=bool(identities[i] == identities[query]),
            )
            for i in best
        )
        lists.append(RankList(_thumbnail(task, query), _name(task, query), _identity(task, query), hits))
    right = torch.from_numpy(identities == identities[queries[0]])
    partner = int(torch.where(right, similarity[queries[0]], -2.0).argmax())
    return tuple(lists), (int(queries[0]), partner)


def _match_picture(embedder: Embedder, task: Task, context: ContextReport, query: int, hit: int) -> bytes:
    """The two photos with the patches joined that optimal transport matches, under the category's prompt."""
    photos = task.test_pixels[[query, hit]]
    with torch.inference_mode():
        states = embedder.backbone.prompt_states(context.prompt.tokens)
        patches = embedder.backbone.encode(normalise(photos, embedder.transform), states).patches.float()
        plan = sinkhorn_plan(1 - cosine_similarity(patches[:1], patches[1:]))[0]  # (N, N)
    side = round(patches.shape[1] ** 0.5)
    enlarged = replace(embedder.transform, size=DRAWN_SIZE)
    left, right = (photo_pixels(task.test_table.photo_bytes(i), enlarged) for i in (query, hit))
    picture = draw_matches(left, right, plan.numpy(), (side, side))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _thumbnail(task: Task, index: int) -> bytes:
    photo = decode_photo(task.test_table.photo_bytes(index), min_side=THUMBNAIL)
    photo.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    photo.save(buffer, format="JPEG", quality=88)
    return buffer.getvalue()


def _name(task: Task, index: int) -> str:
    return str(task.test_table.frame["path"].iloc[index])


def _identity(task: Task, index: int) -> str:
    return str(task.test_table.frame["identity"].iloc[index])
