"""What labels, names, pictures and moments tell of every two photos, before anybody is asked about them."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.adapt.encoded_support import connected_groups, relate_pairs
from vicp.data.photos.crops import of_one_picture, picture_of
from vicp.data.records import PhotoTable
from vicp.data.support.support import Support

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownPairs:
    """What is known of every two of n photos.

    Attributes:
        groups: (n,) a code that photos share which are known to show one individual.
        relation: (n, n) int8, symmetric: 1 for the same individual, -1 for two of them or a pair that is not to be
            asked, and 0 where nothing is known.
        notes: Sentences on what names told.
    """

    groups: Codes
    relation: NDArray[np.int8]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: PhotoTable, labelled: Support, *, use_names: bool) -> "KnownPairs":
        """Return what labels tell of the photos of a table, its names and that they are crops of one picture.

        Args:
            table: n photos; crops of one picture, by `source` or else `path`, show two individuals.
            labelled: Labels, as positions in the photos.
            use_names: Look at identities.

        Raises:
            DataError: Labels that contradict each other.
        """
        known = cls(*relate_pairs(labelled, [str(path) for path in table.frame["path"]]))
        return (known._with_names(table) if use_names else known).apart(_of_one_picture(table))

    def without(self, closed: Support) -> "KnownPairs":
        """Return the same with pairs that are not to be asked, whatever they are."""
        relation = self.relation.copy()
        relation[closed.left, closed.right] = relation[closed.right, closed.left] = -1
        return replace(self, relation=relation)

    def apart(self, two: NDArray[np.bool_]) -> "KnownPairs":
        """Return the same with pairs (n, n) of which nothing was known, and that are of two individuals."""
        return replace(self, relation=np.where((self.relation == 0) & two, np.int8(-1), self.relation))

    def of_moments(self, moments: Codes, chosen: Codes) -> "KnownPairs":
        """Return what is known of one photo of each moment; of two moments, also what any two of their photos tell.

        Args:
            moments: (n,) the moment of each photo.
            chosen: The rows of the photos that stand for their moments.
        """
        relation = _known_by_moment(self.relation, moments)
        return replace(self, groups=self.groups[chosen], relation=relation[np.ix_(chosen, chosen)])

    def _with_names(self, table: PhotoTable) -> "KnownPairs":
        """Return the same with what identities say of pairs without a label, and a sentence on it."""
        names = pd.factorize(table.frame["identity"])[0]  # -1 where nobody is named
        named = names >= 0
        if not named.any():
            return self
        if named.all():
            return replace(self, notes=("Every photo has a name already: these pairs check the names.",))
        rows = np.flatnonzero(named)
        same = np.array(
            [(a, b) for a, b in pairwise(rows[np.argsort(names[rows], kind="stable")]) if names[a] == names[b]]
        )
        members = [np.flatnonzero(self.groups == group) for group in range(int(self.groups.max()) + 1)]
        links = [(a, b) for rows_of_group in members for a, b in pairwise(rows_of_group)]
        left, right = np.array([*same.reshape(-1, 2), *links], dtype=np.int64).reshape(-1, 2).T
        told = np.where(names[:, None] == names, np.int8(1), np.int8(-1))
        told[~(named[:, None] & named)] = 0
        known = np.where(self.relation == 0, told, self.relation)
        have = "photo has a name" if named.sum() == 1 else "photos have names"
        note = f"{int(named.sum())} {have}, which tell what two of them are."
        return KnownPairs(connected_groups(len(table), left, right), known, (note,))


def _of_one_picture(table: PhotoTable) -> NDArray[np.bool_]:
    """Return which pairs (n, n) are crops of one picture, by `source` or else `path`."""
    return of_one_picture([picture_of(str(source)) for source in table.frame.get("source", table.frame["path"])])


def _known_by_moment(relation: NDArray[np.int8], moments: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return relations (n, n) that are also known between two moments with a known one."""
    _, codes, counts = np.unique(moments, return_inverse=True, return_counts=True)
    if counts.max(initial=1) == 1:
        return relation
    order, starts = np.argsort(codes, kind="stable"), np.cumsum(counts) - counts
    known = (relation != 0)[np.ix_(order, order)]  # (n, n), the photos of a moment together
    for axis in (0, 1):
        known = np.logical_or.reduceat(known, starts, axis=axis)
    return np.where((relation == 0) & known[np.ix_(codes, codes)], 1, relation).astype(np.int8)  # known is (M, M)
