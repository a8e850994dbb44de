"""Approximate search: an index for categories of a million photos, left out where its measured recall is low."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.gallery.categories import GalleryCategory, gallery_categories
from vicp.gallery.contents import matrix
from vicp.gallery.store.change import Change
from vicp.gallery.store.lance import num_cells, query_index
from vicp.gallery.store.snapshot import Snapshot

INDEX_ROWS = 1_000_000  # exact search below
LEAST_RECALL = 0.99
_NUM_QUERIES, _FIRST_CELLS = 200, 8
_REMAKE_GROWTH = 1.5  # times the rows that were indexed: then the index is made again


@dataclass(frozen=True)
class IndexRecall:
    """How well an index finds the nearest photo.

    Attributes:
        cells: How many of its cells are searched for a query.
        recall: Recall@1: the share of photos whose nearest other photo it finds.
    """

    cells: int
    recall: float


def categories_to_index(snapshot: Snapshot, *, min_photos: int = INDEX_ROWS) -> list[GalleryCategory]:
    """Return the categories with at least so many photos whose index is missing, or of far fewer photos."""
    return [
        category for category in gallery_categories(snapshot).values() if _needs_index(snapshot, category, min_photos)
    ]


def index_category(writer: Change, category: GalleryCategory, *, min_recall: float = LEAST_RECALL) -> str:
    """Make an index over the photos of a category, and returns what was done, for people.

    More and more cells are searched until recall@1 is `min_recall`; an index that never reaches it is left out and the
    search stays exact.
    """
    count = writer.snapshot.count(category.table)
    table = writer.make_index(category.table, count)
    queries, nearest = nearest_others(writer.snapshot, category)
    measured = measure_index(table, queries, nearest, num_cells=num_cells(count), min_recall=min_recall)
    if measured.recall < min_recall:
        return f"{category.category}: index refused (recall@1 {measured.recall:.3f}), the search stays exact"
    summary = f"index over {count} photos, {measured.cells} of {num_cells(count)} cells, recall@1 {measured.recall:.3f}"
    index = {"rows": count, "cells": measured.cells, "recall": measured.recall}
    indices = {**writer.snapshot.settings.get("indices", {}), category.category: index}
    writer.commit(f"{category.category}: {summary}", settings={**writer.snapshot.settings, "indices": indices})
    return f"{category.category}: {summary}"


def _needs_index(snapshot: Snapshot, category: GalleryCategory, min_photos: int) -> bool:
    count = snapshot.count(category.table)
    index = snapshot.settings.get("indices", {}).get(category.category)
    return count >= min_photos and (index is None or count >= _REMAKE_GROWTH * index["rows"])


def measure_index(
    table: object,
    queries: NDArray[np.float32],
    nearest: NDArray[np.int64],
    *,
    num_cells: int,
    min_recall: float,
) -> IndexRecall:
    """Return the fewest cells (8, 16, 32, ...) that reach a recall, or all of them where none does.

    Args:
        table: LanceDB's, with an index.
        queries: (B, D) embeddings of photos of the gallery.
        nearest: (B, 2) the number of the photo itself, and of its nearest other one.
        num_cells: Of the index.
        min_recall: The recall@1 to reach.
    """
    cells = _FIRST_CELLS
    while True:
        cells = min(cells, num_cells)
        hits = query_index(table, queries, cells=cells, count=2)
        query, number = hits["query"].to_numpy(), hits["number"].to_numpy()
        others = number != nearest[query, 0]  # of two hits, the first that is not the photo itself
        found, first = np.unique(query[others], return_index=True)
        recall = float((number[others][first] == nearest[found, 1]).sum()) / len(queries)
        if recall >= min_recall or cells == num_cells:
            return IndexRecall(cells, recall)
        cells *= 2


def nearest_others(
    snapshot: Snapshot, category: GalleryCategory, *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return some photos (B, D), and for each (B, 2) its number and that of its nearest other photo; exact."""
    numbers = snapshot.read(category.table, ["number"])["number"].to_numpy()
    chosen = np.random.default_rng(seed).choice(numbers, min(_NUM_QUERIES, len(numbers)), replace=False)
    rows = snapshot.of_numbers(category.table, chosen.tolist(), ["number", "embedding"])
    query_numbers, queries = rows["number"].to_numpy(), matrix(rows["embedding"])
    best = np.full(len(query_numbers), -2.0, np.float32)
    nearest = np.full(len(query_numbers), -1)
    for batch in snapshot.batches(category.table, ["number", "embedding"]):
        batch_numbers = batch["number"].to_numpy()
        embeddings = np.asarray(batch["embedding"].flatten()).reshape(len(batch_numbers), -1)
        similarity = queries @ embeddings.T  # (B, rows)
        similarity[query_numbers[:, None] == batch_numbers[None, :]] = -2
        columns = similarity.argmax(axis=1)
        batch_best = similarity[np.arange(len(query_numbers)), columns]
        nearest = np.where(batch_best > best, batch_numbers[columns], nearest)
        best = np.maximum(best, batch_best)
    return queries, np.stack([query_numbers, nearest], axis=1)
