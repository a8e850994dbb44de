"""The reliability diagram and the expected calibration error.

ECE as of Naeini, Cooper and Hauskrecht (AAAI 2015), in bins of equal width. Pairs of both kinds weigh the same, since
there are always far more different-pairs than same-pairs and P(same) is for even odds beforehand.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 10


class Bin(NamedTuple):
    """Pairs whose probabilities lie in one tenth: their mean probability, the share that is the same, their weight."""

    probability: float
    frequency: float
    weight: float


def reliability(
    probability: NDArray[np.float64],
    same: NDArray[np.bool_],
    *,
    balanced: bool = True,
    weight: NDArray[np.float64] | None = None,
    num_bins: int = NUM_BINS,
) -> list[Bin]:
    """Return the points of the reliability diagram, empty bins left out; weights add up to 1.

    >>> [tuple(round(v, 2) for v in b) for b in reliability(np.array([0.1, 0.9, 0.9]), np.array([False, True, True]))]
    [(0.1, 0.0, 0.5), (0.9, 1.0, 0.5)]

    Args:
        probability: (P,) in [0, 1].
        same: (P,) what was true.
        balanced: Same- and different-pairs weigh the same in total, where no weights are given.
        weight: (P,) how much each counts.
        num_bins: Of equal width.

    Raises:
        ValueError: Shapes that do not fit, or pairs of one kind only where they should be balanced.
    """
    if probability.shape != same.shape or probability.ndim != 1 or not len(same):
        raise ValueError(f"probability is {probability.shape}, same {same.shape}; expected (P,) and (P,)")
    if weight is not None:
        weight = weight / weight.sum()
    elif not balanced:
        weight = np.full(len(same), 1 / len(same))
    else:
        if same.all() or not same.any():
            raise ValueError("pairs of one kind only; expected both")
        weight = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    number = np.minimum((probability * num_bins).astype(np.int64), num_bins - 1)
    total, mean, frequency = (
        np.bincount(number, weights=weight * values, minlength=num_bins)
        for values in (np.ones(len(same)), probability, same.astype(np.float64))
    )
    return [
        Bin(float(mean[i] / total[i]), float(frequency[i] / total[i]), float(total[i])) for i in np.flatnonzero(total)
    ]


def calibration_error(
    probability: NDArray[Any],
    same: NDArray[np.bool_],
    *,
    balanced: bool = True,
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Return the expected calibration error: by how much probability and frequency differ, over the bins.

    >>> round(calibration_error(np.array([0.1, 0.9, 0.9]), np.array([False, True, True])), 3)
    0.1
    """
    bins = reliability(probability, same, balanced=balanced, weight=weight)
    return sum(b.weight * abs(b.probability - b.frequency) for b in bins)
