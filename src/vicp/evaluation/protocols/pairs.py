"""Verification pairs of one category, drawn without a matrix of all pairs however many photos there are."""

import numpy as np
from numpy.typing import NDArray

from vicp.data.seeds import derive_seed
from vicp.evaluation.task import LabelledPairs, Rows

MOST_PAIRS = 10_000  # of each kind


def sample_pairs(
    identities: Rows, groups: Rows, query: NDArray[np.bool_], gallery: NDArray[np.bool_], *, seed: int
) -> LabelledPairs | None:
    """Return all same-pairs or 10,000 of them, and as many different-pairs where there are so many.

    Pairs of a kind are equally likely. Left is a query and right a gallery photo, never the same one; where the
    query is the gallery, no two photos are paired twice. A same-pair of one group is left out (see
    `EvaluationTask.groups`).

    Args:
        identities: Code of each photo (m,).
        groups: Code of each photo (m,), -1 where unknown.
        query: Photos looked up (m,).
        gallery: Photos they are looked up in (m,); the same as `query`, or none of them.
        seed: Equal arguments give equal pairs.

    Returns:
        Indices into the m photos; None where there is no pair of one of the kinds.
    """
    rng = np.random.default_rng(derive_seed(seed, "verification pairs"))
    key = group_keys(identities, groups)
    rights = np.flatnonzero(gallery)
    rights = rights[
        np.argsort(key[rights], kind="stable")
    ]  # photos of an identity side by side, in it those of a group
    leave_one_out = np.array_equal(query, gallery)
    lefts = rights if leave_one_out else np.flatnonzero(query)
    first, stop = _span(identities[rights], identities[lefts])
    group_first, group_stop = _span(key[rights], key[lefts])
    unknown = groups[lefts] < 0
    if leave_one_out:  # each photo with those after it
        after = np.arange(1, len(lefts) + 1)
        same = _draw(after, stop, after, np.where(unknown, after, group_stop), MOST_PAIRS, rng)
        different = _draw(stop, np.full_like(stop, len(rights)), stop, stop, len(same), rng)
    else:
        same = _draw(
            first, stop, np.where(unknown, first, group_first), np.where(unknown, first, group_stop), MOST_PAIRS, rng
        )
        different = _draw(np.zeros_like(first), np.full_like(first, len(rights)), first, stop, len(same), rng)
    if not (len(same) and len(different)):
        return None
    left, right = np.concatenate([same, different]).T  # (P,), (P,)
    return LabelledPairs(lefts[left], rights[right], np.arange(len(left)) < len(same))


def has_answer(
    identities: Rows, groups: Rows, query: NDArray[np.bool_], gallery: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which queries (m,) have a gallery photo of their identity, other than themselves, that counts.

    Args:
        identities: See `sample_pairs`.
        groups: Likewise; a gallery photo of the query's identity and group does not count.
        query: likewise.
        gallery: likewise.
    """
    key = group_keys(identities, groups)
    same = np.bincount(identities[gallery], minlength=identities.max(initial=0) + 1)[identities]
    _, codes = np.unique(key, return_inverse=True)
    of_group = np.bincount(codes[gallery], minlength=codes.max(initial=0) + 1)[codes]
    answers: NDArray[np.bool_] = query & (same > np.where(groups < 0, gallery, of_group))
    return answers


def group_keys(identities: Rows, groups: Rows) -> Rows:
    """Return a number per photo (m,) that is equal for the same identity and group; sorts by identity first."""
    keys: Rows = identities * (groups.max(initial=-1) + 2) + groups + 1
    return keys


def _span(ordered: Rows, values: Rows) -> tuple[Rows, Rows]:
    """Return where each value begins and ends in an ascending array."""
    return np.searchsorted(ordered, values), np.searchsorted(ordered, values, side="right")


def _draw(start: Rows, stop: Rows, hole_start: Rows, hole_stop: Rows, most: int, rng: np.random.Generator) -> Rows:
    """Return distinct pairs (left, right) with right in [start, stop) of left but not in its hole (P, 2).

    The pairs are numbered through, left after left; numbers are drawn and taken apart again.
    """
    room = stop - start - (hole_stop - hole_start)  # per left
    ends = room.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    chosen = np.sort(rng.choice(total, min(most, total), replace=False)) if total else np.zeros(0, dtype=np.int64)
    left = np.searchsorted(ends, chosen, side="right")
    right = start[left] + chosen - (ends - room)[left]
    right += np.where(right >= hole_start[left], (hole_stop - hole_start)[left], 0)
    return np.stack([left, right], axis=1)
