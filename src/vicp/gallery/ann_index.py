"""An index for categories of a million photos: made by rule, measured, and refused where it finds too little."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.gallery.contents import GalleryCategory, gallery_categories, matrix
from vicp.gallery.store.database import change, open_gallery
from vicp.gallery.store.index import num_cells, query_index
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


def index_large(
    uri: str, *, by: str, why: str = "", wait: bool = False, rows: int = INDEX_ROWS, least: float = LEAST_RECALL
) -> list[str]:
    """Makes an index for every category with at least so many photos; returns what was done, for people.

    More and more cells are looked at until recall@1 is `least`; an index that never reaches it is left out and the
    search stays exact.

    Raises:
        GalleryError: as `change`.
    """
    snapshot = open_gallery(uri)
    large = [prompted for prompted in gallery_categories(snapshot).values() if _wants_index(snapshot, prompted, rows)]
    return [_index_category(uri, prompted, by=by, why=why, wait=wait, least=least) for prompted in large]


def _wants_index(snapshot: Snapshot, prompted: GalleryCategory, rows: int) -> bool:
    there = snapshot.count(prompted.table)
    made = snapshot.settings.get("indices", {}).get(prompted.category)
    return there >= rows and (made is None or there >= _GROWN * made["rows"])


def _index_category(uri: str, prompted: GalleryCategory, *, by: str, why: str, wait: bool, least: float) -> str:
    with change(uri, "index", by=by, why=why, wait=wait) as writer:
        count = writer.snapshot.count(prompted.table)
        table = writer.make_index(prompted.table, count)
        queries, right = nearest_others(writer.snapshot, prompted)
        measured = measure_index(table, queries, right, cells=num_cells(count), least=least)
        if measured.recall < least:
            return f"{prompted.category}: index refused (recall@1 {measured.recall:.3f}), the search stays exact"
        own = {"rows": count, "cells": measured.cells, "recall": measured.recall}
        indices = {**writer.snapshot.settings.get("indices", {}), prompted.category: own}
        done = (
            f"index over {count} photos, {measured.cells} of {num_cells(count)} cells, recall@1 {measured.recall:.3f}"
        )
        writer.commit(f"{prompted.category}: {done}", settings={**writer.snapshot.settings, "indices": indices})
    return f"{prompted.category}: {done}"


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
