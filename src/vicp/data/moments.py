"""Moments: photos of one burst are one piece of evidence, whatever their number.

Frames that follow each other differ in little but noise. A pair of them teaches nothing about another day, and a query
that is looked up among its own burst says nothing about a method. Two photos are of one moment if they show nearly the
same (`fingerprints`), stand in one `sequence`, or were taken less than a minute apart by `date`; so are photos that
such photos link. Individuals have their own moments.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.data.dates import photo_dates
from vicp.data.photos.fingerprints import PhotoFingerprint, near_groups
from vicp.data.records import PhotoTable

SECONDS = 60  # photos that follow each other in less are of one moment
_TIME_OF_DAY = r"\d[T ]\d{1,2}:\d{2}"  # a day alone says nothing about seconds

Codes = NDArray[np.int64]


def moment_codes(table: PhotoTable, fingerprints: Sequence[PhotoFingerprint] | None = None) -> Codes:
    """Return the moment (n,) of every photo, from 0 in the order of the first photo of each.

    Args:
        table: n photos; of photos without an identity, any two may be of one moment.
        fingerprints: Theirs (n); None goes by sequence and date alone.
    """
    individuals = pd.factorize(table.frame["category"] + "\0" + table.frame["identity"].fillna(""))[0]
    links = [_linked(individuals, _sequences(table)), _linked_by_time(individuals, table)]
    if fingerprints is not None:
        links.append(_linked(individuals, near_groups(fingerprints)))
    return _components(np.concatenate(links, axis=1), len(table))


def joined_codes(individuals: Codes, *codes: Codes) -> Codes:
    """Return a code per photo (n,) that photos of one individual share where any of these codes, or a chain, is one.

    Args:
        individuals: (n,) a code per photo.
        codes: (n,) each; -1 links a photo with no other.
    """
    return _components(np.concatenate([_linked(individuals, each) for each in codes], axis=1), len(individuals))


def codes_within(individuals: Codes, values: Codes, gap: int) -> Codes:
    """Return a code per photo (n,) that photos of one individual share whose values, or a chain, are within a gap.

    Args:
        individuals: (n,) a code per photo.
        values: (n,) such as numbers of frames.
        gap: The largest difference of two values that belong together.
    """
    return _components(_linked_within(individuals, values, gap), len(values))


def one_per_moment(moments: Codes, rng: np.random.Generator) -> Codes:
    """Return the rows of one random photo of each moment, ascending; all rows where each has a moment of its own."""
    order = rng.permutation(len(moments))
    _, first = np.unique(moments[order], return_index=True)
    return np.sort(order[first]).astype(np.int64)


def num_shared(moments: Codes) -> int:
    """Return how many photos share their moment with another one."""
    sizes = np.bincount(moments) if len(moments) else np.zeros(0, dtype=np.int64)
    return int(sizes[sizes > 1].sum())


def _components(links: Codes, num_photos: int) -> Codes:
    """Return the connected component (n,) of each photo, numbered by its first photo."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = links
    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(num_photos, num_photos))
    labels = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _sequences(table: PhotoTable) -> Codes:
    """Return a code per photo (n,) for its sequence, -1 without one."""
    if "sequence" not in table.frame:
        return np.full(len(table), -1, dtype=np.int64)
    return pd.factorize(table.frame["sequence"].replace("", None))[0].astype(np.int64)


def _linked(individuals: Codes, codes: Codes) -> Codes:
    """Return links (2, m) between photos of one individual and one code, each photo to the next; -1 links nothing."""
    rows = np.flatnonzero(codes >= 0)
    rows = rows[np.lexsort((codes[rows], individuals[rows]))]
    left, right = rows[:-1], rows[1:]
    same = (individuals[left] == individuals[right]) & (codes[left] == codes[right])
    return np.stack([left[same], right[same]]).astype(np.int64)


def _linked_by_time(individuals: Codes, table: PhotoTable) -> Codes:
    """Return links (2, m) between photos of one individual that were taken less than `SECONDS` apart."""
    if "date" not in table.frame:
        return np.zeros((2, 0), dtype=np.int64)
    has_time = table.frame["date"].astype(str).str.contains(_TIME_OF_DAY, regex=True) & photo_dates(table).notna()
    rows = np.flatnonzero(has_time)
    taken = photo_dates(table).iloc[rows].to_numpy(dtype="datetime64[s]").astype(np.int64)
    return rows[_linked_within(individuals[rows], taken, SECONDS - 1)].astype(np.int64)


def _linked_within(individuals: Codes, values: Codes, gap: int) -> Codes:
    """Return links (2, m) between photos of one individual, each to the next by value where that is within a gap."""
    order = np.lexsort((values, individuals))
    near = (np.diff(individuals[order]) == 0) & (np.diff(values[order]) <= gap)
    return np.stack([order[:-1][near], order[1:][near]]).astype(np.int64)
