"""Example rankings: a few queries, and the first gallery photos each of them finds."""

import numpy as np
from torch import Tensor

from vicp.data.images import decode_photo
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.reranking.shortlist import Shortlist, find_shortlist
from vicp.evaluation.results import Hit, RankList
from vicp.evaluation.task import LoadedTask, Rows
from vicp.io import encode_thumbnail
from vicp.metrics import Retrieval

NUM_LISTS, NUM_HITS, THUMBNAIL = 3, 5, 192


def sample_queries(found: Retrieval, *, seed: int) -> Rows:
    """Return the numbers of three random queries that have an answer, or of all where there are fewer."""
    rng = np.random.default_rng(derive_seed(seed, "rank lists"))
    drawn: Rows = rng.permutation(np.flatnonzero(found.first_hit > 0))[:NUM_LISTS]
    return drawn


def make_rank_lists(
    table: PhotoTable, loaded_task: LoadedTask, embeddings: Tensor, queries: Rows
) -> tuple[RankList, ...]:
    """Return the first five gallery photos of each query; what the task leaves out for it is not among them.

    Args:
        table: The photos that the task is about.
        loaded_task: n photos.
        embeddings: (n, D) of these.
        queries: Numbers of queries in the task.

    Raises:
        DataError: A photo that cannot be read.
    """
    task = loaded_task.task
    closest = _closest(loaded_task, embeddings, queries, gallery=np.arange(len(task.gallery)), size=NUM_HITS)
    lists = []
    for query, columns, scores in zip(task.query[queries], closest.rows, closest.similarity, strict=True):
        photos = task.gallery[columns[columns >= 0]]
        hits = [_hit(table, query, photo, score) for photo, score in zip(photos, scores, strict=False)]
        lists.append(RankList(_thumbnail(table, query), _name(table, query), _identity(table, query), tuple(hits)))
    return tuple(lists)


def first_match(loaded_task: LoadedTask, embeddings: Tensor, query: int) -> int:
    """Return the gallery number of the most similar photo that is an answer to a query, which must have one.

    Args:
        loaded_task: n photos.
        embeddings: (n, D) of these.
        query: Its number in the task.
    """
    matching = np.flatnonzero(
        loaded_task.identities[loaded_task.gallery] == loaded_task.identities[loaded_task.query[query]]
    )
    return int(_closest(loaded_task, embeddings, np.array([query]), gallery=matching, size=1).rows[0, 0])


def _closest(loaded_task: LoadedTask, embeddings: Tensor, queries: Rows, *, gallery: Rows, size: int) -> Shortlist:
    """Return the shortlist of a few queries among some ascending gallery photos, with the queries' own among them."""
    some = loaded_task.embedded(embeddings).select(queries, gallery)
    shortlist = find_shortlist(some, size=min(size, len(gallery) - loaded_task.task.leave_one_out))
    return Shortlist(np.where(shortlist.filled, gallery[shortlist.rows], -1), shortlist.similarity)


def _hit(table: PhotoTable, query: int, photo: int, similarity: float) -> Hit:
    identity = _identity(table, photo)
    right = identity == _identity(table, query)
    return Hit(_thumbnail(table, photo), _name(table, photo), identity, float(similarity), right)


def _thumbnail(table: PhotoTable, row: int) -> bytes:
    photo = decode_photo(table.photo_bytes(row), min_side=THUMBNAIL)
    return encode_thumbnail(photo, THUMBNAIL, quality=88)


def _name(table: PhotoTable, row: int) -> str:
    return str(table.frame["path"].iloc[row])


def _identity(table: PhotoTable, row: int) -> str:
    return str(table.frame["identity"].iloc[row])
