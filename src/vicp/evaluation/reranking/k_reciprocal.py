"""Reranking by k-reciprocal encoding of the embeddings (Zhong et al., CVPR 2017, arXiv 1701.08398).

Two photos show the same individual more likely if each is among the other's nearest, and if their nearest are the same
photos. From the task's equations, over all photos, those of queries and those of the gallery:

    N(p, k)   p itself and its k nearest others                                                            (2)
    R(p, k)   those of N(p, k) that have p among their k nearest                                           (3)
    R*(p)     R(p, k1), and R(q, k1/2) of each of its q of which at least two thirds are in R(p, k1)       (4)
    V_pg      exp(-d(p, g)) for g in R*(p), else 0                                                         (7)
    V_p       then the mean of V over N(p, k2 - 1), that is over p and its nearest, k2 photos in all       (11)
    d_J       1 - sum_g min(V_pg, V_qg) / sum_g max(V_pg, V_qg)                                            (10)
    d*        (1 - lambda) d_J + lambda d                                                                  (12)

That a photo counts as its own nearest is our reading: without it, two photos that are each other's nearest would lack
just that in common. d is the squared Euclidean distance of L2-normalised embeddings, 2 - 2 cos. V is kept sparse: at
most k2 (k1 + 1) (k1/2 + 4)/3 entries per photo, whatever the number of photos, and in practice far fewer.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vicp.evaluation.reranking.shortlist import Shortlist, find_shortlist
from vicp.evaluation.task import RetrievalTask
from vicp.metrics.grid import exact_similarity, to_grid
from vicp.metrics.ranks import BLOCK_SIZE
from vicp.progress import Progress

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_NEIGHBOURS = 20  # k1 of the paper, whose galleries hold about as many photos of a person
AVERAGED = 0.3  # k2 of the paper, as a share of k1
_ROWS = 4096  # photos or pairs at a time


def neighbourhood(gallery_identities: NDArray[np.generic], *, leave_one_out: bool) -> tuple[int, int]:
    """Return k1 and k2 for a gallery of named photos: as many neighbours as a photo has others of its individual.

    With more, the neighbours of every photo are mostly of other individuals; with fewer, right ones are left out.

    >>> import numpy as np
    >>> neighbourhood(np.repeat(["Ada", "Tom"], 4), leave_one_out=True)
    (3, 1)

    Args:
        gallery_identities: Who each photo shows (G,); the median individual's photos count.
        leave_one_out: Whether each of them is looked up among the others.
    """
    photos = int(np.median(np.unique(gallery_identities, return_counts=True)[1])) - leave_one_out
    k1 = min(max(photos, 1), MOST_NEIGHBOURS)
    return k1, max(1, round(AVERAGED * k1))


def k_reciprocal_scores(
    task: RetrievalTask,
    shortlist: Shortlist,
    *,
    k1: int = MOST_NEIGHBOURS,
    k2: int = 6,
    weight: float = 0.3,
    block_size: int = BLOCK_SIZE,
    progress: Progress | None = None,
) -> Floats:
    """Return -d* of each query and the photos of its shortlist, (Q, k) float64; -inf at empty places.

    What a query finds depends on the other queries, which are among the neighbours.

    Args:
        task: Q queries in a gallery of G; a query that is a gallery row counts once among the photos.
        shortlist: Of these.
        k1: How many nearest photos may be relatives.
        k2: Over how many photos the encoding is averaged; 1 leaves it as it is.
        weight: Lambda, of the first stage's distance.
        block_size: Photos compared at a time.
        progress: Called with pairs done and pairs in all.

    Raises:
        ValueError: What `find_shortlist` refuses, k2 above k1 + 1, k1 or k2 below 1, or a weight outside [0, 1].
    """
    if not (k1 >= 1 and 1 <= k2 <= k1 + 1 and 0 <= weight <= 1):
        raise ValueError(f"k1 {k1}, k2 {k2}, weight {weight}; expected 1 <= k2 <= k1 + 1 and a weight in [0, 1]")
    photos, photo_of = _photos(task)
    numbers = np.arange(len(photos))
    each_alone = RetrievalTask(photos, photos, numbers, numbers, own_rows=numbers)
    nearest = find_shortlist(each_alone, size=k1, block_size=block_size).rows
    rows = to_grid(photos)
    encoding = _expand(_encode(rows, _relatives(nearest, k1)), nearest, k2)
    return _distances(encoding, rows, photo_of, shortlist, weight, progress)


def _photos(task: RetrievalTask) -> tuple[Tensor, Ints]:
    """Return embeddings (n, D) of gallery and queries, each photo once, and which of them each query is (Q,)."""
    photo_of = np.full(len(task.query), -1) if task.own_rows is None else task.own_rows.copy()
    new = np.flatnonzero(photo_of < 0)  # queries that are no photos of the gallery
    photo_of[new] = len(task.gallery) + np.arange(len(new))
    photos = torch.cat([task.gallery, task.query[torch.from_numpy(new)]]) if len(new) else task.gallery
    return photos, photo_of


def _neighbours(nearest: Ints, k: int) -> sparse.csr_array:
    """Return N(p, k) of every photo p as 0 and 1, (n, n): p itself and its k nearest."""
    own = np.arange(len(nearest))
    row = np.repeat(own, k + 1)
    column = np.concatenate([own[:, None], nearest[:, :k]], axis=1).ravel()
    filled = column >= 0
    return sparse.csr_array((np.ones(filled.sum()), (row[filled], column[filled])), shape=(len(own), len(own)))


def _relatives(nearest: Ints, k1: int) -> sparse.csr_array:
    """Return R*(p) of every photo p, as entries above 0 of (n, n)."""
    close, closer = (_reciprocal(_neighbours(nearest, k)) for k in (k1, round(k1 / 2)))
    size = closer.sum(axis=1)  # (n,)
    parts = []
    for rows in _parts(len(nearest)):
        own = close[rows]  # (r, n)
        shared = (own @ closer).multiply(own).tocoo()  # |R(p, k1) and R(q, k1/2)|, for q in R(p, k1)
        joined = 3 * shared.data >= 2 * size[shared.coords[1]]
        joining = sparse.csr_array(
            (np.ones(joined.sum()), tuple(axis[joined] for axis in shared.coords)), shape=own.shape
        )
        parts.append(own + joining @ closer)
    return sparse.vstack(parts, format="csr")


def _reciprocal(neighbours: sparse.csr_array) -> sparse.csr_array:
    """Return R(p, k): neighbours that have p among theirs."""
    return neighbours.multiply(neighbours.T).tocsr()


def _encode(rows: NDArray[np.float32], relatives: sparse.csr_array) -> sparse.csr_array:
    """Return V of equation 7, (n, n)."""
    pairs = relatives.tocoo()
    values = np.exp(-_squared_distance(rows, *pairs.coords))
    return sparse.csr_array((values, pairs.coords), shape=relatives.shape)


def _expand(encoding: sparse.csr_array, nearest: Ints, k2: int) -> sparse.csr_array:
    """Return V of equation 11, (n, n)."""
    neighbours = _neighbours(nearest, k2 - 1)
    return sparse.diags_array(1 / neighbours.sum(axis=1)) @ (neighbours @ encoding)


def _distances(
    encoding: sparse.csr_array,
    rows: NDArray[np.float32],
    photo_of: Ints,
    shortlist: Shortlist,
    weight: float,
    progress: Progress | None,
) -> Floats:
    """Return -d* of equation 12, (Q, k)."""
    query, place = np.nonzero(shortlist.filled)
    left, right = photo_of[query], shortlist.rows[query, place]  # (P,)
    total = encoding.sum(axis=1)  # (n,)
    scores = np.full(shortlist.rows.shape, -np.inf)
    for part in _parts(len(left)):
        p, q = left[part], right[part]
        smaller = encoding[p].minimum(encoding[q]).sum(axis=1)
        jaccard = 1 - smaller / (total[p] + total[q] - smaller)  # max = sum - min
        scores[query[part], place[part]] = -((1 - weight) * jaccard + weight * _squared_distance(rows, p, q))
        if progress is not None:
            progress(min(part.stop, len(left)), len(left))
    return scores


def _squared_distance(rows: NDArray[np.float32], left: Ints, right: Ints) -> Floats:
    """Return 2 - 2 cos of pairs of photos, (P,)."""
    distance = np.empty(len(left))
    for part in _parts(len(left)):
        distance[part] = 2 - 2 * exact_similarity(rows[left[part]], rows[right[part]])
    return distance


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, count, _ROWS))
