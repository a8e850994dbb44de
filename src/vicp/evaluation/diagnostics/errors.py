"""Errors on one category: identities that are not found, and duplicate photos."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vicp.data.photo_check import read_photos
from vicp.data.photos.fingerprints import near_pairs, photo_fingerprint
from vicp.data.records import BadPhoto, PhotoTable
from vicp.evaluation.results import IdentityErrors
from vicp.evaluation.task import EvaluationTask

_EXAMPLES = 3


def identity_errors(
    average_precision: NDArray[np.float64],
    first_hit: NDArray[np.int64],
    query_identities: NDArray[np.str_],
    wrong_first: NDArray[np.str_],
) -> tuple[IdentityErrors, ...]:
    """Return how each identity fared, the worst mAP first, equal ones by name; queries without an answer are left out.

    Args:
        average_precision: (Q,) in [0, 1].
        first_hit: (Q,) rank of the best right photo, from 1; 0 for a query without an answer.
        query_identities: (Q,).
        wrong_first: (Q,) identity of the best-ranked wrong photo; it counts only where that stands before every right
            photo.

    Raises:
        ValueError: Shapes that do not fit.
    """
    shapes = {array.shape for array in (average_precision, first_hit, query_identities, wrong_first)}
    if shapes != {(len(first_hit),)}:
        raise ValueError(f"got arrays of shapes {sorted(shapes)}, expected (Q,) four times")
    answered = np.flatnonzero(first_hit > 0)
    names, codes, counts = np.unique(query_identities[answered], return_inverse=True, return_counts=True)
    rows_of = np.split(answered[np.argsort(codes, kind="stable")], np.cumsum(counts)[:-1])
    errors = [
        _errors_of(str(name), average_precision[rows], first_hit[rows], wrong_first[rows])
        for name, rows in zip(names, rows_of, strict=bool(len(names)))
    ]
    return tuple(sorted(errors, key=lambda each: (each.map, each.identity)))


def _errors_of(
    identity: str, precision: NDArray[np.float64], first_hit: NDArray[np.int64], wrong_first: NDArray[np.str_]
) -> IdentityErrors:
    confused = Counter(wrong_first[first_hit > 1].tolist())
    most = min(confused.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    return IdentityErrors(
        identity=identity,
        num_queries=len(first_hit),
        map=math.fsum(precision.tolist()) / len(precision),  # the same in any order of queries
        rank1=int((first_hit == 1).sum()) / len(first_hit),
        confused_with=most[0],
        confused=most[1],
    )


def leak_sentences(table: PhotoTable, task: EvaluationTask) -> tuple[str, ...]:
    """Return a sentence for each way in which duplicates, exact or near, spoil a task; often none.

    Kinds: a photo of the support that is tested as well; a tested photo under two identities; and, where queries are
    looked up in a gallery of other photos, a query that is in it (unless both have one code in `task.groups`, which
    leaves the pair out). Photos that cannot be read are passed over.

    Args:
        table: The photos that the task's rows are of, each of which has an identity.
        task: Whose photos are looked at, each once.
    """
    rows = np.unique(np.concatenate([task.support, _tested(task)]))
    bad: list[BadPhoto] = []
    read = list(read_photos(table.select(rows), photo_fingerprint, bad=bad))
    rows = rows[[index for index, _ in read]]
    blocks = near_pairs([photo for _, photo in read])
    twice = rows[np.unique(np.concatenate([np.zeros((0, 2), dtype=np.int64), *blocks]), axis=0)]  # (p, 2) table rows
    same = np.array(table.frame["identity"])[twice]
    taught = _between(task.support, _tested(task), twice)
    mislabelled = twice[np.isin(twice, _tested(task)).all(axis=1) & (same[:, 0] != same[:, 1])]
    looked_up = np.zeros((0, 2), dtype=np.int64) if task.leave_one_out else _looked_up(table, task, twice)
    kinds = (
        (taught, "support and tested photos that show the same: what is tested was taught"),
        (mislabelled, "tested photos that show the same under two identities: probably a wrong label"),
        (looked_up, "query and gallery photos of one identity that show the same: finding those proves nothing"),
    )
    return tuple(_sentence(table, pairs, meaning) for pairs, meaning in kinds if len(pairs))


def _tested(task: EvaluationTask) -> NDArray[np.int64]:
    pairs = () if task.pairs is None else (task.pairs.left, task.pairs.right)
    return np.unique(np.concatenate([task.query, task.gallery, *pairs]))


def _looked_up(table: PhotoTable, task: EvaluationTask, twice: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the duplicates among pairs of a query and a gallery photo of its identity."""
    pairs = _between(task.query, task.gallery, twice)
    one, other = np.array(table.frame["identity"])[pairs].T
    counted = np.array(one == other, dtype=np.bool_)
    if task.groups is not None:
        left, right = task.groups[pairs].T
        counted &= (left != right) | (left < 0)
    return pairs[np.flatnonzero(counted)]


def _between(one: NDArray[np.int64], other: NDArray[np.int64], twice: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return pairs (p, 2) with one photo in each of two sets of rows; a row in both is paired with itself."""
    crossed = np.concatenate([twice, twice[:, ::-1]])
    crossed = crossed[np.isin(crossed[:, 0], one) & np.isin(crossed[:, 1], other)]
    both = np.intersect1d(one, other)
    return np.unique(np.sort(np.concatenate([crossed, np.stack([both, both], axis=1)]), axis=1), axis=0)


def _sentence(table: PhotoTable, pairs: NDArray[np.int64], meaning: str) -> str:
    paths: Sequence[str] = table.frame["path"].to_list()
    shown = [paths[a] if a == b else f"{paths[a]} and {paths[b]}" for a, b in pairs[:_EXAMPLES]]
    count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    more = "; ..." if len(pairs) > _EXAMPLES else ""
    return f"{count} of {meaning} ({'; '.join(shown)}{more})."
