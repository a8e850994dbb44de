"""Example rankings: a few queries, and the first gallery photos each of them finds."""

import io

import numpy as np
from torch import Tensor

from vicp.data.images import decode_photo
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.report.context import Hit, RankList
from vicp.evaluation.reranking.shortlist import Shortlist, find_shortlist
from vicp.evaluation.scoring import LoadedTask
from vicp.evaluation.task import Rows
from vicp.metrics import Retrieval

NUM_LISTS, NUM_HITS, THUMBNAIL = 3, 5, 192


def sample_queries(found: Retrieval, *, seed: int) -> Rows:
    """Numbers of three random queries that have an answer, or of all where there are fewer."""
    rng = np.random.default_rng(derive_seed(seed, "rank lists"))
    drawn: Rows = rng.permutation(np.flatnonzero(found.first_hit > 0))[:NUM_LISTS]
    return drawn


def make_rank_lists(table: PhotoTable, paper: LoadedTask, embeddings: Tensor, queries: Rows) -> tuple[RankList, ...]:
    """The first five gallery photos of each query; what the exam leaves out for it is not among them.

    Args:
        table: the photos that the paper's exam is about.
        paper: n photos.
        embeddings: (n, D) of these.
        queries: numbers of queries in the exam.

    Raises:
        DataError: a photo that cannot be read.
    """
    exam = paper.exam
    closest = _closest(paper, embeddings, queries, among=np.arange(len(exam.gallery)), size=NUM_HITS)
    lists = []
    for query, columns, scores in zip(exam.query[queries], closest.rows, closest.similarity, strict=True):
        photos = exam.gallery[columns[columns >= 0]]
        hits = [_hit(table, query, photo, score) for photo, score in zip(photos, scores, strict=False)]
        lists.append(RankList(_thumbnail(table, query), _name(table, query), _identity(table, query), tuple(hits)))
    return tuple(lists)


def first_match(paper: LoadedTask, embeddings: Tensor, query: int) -> int:
    """Number in the gallery of the most similar photo that is an answer to a query, which must have one.

    Args:
        paper: n photos.
        embeddings: (n, D) of these.
        query: its number in the exam.
    """
    right = np.flatnonzero(paper.identities[paper.gallery] == paper.identities[paper.query[query]])
    return int(_closest(paper, embeddings, np.array([query]), among=right, size=1).rows[0, 0])


def _closest(paper: LoadedTask, embeddings: Tensor, queries: Rows, *, among: Rows, size: int) -> Shortlist:
    """The shortlist of a few queries among some gallery photos, ascending numbers, with the queries' own in them."""
    asked, known = paper.query[queries], paper.gallery[among]
    query_groups, gallery_groups = paper.groups
    shortlist = find_shortlist(
        embeddings[asked],
        embeddings[known],
        size=min(size, len(among) - paper.exam.leave_one_out),
        own_rows=None if paper.own_rows is None else np.searchsorted(among, paper.own_rows[queries]),
        query_identities=paper.identities[asked],
        gallery_identities=paper.identities[known],
        query_groups=None if query_groups is None else query_groups[queries],
        gallery_groups=None if gallery_groups is None else gallery_groups[among],
    )
    return Shortlist(np.where(shortlist.filled, among[shortlist.rows], -1), shortlist.similarity)


def _hit(table: PhotoTable, query: int, photo: int, similarity: float) -> Hit:
    identity = _identity(table, photo)
    right = identity == _identity(table, query)
    return Hit(_thumbnail(table, photo), _name(table, photo), identity, float(similarity), right)


def _thumbnail(table: PhotoTable, row: int) -> bytes:
    photo = decode_photo(table.photo_bytes(row), min_side=THUMBNAIL)
    photo.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    photo.save(buffer, format="JPEG", quality=88)
    return buffer.getvalue()


def _name(table: PhotoTable, row: int) -> str:
    return str(table.frame["path"].iloc[row])


def _identity(table: PhotoTable, row: int) -> str:
    return str(table.frame["identity"].iloc[row])
