"""The nearest individuals of one category: by exact search, or by an index where there are a million photos."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.gallery.contents import CategoryPrompted, embedded_photos
from vicp.gallery.search import Known, best_by_identity, group_photos
from vicp.gallery.store import Snapshot


@dataclass(frozen=True, eq=False)
class Nearest:
    """The known photos of a category, ready to be searched.

    Attributes:
        known: their embeddings, by individual.
        frame: their facts, by number.
    """

    known: Known
    frame: pd.DataFrame

    def search(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """The similarity (B, I) of every individual's closest photo, for queries (B, D)."""
        return best_by_identity(query, self.known)

    def closest_photo(self, identity: int, query: NDArray[np.float32]) -> "pd.Series[object]":
        """The facts of the individual's photo that is closest to a query (D,)."""
        rows = self.known.rows_of(identity)
        best = rows.start + int(np.argmax(self.known.embeddings[rows] @ query))
        return self.frame.loc[self.known.photos[best]]


def nearest_of(snapshot: Snapshot, category: CategoryPrompted) -> Nearest | None:
    """The known photos of a category; None where nobody has a name yet."""
    found = embedded_photos(snapshot, category, named=True)
    if not len(found.frame):
        return None
    numbers = found.frame["number"].to_numpy(np.int64)
    return Nearest(
        group_photos(found.embeddings, list(found.frame["identity"]), numbers), found.frame.set_index("number")
    )
