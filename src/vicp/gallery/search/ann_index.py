"""Make the index of a large category: how much of it is searched follows from its recall, which is measured."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vicp.gallery.categories import GalleryCategory, gallery_categories
from vicp.gallery.contents import embeddings_of
from vicp.gallery.search.indexed_nearest import IndexedNearest, SearchIndex, indexed_nearest
from vicp.gallery.search.nearest import Codes, Floats
from vicp.gallery.store.change import Change
from vicp.gallery.store.lance import num_cells
from vicp.gallery.store.snapshot import Snapshot

INDEX_ROWS = 200_000  # exact search below: it takes 30 ms for a query there
LEAST_RECALL = 0.99
_NUM_QUERIES, _FIRST_CELLS = 500, 8
_CANDIDATES = (50, 200, 800)  # compared exactly, which finds the individuals among them
_INDIVIDUALS = 10  # that the candidates are to show, if each has as many photos as all on average
_REMAKE_GROWTH = 1.5  # times the rows that were indexed: then the index is made again
_ROUNDING = 1e-5  # of a similarity: two libraries add in two orders


@dataclass(frozen=True, eq=False)
class NearestOthers:
    """What an index should find.

    Attributes:
        queries: (B, D) embeddings of named photos.
        numbers: (B,) theirs.
        similarities: (B,) to the nearest other named photo of each.
    """

    queries: Floats
    numbers: Codes
    similarities: Floats


def categories_to_index(snapshot: Snapshot, *, min_photos: int = INDEX_ROWS) -> list[GalleryCategory]:
    """Return the categories with at least so many photos whose index is missing, or of far fewer photos."""
    return [
        category for category in gallery_categories(snapshot).values() if _needs_index(snapshot, category, min_photos)
    ]


def index_category(writer: Change, category: GalleryCategory, *, min_recall: float = LEAST_RECALL) -> str:
    """Make an index over the photos of a category, and returns what was done, for people.

    More and more of it is searched until recall@1 is `min_recall`; an index that never reaches it is left out and the
    search stays exact.
    """
    count = writer.snapshot.count(category.table)
    table = writer.make_index(category.table, count)
    nearest = indexed_nearest(writer.snapshot, category, SearchIndex(count, _FIRST_CELLS, _CANDIDATES[1]))
    if nearest is None:
        return f"{category.category}: index refused (nobody has a name), the search stays exact"
    index = measure_index(replace(nearest, table=table), nearest_others(nearest, category), min_recall=min_recall)
    if index.recall < min_recall:
        return f"{category.category}: index refused (recall@1 {index.recall:.3f}), the search stays exact"
    summary = f"index over {count} photos, {index.cells} of {num_cells(count)} cells, recall@1 {index.recall:.3f}"
    writer.commit(f"{category.category}: {summary}", settings=index.kept_in(writer.snapshot.settings, category))
    return f"{category.category}: {summary}"


def _needs_index(snapshot: Snapshot, category: GalleryCategory, min_photos: int) -> bool:
    count = snapshot.count(category.table)
    index = SearchIndex.of(snapshot, category)
    return count >= min_photos and (index is None or count >= _REMAKE_GROWTH * index.rows)


def measure_index(nearest: IndexedNearest, others: NearestOthers, *, min_recall: float) -> SearchIndex:
    """Return the index with as much of it searched as a recall@1 takes, or with all of it where none does.

    Args:
        nearest: The search by the index.
        others: What it should find.
        min_recall: The recall@1 to reach.
    """
    least = _INDIVIDUALS * nearest.num_photos / len(nearest.names)
    for cells, candidates in _efforts(num_cells(nearest.index.rows), least):
        index = replace(nearest.index, cells=cells, candidates=candidates)
        recall = _recall(replace(nearest, index=index), others)
        if recall >= min_recall:
            break
    return replace(index, recall=recall)


def nearest_others(nearest: IndexedNearest, category: GalleryCategory, *, seed: int = 0) -> NearestOthers:
    """Return named photos, and how close the nearest other named photo of each is, by comparing all."""
    snapshot, known = nearest.snapshot, nearest.numbers
    numbers = np.random.default_rng(seed).choice(known, min(_NUM_QUERIES, len(known)), replace=False)
    queries = embeddings_of(snapshot, category, numbers)
    best = np.full(len(numbers), -2.0, np.float32)
    for batch in snapshot.batches(category.table, ["number", "embedding"]):
        batch_numbers = batch["number"].to_numpy()
        similarity = queries @ np.asarray(batch["embedding"].flatten()).reshape(len(batch_numbers), -1).T  # (B, rows)
        is_other = np.isin(batch_numbers, known) & (numbers[:, None] != batch_numbers)
        best = np.maximum(best, np.where(is_other, similarity, -2).max(axis=1))
    return NearestOthers(queries, numbers, best)


def _efforts(cells: int, least: float) -> Iterator[tuple[int, int]]:
    """Yield how many cells to search and how many photos to compare exactly, from the fastest to the slowest.

    Reading photos costs more than finding them: of a million, 200 of them double the time of a search by 50.

    Args:
        cells: Of the index.
        least: Photos to compare, as far as there is such a choice.

    >>> list(_efforts(20, 40))
    [(8, 50), (12, 50), (18, 50), (20, 50), (20, 200), (20, 800)]
    >>> list(_efforts(8, 120))
    [(8, 200), (8, 800)]
    """
    first, *more = [count for count in _CANDIDATES if count >= min(least, _CANDIDATES[-1])]
    searched = _FIRST_CELLS
    while searched < cells:
        yield searched, first
        searched += searched // 2
    for candidates in (first, *more):
        yield cells, candidates


def _recall(nearest: IndexedNearest, others: NearestOthers) -> float:
    """Return for which share of photos a search finds one as close as the nearest other."""
    hits, _ = nearest.named_hits(others.queries)
    is_other = hits.number != others.numbers[hits.query]
    found = np.full(len(others.queries), -2.0, np.float32)
    np.maximum.at(found, hits.query[is_other], hits.similarity[is_other])
    share: NDArray[np.bool_] = found >= others.similarities - _ROUNDING
    return float(share.mean())
