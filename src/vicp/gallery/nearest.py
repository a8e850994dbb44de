"""The nearest individuals of one category: by exact search, or by an index where there are a million photos."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.gallery.categories import GalleryCategory
from vicp.gallery.contents import FACTS, embedded_photos, quoted
from vicp.gallery.search import IdentityIndex, best_by_identity, closest_identities, group_photos
from vicp.gallery.store.lance import query_index
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PHOTOS

_ASKED = 200  # photos that an index is asked for, to find the individuals among them

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The individuals closest to one query.

    Attributes:
        names: theirs, best first.
        photos: of each, the closest photo: source and key.
        similarities: (I,) of every individual, best first; an index knows only that the rest are no closer.
    """

    names: list[str]
    photos: list[tuple[str, str]]
    similarities: Floats


class Nearest(Protocol):
    """Finds individuals."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody."""
        ...

    def hits(self, query: Floats, top: int) -> Iterator[SearchResult]:
        """Yields the `top` closest individuals of each query (B, D)."""
        ...

    def best_photos(self, query: Floats) -> NDArray[np.int64]:
        """The number of the closest photo of each query (B,)."""
        ...


@dataclass(frozen=True, eq=False)
class ExactNearest:
    """Every photo is compared.

    Attributes:
        known: the embeddings, by individual.
        frame: facts, by the photo's number.
    """

    known: IdentityIndex
    frame: pd.DataFrame

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody."""
        return self.known.names

    def similarities(self, query: Floats) -> Floats:
        """The similarity (B, I) of every individual's closest photo, in the order of `names`."""
        return best_by_identity(query, self.known)

    def hits(self, query: Floats, top: int) -> Iterator[SearchResult]:
        """Yields the `top` closest individuals of each query (B, D)."""
        for one, similarity in zip(query, self.similarities(query), strict=True):
            order = np.argsort(-similarity, kind="stable")
            photos = []
            for i in order[:top]:
                rows = self.known.rows_of(int(i))
                best = rows.start + int(np.argmax(self.known.embeddings[rows] @ one))
                source, key = self.frame.loc[self.known.photos[best], ["source", "key"]]
                photos.append((str(source), str(key)))
            yield SearchResult([self.known.names[i] for i in order[:top]], photos, similarity[order])

    def best_photos(self, query: Floats) -> NDArray[np.int64]:
        """The number of the closest photo of each query (B,)."""
        return self.known.photos[closest_identities(query, self.known, top=1).rows[:, 0]]


@dataclass(frozen=True, eq=False)
class IndexedNearest:
    """Only the cells of an index that are closest are looked at, and nothing is held in memory.

    Attributes:
        snapshot: the gallery.
        table: LanceDB's table of embeddings.
        names: everybody.
        cells: how many are looked at.
    """

    snapshot: Snapshot
    table: Any
    names: tuple[str, ...]
    cells: int

    def hits(self, query: Floats, top: int) -> Iterator[SearchResult]:
        """Yields the `top` closest individuals of each query (B, D)."""
        columns = ["number", "identity", "source", "key"]
        for one in query:
            found = query_index(self.table, one, cells=self.cells, count=_ASKED).to_pandas()
            facts = self.snapshot.of_numbers(PHOTOS, found["number"].tolist(), columns).to_pandas()
            named = found.merge(facts, on="number").dropna(subset="identity").drop_duplicates("identity")
            similarity = named["similarity"].to_numpy(np.float32)
            rest = np.full(len(self.names) - len(named), similarity[-1] if len(named) else -1.0, np.float32)
            listed = named.iloc[:top]
            photos = list(zip(listed["source"], listed["key"], strict=True))
            yield SearchResult(list(listed["identity"]), photos, np.concatenate([similarity, rest]))

    def best_photos(self, query: Floats) -> NDArray[np.int64]:
        """The number of the closest photo of each query (B,)."""
        found = [query_index(self.table, one, cells=self.cells, count=1)["number"][0].as_py() for one in query]
        return np.array(found, dtype=np.int64)


def nearest_of(snapshot: Snapshot, category: GalleryCategory) -> Nearest | None:
    """The known individuals of a category, by its index where it has one; None where nobody has a name yet."""
    made = snapshot.settings.get("indices", {}).get(category.category)
    if made is None:
        return exact_nearest(snapshot, category)
    where = f"category = {quoted(category.category)} and identity is not null"
    names = snapshot.read(PHOTOS, ["identity"], where)["identity"].unique().to_pylist()
    if not names:
        return None
    return IndexedNearest(snapshot, snapshot.open(category.table), tuple(sorted(names)), int(made["cells"]))


def exact_nearest(snapshot: Snapshot, category: GalleryCategory) -> ExactNearest | None:
    """The known photos of a category, all of them in memory; None where nobody has a name yet."""
    found = embedded_photos(snapshot, category, named=True)
    if not len(found.frame):
        return None
    numbers = found.frame["number"].to_numpy(np.int64)
    known = group_photos(found.embeddings, list(found.frame["identity"]), numbers)
    return ExactNearest(known, found.frame[list(FACTS)].set_index("number"))
