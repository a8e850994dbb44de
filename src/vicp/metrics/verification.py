"""ROC, AUC, accuracy, TPR at FPR and FNMR at FMR: how well similarities tell same-pairs from different ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vicp.metrics.ranking import sides
from vicp.metrics.ranks import QUERY_ROWS, Side

_ENTRIES = 4_000_000  # similarities held at a time


@dataclass(frozen=True, eq=False)
class Verification:
    """The ROC curve: a point for each threshold that matters, the strictest first; straight lines between are ties.

    Attributes:
        threshold: (K,) pairs with a similarity of at least this are called the same; +inf at the first point.
        true_matches: (K,) same-pairs called the same.
        false_matches: (K,) different-pairs called the same.
    """

    threshold: NDArray[np.float64]
    true_matches: NDArray[np.float64]
    false_matches: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """P(a same-pair scores above a different-pair), ties counting half: the area under the curve."""
        width = np.diff(self.false_matches)
        area = (width * (self.true_matches[1:] + self.true_matches[:-1])).sum() / 2
        return float(area / (self.true_matches[-1] * self.false_matches[-1]))

    @property
    def accuracy(self) -> float:
        """The share of pairs on the right side of the best threshold."""
        right = self.true_matches + self.false_matches[-1] - self.false_matches
        return float(right.max() / (self.true_matches[-1] + self.false_matches[-1]))

    @property
    def best_threshold(self) -> float:
        """The threshold of `accuracy`, of several the strictest."""
        return float(self.threshold[np.argmax(self.true_matches - self.false_matches)])

    def tpr_at(self, fpr: float) -> float:
        """Return the largest share of same-pairs called the same while at most this share of different-pairs is.

        No interpolation: only thresholds that exist.
        """
        allowed = self.false_matches <= fpr * self.false_matches[-1]
        return float(self.true_matches[allowed].max() / self.true_matches[-1])

    def fnmr_at(self, fmr: float) -> float:
        """Return the false non-match rate at a false match rate: 1 - TPR at FPR, in the words of ISO/IEC 19795."""
        return 1 - self.tpr_at(fmr)

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the false and true positive rates (K,) each, from (0, 0) to (1, 1)."""
        return self.false_matches / self.false_matches[-1], self.true_matches / self.true_matches[-1]


def verification(
    scores: NDArray[Any], same: NDArray[np.bool_], *, weights: NDArray[np.float64] | None = None
) -> Verification:
    """Return the ROC curve of labelled pairs.

    >>> import numpy as np
    >>> found = verification(np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, False, True, False]))
    >>> found.auc, found.accuracy, found.tpr_at(0.0), found.fnmr_at(0.5)
    (0.75, 0.75, 0.5, 0.0)

    Args:
        scores: (P,) finite, higher is closer.
        same: (P,) bool.
        weights: (P,) how often each pair counts; None is once.

    Raises:
        ValueError: Shapes that do not fit, scores that are not finite, or pairs of one kind only.
    """
    if scores.ndim != 1 or same.shape != scores.shape or same.dtype != np.bool_:
        raise ValueError(f"scores are {scores.shape}, same is {same.shape} {same.dtype}; expected (P,) and (P,) bool")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold values that are not finite; expected finite numbers")
    weights = np.ones(len(scores)) if weights is None else weights
    if not (weights[same].sum() > 0 and weights[~same].sum() > 0):
        raise ValueError(
            f"{int(same.sum())} same-pairs and {int((~same).sum())} different-pairs; expected at least one of each"
        )
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last pair of each score
    true = np.cumsum(np.where(same, weights, 0.0)[order])[ends]
    false = np.cumsum(np.where(same, 0.0, weights)[order])[ends]
    return _curve(scores[order][ends], true, false)


def verify_all(
    query: Tensor,
    gallery: Tensor,
    query_identities: NDArray[Any],
    gallery_identities: NDArray[Any],
    *,
    leave_one_out: bool,
) -> Verification:
    """Return the ROC curve of ALL pairs of a query and a gallery row, in memory O(same-pairs + one block).

    Exact as `retrieval` is. With `leave_one_out` (the query is the gallery) both orders of a pair count, and no photo
    meets itself.

    Raises:
        ValueError: As `retrieval`, or pairs of one kind only.
    """
    asked, known = sides(query, gallery, query_identities, gallery_identities)
    positive, counts = (
        _positives(asked, known, leave_one_out),
        np.bincount(known.codes, minlength=asked.codes.max() + 1),
    )
    num_negatives = len(asked.rows) * len(known.rows) - int(counts[asked.codes].sum())
    if not (len(positive) and num_negatives):
        raise ValueError(f"{len(positive)} same-pairs and {num_negatives} different-pairs; expected at least one each")
    distinct, times = np.unique(positive, return_counts=True)  # ascending
    at_least, above = np.zeros(len(distinct), np.int64), np.zeros(len(distinct), np.int64)
    rows = max(_ENTRIES // QUERY_ROWS, 1)
    for start in range(0, len(asked.rows), QUERY_ROWS):
        part = slice(start, start + QUERY_ROWS)
        for first in range(0, len(known.rows), rows):
            block = slice(first, first + rows)
            similarity = asked.rows[part].astype(np.float64) @ known.rows[block].astype(np.float64).T
            negative = np.sort(similarity[asked.codes[part, None] != known.codes[block]])
            at_least += len(negative) - np.searchsorted(negative, distinct, side="left")
            above += len(negative) - np.searchsorted(negative, distinct, side="right")
    true = np.cumsum(times[::-1])
    # Two points per score: before it (negatives above) and with it (negatives at least as high).
    before = np.concatenate([[0], true[:-1]])
    return _curve(
        np.append(np.repeat(distinct[::-1], 2), -np.inf),
        np.append(np.stack([before, true], axis=1).ravel(), true[-1]),
        np.append(np.stack([above[::-1], at_least[::-1]], axis=1).ravel(), num_negatives),
    )


def _positives(query: Side, gallery: Side, leave_one_out: bool) -> NDArray[np.float64]:
    """Return the similarities of all same-pairs."""
    found = []
    order = np.argsort(gallery.codes, kind="stable")
    begin, end = (np.searchsorted(gallery.codes[order], query.codes, side=side) for side in ("left", "right"))
    for code in np.unique(query.codes):
        rows = np.flatnonzero(query.codes == code)
        others = order[begin[rows[0]] : end[rows[0]]]
        similarity = query.rows[rows].astype(np.float64) @ gallery.rows[others].astype(np.float64).T
        keep = rows[:, None] != others if leave_one_out else np.ones(similarity.shape, dtype=np.bool_)
        found.append(similarity[keep])
    return np.concatenate(found)


def _curve(threshold: NDArray[Any], true: NDArray[Any], false: NDArray[Any]) -> Verification:
    """Return the curve from its points, with the point where nothing is called the same before them."""
    return Verification(
        np.concatenate([[np.inf], threshold]),
        np.concatenate([[0.0], true.astype(np.float64)]),
        np.concatenate([[0.0], false.astype(np.float64)]),
    )
