"""Search the known individuals nearest to a photo, by comparing every photo of theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vicp.data.records import PhotoTable
from vicp.data.sides import side_codes
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.contents import embeddings_of, photo_sides, quoted, set_aside_numbers
from vicp.gallery.search.identity_search import (
    IdentityIndex,
    group_by_identity,
    identity_order,
    identity_similarities,
    sample_rows,
    select_photos,
)
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PHOTOS

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


@dataclass(frozen=True, eq=False)
class PhotoSample:
    """Some photos of known individuals.

    Attributes:
        embeddings: (n, D) float32, L2-normalised.
        owners: (n,) the individual on each, a position in the names of the search.
        sides: (n,) see `data.sides`; None where none is known.
    """

    embeddings: Floats
    owners: Codes
    sides: Codes | None


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

    @property
    def recall(self) -> float | None:
        """Return the share of photos whose nearest photo is found; None where all are compared."""
        ...

    def search(self, query: Floats, top: int, sides: Codes | None = None) -> Iterator[SearchResult]:
        """Yield the `top` nearest individuals of each query (B, D), by photos that do not show its other side."""
        ...

    def search_together(self, query: Floats, weights: Floats, top: int, side: int) -> SearchResult:
        """Return the `top` individuals nearest to queries (B, D) of one individual, by their weights (B,) and side."""
        ...

    def closest_photos(self, query: Floats) -> Codes:
        """Return the number of the closest photo of each query (B,)."""
        ...

    def sample(self, most: int) -> PhotoSample:
        """Return photos of the individuals, at most so many; see `sample_rows`."""
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

    @property
    def recall(self) -> None:
        """Return None: every photo is compared."""

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

    def sample(self, most: int) -> PhotoSample:
        """Return photos of the individuals, at most so many; see `sample_rows`."""
        index = self.index
        rows = sample_rows(index.starts, index.counts, most)
        owners = np.repeat(np.arange(len(index.starts)), index.counts)
        return PhotoSample(index.embeddings[rows], owners[rows], None if self.sides is None else self.sides[rows])

    def closest_photos(self, query: Floats) -> Codes:
        """Return the number of the closest photo of each query (B,)."""
        best = self.similarities(query).argmax(axis=1)
        numbers = [self.index.closest_photo(embedding, int(i)) for embedding, i in zip(query, best, strict=True)]
        return np.array(numbers, dtype=np.int64)


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


def exact_nearest(snapshot: Snapshot, category: GalleryCategory, *, among: Codes | None = None) -> ExactNearest | None:
    """Return the exact search of a stored category, its photos in memory; None where nobody has a name yet.

    Args:
        snapshot: The gallery.
        category: Which.
        among: The numbers of the photos to compare with; all if None.
    """
    facts = named_photos(snapshot, category, ["number", "identity", "source", "key"])
    if not len(facts) or category.table not in snapshot.tables:
        return None
    if among is not None:
        facts = facts.filter(pc.is_in(facts["number"], value_set=pa.array(among)))
    order, starts, names = identity_order(facts["identity"].combine_chunks())
    numbers = facts["number"].to_numpy()
    index = IdentityIndex(embeddings_of(snapshot, category, numbers[order]), starts, names, numbers[order])
    frame = facts.select(["source", "key"]).to_pandas(types_mapper=pd.ArrowDtype)
    return ExactNearest(index, frame.set_index(numbers), photo_sides(snapshot, index.photos.tolist()))


def named_photos(snapshot: Snapshot, category: GalleryCategory, columns: Sequence[str]) -> pa.Table:
    """Return facts of the photos of a category that have a name and are not set aside, by ascending `number`."""
    where = f"category = {quoted(category.category)} and identity is not null"
    facts = snapshot.read(PHOTOS, columns, where).sort_by("number").combine_chunks()
    aside = pa.array(set_aside_numbers(snapshot), pa.int64())
    return facts.filter(pc.invert(pc.is_in(facts["number"], value_set=aside)))
