"""The tasks of the demonstration: of each category, half of the identities give the support, the others are ranked."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, encode_pixels, pairs_within, sample_same_size
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.support.support import split_identities
from vicp.errors import DataError
from vicp.evaluation.task import EvaluationTask, LoadedTask, Rows, row_identities

SHARE_SUPPORT = 0.5  # of a category's identities


@dataclass(frozen=True, eq=False)
class DemoTask:
    """A category to demonstrate.

    Attributes:
        table: The photos that the rows of the task point into.
        loaded_task: Photos of the tested identities, each looked up among all the others.
        support: Pairs of the other identities, encoded.
    """

    table: PhotoTable
    loaded_task: LoadedTask
    support: EncodedSupport


def sample_demo_tasks(
    embedder: Embedder, table: PhotoTable, pixels: Tensor, *, num_pairs: int, seed: int
) -> tuple[list[DemoTask], list[str]]:
    """Return the task of every category that has enough photos, and why the others have none.

    Args:
        embedder: Of a VICP model.
        table: n photos.
        pixels: The same, decoded (n, 3, S, S) uint8.
        num_pairs: K.
        seed: Of every draw.
    """
    tasks, skipped = [], []
    for category in table.categories:
        rows = np.flatnonzero(table.frame["category"] == category)
        try:
            task = make_demo_task(embedder, table, pixels, rows, num_pairs=num_pairs, seed=derive_seed(seed, category))
        except DataError as error:
            skipped.append(f"category {category}: {error}")
            continue
        tasks.append(task)
    return tasks, skipped


def make_demo_task(
    embedder: Embedder, table: PhotoTable, pixels: Tensor, rows: Rows, *, num_pairs: int, seed: int, name: str = ""
) -> DemoTask:
    """Split one category and sample its support: as many pairs as there are, up to `num_pairs`, halving.

    Args:
        embedder: Of a VICP model.
        table: n photos.
        pixels: The same, decoded (n, 3, S, S) uint8.
        rows: (m,) ascending, the category's photos.
        num_pairs: K wanted.
        seed: Of the split and the draw.
        name: Of the category, where it is not the table's.

    Raises:
        DataError: Too few identities or photos.
    """
    category = name or str(table.frame["category"].iloc[rows[0]])
    identities = row_identities(table, rows)
    support_side, test_side = split_identities(identities.tolist(), share_support=SHARE_SUPPORT, seed=seed)
    test_rows, support_rows = rows[test_side], rows[support_side]
    num_photos = Counter(identities[test_side].tolist())
    if sum(count >= 2 for count in num_photos.values()) < 2:
        raise DataError("fewer than two identities outside the support have two photos, so there is little to rank")
    pairs = sample_same_size(identities[support_side].tolist(), num_pairs, seed=seed)
    used = np.unique(np.concatenate([pairs.left, pairs.right]))
    support = encode_pixels(
        embedder,
        pixels[torch.from_numpy(support_rows[used])],
        pairs_within(pairs, used),
        category=category,
        identities=identities[support_side][used].tolist(),
        seed=seed,
    )
    task = EvaluationTask(category, support=support_rows, query=test_rows, gallery=test_rows, leave_one_out=True)
    loaded_task = LoadedTask(task, test_rows, identities[test_side], pixels[torch.from_numpy(test_rows)])
    return DemoTask(table, loaded_task, support)
