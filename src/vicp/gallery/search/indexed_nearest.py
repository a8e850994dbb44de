"""Approximate search of a stored category through an index: nothing but names and numbers is held in memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vicp.gallery.categories import GalleryCategory
from vicp.gallery.contents import matrix, photo_sides
from vicp.gallery.search.identity_search import identity_order, sample_rows
from vicp.gallery.search.nearest import (
    Codes,
    ExactNearest,
    Floats,
    Nearest,
    PhotoSample,
    SearchResult,
    exact_nearest,
    named_photos,
)
from vicp.gallery.store.lance import QUERIES_PER_CALL, Hits, query_index
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import OPTIONAL_FACTS, PHOTOS, PROMPTS, SET_ASIDE

T = TypeVar("T")


@dataclass(frozen=True)
class SearchIndex:
    """How the index of a category is searched, as the gallery's settings keep it.

    Attributes:
        rows: Photos that it was made of.
        cells: How many of its cells are searched, the closest ones.
        candidates: How many photos, those that it takes for the closest, are compared exactly.
        recall: Recall@1: the share of named photos whose nearest other named photo was found.
    """

    rows: int
    cells: int
    candidates: int
    recall: float = 0.0

    @classmethod
    def of(cls, snapshot: Snapshot, category: GalleryCategory) -> "SearchIndex | None":
        """Return the index of a category; None where it has none."""
        kept = snapshot.settings.get("indices", {}).get(category.table)
        return None if kept is None else cls(**kept)

    def kept_in(self, settings: Mapping[str, Any], category: GalleryCategory) -> dict[str, Any]:
        """Return the gallery's settings with this index of a category."""
        return {**settings, "indices": {**settings.get("indices", {}), category.table: asdict(self)}}


@dataclass(frozen=True, eq=False)
class IndexedNearest:
    """A search of the closest cells of an index alone.

    Attributes:
        snapshot: The gallery.
        table: LanceDB's table of embeddings.
        index: How it is searched.
        names: Of the individuals.
        numbers: (G,) of their photos, ascending.
        owners: (G,) the individual on each, a position in `names`.
        sides: (G,) of the photos, see `data.sides`; None where none is known.
    """

    snapshot: Snapshot
    table: Any
    index: SearchIndex
    names: tuple[str, ...]
    numbers: Codes
    owners: Codes
    sides: Codes | None = None

    @property
    def num_photos(self) -> int:
        """Return how many photos the individuals have."""
        return len(self.numbers)

    @property
    def recall(self) -> float:
        """Return the share of photos whose nearest photo is found."""
        return self.index.recall

    def search(self, query: Floats, top: int, sides: Codes | None = None) -> Iterator[SearchResult]:
        """Yield the `top` nearest individuals of each query (B, D), by photos that do not show its other side."""
        every = np.full(len(query), -1, dtype=np.int64) if sides is None else sides
        counts = np.bincount(self.owners, minlength=len(self.names))
        for start in range(0, len(query), QUERIES_PER_CALL):
            part = slice(start, start + QUERIES_PER_CALL)
            yield from self._search_batch(query[part], top, every[part], counts)

    def search_together(self, query: Floats, weights: Floats, top: int, side: int) -> SearchResult:
        """Return the `top` individuals nearest to queries (B, D) of one individual, by their weights (B,) and side.

        An index is searched for their mean, whose similarity to a photo is the mean of theirs.
        """
        (result,) = self.search((weights @ query)[None], top, np.array([side]))
        return result

    def named_hits(self, query: Floats) -> tuple[Hits, Codes]:
        """Return the photos of individuals that are found for queries (B, D), and where they stand in `numbers`."""
        index = self.index
        hits = query_index(self.table, query, cells=index.cells, count=index.candidates)
        positions = np.searchsorted(self.numbers, hits.number).clip(max=len(self.numbers) - 1)
        is_named = self.numbers[positions] == hits.number
        return hits.chosen(is_named), positions[is_named]

    def closest_photos(self, query: Floats) -> Codes:
        """Return the number of the closest photo of each query (B,); -1 where none is found."""
        hits, _ = self.named_hits(query)
        closest = np.full(len(query), -1, dtype=np.int64)
        found, first = np.unique(hits.query, return_index=True)
        closest[found] = hits.number[first]
        return closest

    def sample(self, most: int) -> PhotoSample:
        """Return photos of the individuals, at most so many; see `sample_rows`."""
        counts = np.bincount(self.owners, minlength=len(self.names))
        chosen = np.argsort(self.owners, kind="stable")[sample_rows(np.cumsum(counts) - counts, counts, most)]
        rows = self.snapshot.of_numbers(self.table.name, self.numbers[chosen].tolist(), ["number", "embedding"])
        embeddings = matrix(rows["embedding"])[np.argsort(rows["number"].to_numpy())]
        in_order = np.argsort(np.argsort(self.numbers[chosen]))
        return PhotoSample(
            embeddings[in_order], self.owners[chosen], None if self.sides is None else self.sides[chosen]
        )

    def _search_batch(self, query: Floats, top: int, sides: Codes, counts: Codes) -> Iterator[SearchResult]:
        hits, positions = self.named_hits(query)
        if self.sides is not None:
            shown, asked = self.sides[positions], sides[hits.query]
            comparable = (asked < 0) | (shown < 0) | (asked == shown)
            hits, positions = hits.chosen(comparable), positions[comparable]
        _, first = np.unique(hits.query * len(self.names) + self.owners[positions], return_index=True)
        first.sort()  # the closest photo of each individual, best first: so the hits of a query are
        hits, owners = hits.chosen(first), self.owners[positions[first]]
        spans = list(pairwise(np.searchsorted(hits.query, np.arange(len(query) + 1)).tolist()))
        listed = [np.arange(start, min(start + top, end)) for start, end in spans]
        photo_of = self._photos(hits.number[np.concatenate(listed)])
        for (start, end), rows in zip(spans, listed, strict=True):
            yield SearchResult(
                [self.names[owner] for owner in owners[rows]],
                [photo_of[number] for number in hits.number[rows].tolist()],
                *self._of_everybody(hits.similarity[start:end], counts[owners[start:end]]),
            )

    def _of_everybody(self, similarity: Floats, counts: Codes) -> tuple[Floats, Codes]:
        """Return the similarities (I,) and numbers of photos (I,) of all individuals, from those that were found.

        The rest are taken to be as close as the last one found, with as many photos as each of them has on average.
        """
        num_rest = len(self.names) - len(similarity)
        rest = np.full(num_rest, similarity[-1] if len(similarity) else -1.0, np.float32)
        mean = (self.num_photos - int(counts.sum())) // max(num_rest, 1)
        return np.concatenate([similarity, rest]), np.concatenate([counts, np.full(num_rest, max(mean, 1))])

    def _photos(self, numbers: Codes) -> dict[int, tuple[str, str]]:
        """Return number -> source and key of photos."""
        rows = self.snapshot.of_numbers(PHOTOS, np.unique(numbers).tolist(), ["number", "source", "key"])
        return {row["number"]: (row["source"], row["key"]) for row in rows.to_pylist()}


def indexed_nearest(snapshot: Snapshot, category: GalleryCategory, index: SearchIndex) -> IndexedNearest | None:
    """Return the search of a stored category by its index; None where nobody has a name yet."""
    facts = named_photos(snapshot, category, ["number", "identity"])
    if not len(facts):
        return None
    order, starts, names = identity_order(facts["identity"].combine_chunks())
    owners = np.empty(len(order), dtype=np.int64)
    owners[order] = np.repeat(np.arange(len(names)), np.diff(np.append(starts, len(order))))
    numbers: NDArray[np.int64] = facts["number"].to_numpy()
    sides = photo_sides(snapshot, numbers.tolist())
    return IndexedNearest(snapshot, snapshot.open(category.table), index, names, numbers, owners, sides)


def nearest_in_category(snapshot: Snapshot, category: GalleryCategory, *, exact: bool = False) -> Nearest | None:
    """Return the search of a stored category; None where nobody has a name yet.

    Args:
        snapshot: The gallery.
        category: Which.
        exact: Compare every photo, even where there is an index.
    """
    index = None if exact else SearchIndex.of(snapshot, category)

    def find() -> ExactNearest | IndexedNearest | None:
        return exact_nearest(snapshot, category) if index is None else indexed_nearest(snapshot, category, index)

    return once_per_search(snapshot, category, "nearest", find, exact=exact)


def once_per_search(
    snapshot: Snapshot, category: GalleryCategory, name: str, make: Callable[[], T], *, exact: bool = False
) -> T:
    """Return what `make` computes from the search of a stored category and its prompt, anew when either has changed.

    Args:
        snapshot: The gallery.
        category: Which.
        name: What stands for the value.
        make: Computes it.
        exact: Of the search of every photo, even where there is an index.
    """
    index = None if exact else SearchIndex.of(snapshot, category)
    tables = (PROMPTS, PHOTOS, SET_ASIDE, category.table, OPTIONAL_FACTS["viewpoint"])
    return snapshot.once((name, category.category, index), tables, make)
