"""An index for categories of a million photos: made by rule, measured, and refused where it finds too little."""

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
_QUERIES, _FIRST_CELLS = 200, 8
_GROWN = 1.5  # times the rows that were indexed: then the index is made again


@dataclass(frozen=True)
class IndexMeasured:
    """How well an index finds what is closest.

    Attributes:
        cells: how many of its cells are looked at per query.
        recall: the share of photos whose nearest other photo it finds.
    """

    cells: int
    recall: float


def categories_to_index(snapshot: Snapshot, *, min_photos: int = INDEX_ROWS) -> list[GalleryCategory]:
    """Return the categories with at least so many photos whose index is missing, or of far fewer photos."""
    return [
        category for category in gallery_categories(snapshot).values() if _needs_index(snapshot, category, min_photos)
    ]


def index_category(writer: Change, category: GalleryCategory, *, min_recall: float = LEAST_RECALL) -> str:
    """Makes an index over the photos of a category, and returns what was done, for people.

    More and more cells are searched until recall@1 is `min_recall`; an index that never reaches it is left out and the
    search stays exact.
    """
    count = writer.snapshot.count(category.table)
    table = writer.make_index(category.table, count)
    queries, right = nearest_others(writer.snapshot, category)
    measured = measure_index(table, queries, right, cells=num_cells(count), least=min_recall)
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
    return count >= min_photos and (index is None or count >= _GROWN * index["rows"])


def measure_index(
    table: object, queries: NDArray[np.float32], right: NDArray[np.int64], *, cells: int, least: float
) -> IndexMeasured:
    """The fewest cells (of the tried ones) that reach the wanted recall, or all of them.

    Args:
        table: LanceDB's, with an index.
        queries: (B, D) embeddings of photos of the gallery.
        right: (B, 2) the photo itself and its nearest other one.
        cells: of the index.
        least: the wanted recall@1.
    """
    tried = _FIRST_CELLS
    while True:
        tried = min(tried, cells)
        hits = 0
        for query, (own, nearest) in zip(queries, right, strict=True):
            found = query_index(table, query, cells=tried, count=2)["number"].to_pylist()
            hits += next((number for number in found if number != own), None) == nearest
        recall = hits / max(1, len(queries))
        if recall >= least or tried == cells:
            return IndexMeasured(tried, recall)
        tried *= 2


def nearest_others(
    snapshot: Snapshot, prompted: GalleryCategory, *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Some photos (B, D), and for each (B, 2) its number and that of its nearest other photo: all are compared."""
    numbers = snapshot.read(prompted.table, ["number"])["number"].to_numpy()
    chosen = np.random.default_rng(seed).choice(numbers, min(_QUERIES, len(numbers)), replace=False)
    rows = snapshot.of_numbers(prompted.table, chosen.tolist(), ["number", "embedding"])
    own, queries = rows["number"].to_numpy(), matrix(rows["embedding"])
    best, right = np.full(len(own), -2.0, np.float32), np.full(len(own), -1)
    for batch in snapshot.batches(prompted.table, ["number", "embedding"]):
        there = batch["number"].to_numpy()
        similarity = queries @ np.asarray(batch["embedding"].flatten()).reshape(len(there), -1).T  # (B, rows)
        similarity[own[:, None] == there[None, :]] = -2
        place = similarity.argmax(axis=1)
        value = similarity[np.arange(len(own)), place]
        right = np.where(value > best, there[place], right)
        best = np.maximum(best, value)
    return queries, np.stack([own, right], axis=1)
