"""Group photos into presumed individuals by P(same) of every two, without chaining.

Photos are joined by average linkage: two groups become one while the mean P(same) between them is high enough, and only
where no pair of their photos is known to be different. results/cluster.md has why average, and not complete or single.

P(same) at even odds suits one pair, not all pairs of many photos, nearly all of which are different: at even odds
hundreds of animals melt into a dozen. `same_pair_share` therefore estimates which share of these pairs are genuine, and
P(same) is moved to that prior (Saerens, Latinne and Decaestecker, Neural Computation 14, 2002).
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Linkage = Literal["average", "complete", "single"]
Array = NDArray[np.float64]

MOST_PARTNERS = 5  # other photos of its individual that a photo is expected to have at most
_NEVER = 1e12  # a distance that no mean over fewer than 10^6 x 10^6 pairs brings below 1
_MAX_STEPS, _TOLERANCE = 200, 1e-9
_NUM_BINS, _MAX_LOG_ODDS = 2048, 16.0


def same_pair_share(probability: NDArray[np.floating]) -> float:
    """Return the share of pairs that are genuine, by expectation maximisation; 0.5 with fewer than two photos.

    Where similarity tells little, the estimate is too high and everything would become one group. It is therefore
    at most the share at which each photo has `MOST_PARTNERS` others of its individual, and at least the one at which
    there is a single genuine pair.

    >>> p = np.full((4, 4), 0.01)
    >>> p[:2, :2] = p[2:, 2:] = 0.99
    >>> round(same_pair_share(p), 2)  # two of six pairs
    0.33

    Args:
        probability: (n, n) P(same) of every two photos, at even odds.
    """
    from scipy.special import expit, logit

    num_photos = len(probability)
    if num_photos < 2:
        return 0.5
    counts = np.zeros(_NUM_BINS)
    edges = np.linspace(-_MAX_LOG_ODDS, _MAX_LOG_ODDS, _NUM_BINS + 1)
    for row in range(num_photos - 1):
        values = logit(np.clip(probability[row, row + 1 :].astype(np.float64), 1e-7, 1 - 1e-7))
        counts += np.histogram(np.clip(values, -_MAX_LOG_ODDS, _MAX_LOG_ODDS), edges)[0]
    centres = (edges[1:] + edges[:-1]) / 2
    num_pairs = counts.sum()
    least, most = 1 / num_pairs, min(0.5, MOST_PARTNERS / (num_photos - 1))
    share = 0.5
    for _ in range(_MAX_STEPS):
        previous, share = share, float(np.clip(expit(centres + logit(share)) @ counts / num_pairs, least, 0.5))
        if abs(share - previous) < _TOLERANCE:
            break
    return min(share, most)


def link_photos(
    scores: NDArray[Any], level: float, *, different: NDArray[np.bool_] | None = None, by: Linkage = "average"
) -> NDArray[np.int64]:
    """Return a group per photo (n,), from 0 in the order of each group's first photo.

    Args:
        scores: (n, n) P(same) or similarity of every two photos.
        level: The score from which two groups are one.
        different: (n, n) pairs that no group may hold; None for no such pair.
        by: Which score two groups have: the mean over their pairs, the least or the greatest.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # the page starts without it
    from scipy.spatial.distance import squareform

    num_photos = len(scores)
    if num_photos < 2:
        return np.zeros(num_photos, dtype=np.int64)
    distance = np.clip(1 - (scores.astype(np.float64) + scores.T) / 2, 0, None)
    if different is not None:
        distance[different | different.T] = _NEVER
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), by)
    return _numbered(fcluster(tree, max(0.0, 1 - level), "distance"))


def dense_groups(
    scores: NDArray[Any], level: float, *, different: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return a group per photo (n,): HDBSCAN's, each divided where `link_photos` would divide it.

    Density alone chains, so it only decides which photos may be one group. A photo in no dense region is alone.

    Args:
        scores: As of `link_photos`.
        level: Likewise.
        different: Likewise.
    """
    from sklearn.cluster import HDBSCAN

    if len(scores) < 2:
        return np.zeros(len(scores), dtype=np.int64)
    distance = np.clip(1 - (scores.astype(np.float64) + scores.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    dense = np.asarray(HDBSCAN(min_cluster_size=2, metric="precomputed", copy=True).fit_predict(distance))
    labels = np.arange(len(scores))  # a photo alone has its own number
    for region in np.unique(dense[dense >= 0]):
        rows = np.flatnonzero(dense == region)
        among = np.ix_(rows, rows)
        parts = link_photos(scores[among], level, different=None if different is None else different[among])
        labels[rows] = rows[[int(np.argmax(parts == part)) for part in parts]]  # the number of the part's first photo
    return _numbered(labels)


def mean_within(scores: NDArray[Any]) -> float | None:
    """Return the mean score (n, n) of two different photos; None of a photo alone.

    Of calibrated P(same) it is the confidence that a group shows one individual. It does not count in that no photo of
    the group found a likelier partner. How much that tells depends on how many individuals have one photo alone, which
    nobody knows beforehand: results/cluster.md compares it with the share of groups that do show one, for some such
    shares.
    """
    num_pairs = len(scores) * (len(scores) - 1)
    return float((scores.sum() - np.trace(scores)) / num_pairs) if num_pairs else None


def _numbered(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the labels (n,) as numbers from 0 in the order of their first photo."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)
