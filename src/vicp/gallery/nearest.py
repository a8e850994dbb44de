"""Search the known individuals nearest to a photo, exactly or by an approximate index."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vicp.data.records import PhotoTable
from vicp.data.sides import side_codes
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.contents import embeddings_of, photo_sides, quoted, set_aside_numbers
from vicp.gallery.identity_search import (
    IdentityIndex,
    group_by_identity,
    identity_order,
    identity_similarities,
    select_photos,
)
from vicp.gallery.store.lance import query_index
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PHOTOS

INDEX_RESULTS = 200  # photos that an index returns for a query, to find the individuals among them
BATCH = 64  # queries that an index is searched for together: their hits and the facts of these are in memory

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The individuals nearest to one query.

    Attributes:
        names: Theirs, best first.
        photos: Of each, the closest photo: source and key.
        similarities: (I,) of every individual, best first; an index knows only that the rest are no closer.
        counts: (I,) how many photos each of them has.
        num_uncompared: Further individuals, of whom all photos show the query's other side.
    """

    names: list[str]
    photos: list[tuple[str, str]]
    similarities: Floats
    counts: NDArray[np.int64]
    num_uncompared: int = 0


class Nearest(Protocol):
    """A search for individuals."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all individuals."""
        ...

    @property
    def num_photos(self) -> int:
        """Return how many photos they have."""
        ...

    def search(self, query: Floats, top: int, sides: Codes | None = None) -> Iterator[SearchResult]:
        """Yield the `top` nearest individuals of each query (B, D), by photos that do not show its other side."""
        ...

    def search_together(self, query: Floats, weights: Floats, top: int, side: int) -> SearchResult:
        """Return the `top` individuals nearest to queries (B, D) of one individual, by their weights (B,) and side."""
        ...

    def closest_photos(self, query: Floats) -> NDArray[np.int64]:
        """Return the number of the closest photo of each query (B,)."""
        ...


@dataclass(frozen=True, eq=False)
class ExactNearest:
    """A search that compares every photo.

    Attributes:
        index: The embeddings, by individual.
        frame: `source` and `key` of each photo, indexed by its number.
        sides: Of the photos, row by row of the index, see `data.sides`; None where none is known.
    """

    index: IdentityIndex
    frame: pd.DataFrame
    sides: Codes | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all individuals."""
        return self.index.names

    @property
    def num_photos(self) -> int:
        """Return how many photos they have."""
        return len(self.index)

    def similarities(self, query: Floats) -> Floats:
        """Return the similarity (B, I) of every individual's closest photo, in the order of `names`."""
        return identity_similarities(query, self.index)

    def comparable(self, side: int) -> "ExactNearest":
        """Return the search among the photos that do not show the other side."""
        if self.sides is None or side < 0 or not (other := (self.sides >= 0) & (self.sides != side)).any():
            return self
        return ExactNearest(select_photos(self.index, ~other), self.frame, self.sides[~other])

    def among(self, numbers: Codes) -> "ExactNearest":
        """Return the search among the photos of these numbers."""
        chosen = np.isin(self.index.photos, numbers)
        sides = None if self.sides is None else self.sides[chosen]
        return ExactNearest(select_photos(self.index, chosen), self.frame, sides)

    def search(self, query: Floats, top: int, sides: Codes | None = None) -> Iterator[SearchResult]:
        """Yield the `top` nearest individuals of each query (B, D), by photos that do not show its other side."""
        if sides is None or self.sides is None:
            yield from self._search_all(query, top)
            return
        of_side = {side: self.comparable(side) for side in np.unique(sides).tolist()}
        for embedding, side in zip(query, sides.tolist(), strict=True):
            searched = of_side[side]
            (result,) = searched._search_all(embedding[None], top)
            yield replace(result, num_uncompared=len(self.names) - len(searched.names))

    def _search_all(self, query: Floats, top: int) -> Iterator[SearchResult]:
        if not self.names:
            yield from [SearchResult([], [], np.zeros(0, np.float32), np.zeros(0, np.int64))] * len(query)
            return
        for embedding, similarity in zip(query, self.similarities(query), strict=True):
            yield self._result(embedding, similarity, top)

    def search_together(self, query: Floats, weights: Floats, top: int, side: int) -> SearchResult:
        """Return the `top` individuals nearest to queries (B, D) of one individual, by their weights (B,) and side.

        The similarity of an individual is the mean of the queries' similarities to it.
        """
        searched = self.comparable(side)
        num_uncompared = len(self.names) - len(searched.names)
        if not searched.names:
            return SearchResult([], [], np.zeros(0, np.float32), np.zeros(0, np.int64), num_uncompared)
        result = searched._result(weights @ query, weights @ searched.similarities(query), top)
        return replace(result, num_uncompared=num_uncompared)

    def _result(self, query: Floats, similarity: Floats, top: int) -> SearchResult:
        """Return the result for a query (D,) whose similarities (I,) are known."""
        order = np.argsort(-similarity, kind="stable")
        numbers = [self.index.closest_photo(query, int(i)) for i in order[:top]]
        facts = self.frame.loc[numbers, ["source", "key"]]
        photos = [(str(source), str(key)) for source, key in facts.itertuples(index=False)]
        names = [self.index.names[i] for i in order[:top]]
        return SearchResult(names, photos, similarity[order], self.index.counts[order])

    def closest_photos(self, query: Floats) -> NDArray[np.int64]:
        """Return the number of the closest photo of each query (B,)."""
        best = self.similarities(query).argmax(axis=1)
        numbers = [self.index.closest_photo(embedding, int(i)) for embedding, i in zip(query, best, strict=True)]
        return np.array(numbers, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class IndexedNearest:
    """A search of the closest cells of an index alone, with nothing held in memory.

    Attributes:
        snapshot: The gallery.
        table: LanceDB's table of embeddings.
        count_of: How many photos each individual has.
        cells: How many cells are searched.
    """

    snapshot: Snapshot
    table: Any
    count_of: Mapping[str, int]
    cells: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all individuals."""
        return tuple(self.count_of)

    @property
    def num_photos(self) -> int:
        """Return how many photos they have."""
        return sum(self.count_of.values())

    def search(self, query: Floats, top: int, sides: Codes | None = None) -> Iterator[SearchResult]:
        """Yield the `top` nearest individuals of each query (B, D), by photos that do not show its other side."""
        every = np.full(len(query), -1, dtype=np.int64) if sides is None else sides
        for start in range(0, len(query), BATCH):
            yield from self._search_batch(query[start : start + BATCH], top, every[start : start + BATCH])

    def search_together(self, query: Floats, weights: Floats, top: int, side: int) -> SearchResult:
        """Return the `top` individuals nearest to queries (B, D) of one individual, by their weights (B,) and side.

        An index is searched for their mean, whose similarity to a photo is the mean of theirs.
        """
        (result,) = self.search((weights @ query)[None], top, np.array([side]))
        return result

    def _search_batch(self, query: Floats, top: int, sides: Codes) -> Iterator[SearchResult]:
        hits = query_index(self.table, query, cells=self.cells, count=INDEX_RESULTS).to_pandas()
        shown = None if (sides < 0).all() else photo_sides(self.snapshot, hits["number"].tolist())
        if shown is not None:
            asked = sides[hits["query"].to_numpy()]
            hits = hits[(asked < 0) | (shown < 0) | (asked == shown)]
        columns = ["number", "identity", "source", "key"]
        facts = self.snapshot.of_numbers(PHOTOS, hits["number"].unique().tolist(), columns).to_pandas()
        named = hits.merge(facts, on="number").dropna(subset="identity").drop_duplicates(["query", "identity"])
        for row in range(len(query)):
            best = named[named["query"] == row]
            similarity = best["similarity"].to_numpy(np.float32)
            num_rest = len(self.count_of) - len(best)
            rest = np.full(num_rest, similarity[-1] if len(best) else -1.0, np.float32)
            found = [self.count_of[name] for name in best["identity"]]
            mean = (self.num_photos - sum(found)) // max(num_rest, 1)  # photos of one of the rest
            counts = np.array(found + [max(mean, 1)] * num_rest, dtype=np.int64)
            listed = best.iloc[:top]
            photos = list(zip(listed["source"], listed["key"], strict=True))
            yield SearchResult(list(listed["identity"]), photos, np.concatenate([similarity, rest]), counts)

    def closest_photos(self, query: Floats) -> NDArray[np.int64]:
        """Return the number of the closest photo of each query (B,)."""
        numbers = query_index(self.table, query, cells=self.cells, count=1)["number"].to_numpy()
        return np.asarray(numbers, dtype=np.int64)


def nearest_in_table(table: PhotoTable, embeddings: Floats) -> ExactNearest:
    """Return the search of a photo table whose photos have these embeddings (G, D); photos are numbered from 0.

    Identities are in the order of their names, `category/name` where the photos are of several categories.

    Raises:
        DataError: A photo has no identity.
    """
    identities = np.array(table.identities, dtype=object)
    if len(table.categories) == 1:
        identities = table.frame["identity"].astype(str).to_numpy(dtype=object)
    order = np.argsort(identities, kind="stable")
    index = group_by_identity(embeddings[order], list(identities[order]), order.astype(np.int64))
    sides = side_codes(table)
    frame = pd.DataFrame({"source": table.frame["path"].to_numpy(), "key": ""})
    return ExactNearest(index, frame, sides[index.photos] if (sides >= 0).any() else None)


def nearest_in_category(snapshot: Snapshot, category: GalleryCategory) -> Nearest | None:
    """Return the search of a stored category, by its index where it has one; None where nobody has a name yet."""
    settings = snapshot.settings.get("indices", {}).get(category.category)
    if settings is None:
        return exact_nearest(snapshot, category)
    where = f"category = {quoted(category.category)} and identity is not null"
    counts = pc.value_counts(snapshot.read(PHOTOS, ["identity"], where)["identity"])
    if not len(counts):
        return None
    names, numbers = counts.flatten()
    count_of = dict(sorted(zip(names.to_pylist(), numbers.to_pylist(), strict=True)))
    return IndexedNearest(snapshot, snapshot.open(category.table), count_of, int(settings["cells"]))


def exact_nearest(snapshot: Snapshot, category: GalleryCategory) -> ExactNearest | None:
    """Return the exact search of a stored category, its photos in memory; None where nobody has a name yet."""
    where = f"category = {quoted(category.category)} and identity is not null"
    facts = snapshot.read(PHOTOS, ["number", "identity", "source", "key"], where).sort_by("number").combine_chunks()
    aside = pa.array(set_aside_numbers(snapshot), pa.int64())
    facts = facts.filter(pc.invert(pc.is_in(facts["number"], value_set=aside)))
    if not len(facts) or category.table not in snapshot.tables:
        return None
    order, starts, names = identity_order(facts["identity"].combine_chunks())
    numbers = facts["number"].to_numpy()
    index = IdentityIndex(embeddings_of(snapshot, category, numbers[order]), starts, names, numbers[order])
    frame = facts.select(["source", "key"]).to_pandas(types_mapper=pd.ArrowDtype)
    return ExactNearest(index, frame.set_index(numbers), photo_sides(snapshot, index.photos.tolist()))
