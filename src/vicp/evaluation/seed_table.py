"""Values over training seeds and tasks: their mean, differences and ratios, with intervals over both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.metrics import bootstrap_means, interval

Floats = NDArray[np.float64]
NUM_DRAWS, SEED = 2000, 0


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is."""
        return self.low > 0


def mean(values: Floats) -> Interval:
    """The mean of values (seeds, tasks), by bootstrap over tasks and over seeds, where there are several."""
    return Interval(float(np.nanmean(values)), *interval(_means(values)))


def difference(left: Floats, right: Floats) -> Interval:
    """The mean of the paired differences (seeds, tasks); one row stands for every seed."""
    return mean(left - right)


def ratio(left: Floats, right: Floats) -> Interval:
    """The ratio of the means, both resampled alike."""
    left, right = np.broadcast_arrays(left, right)
    means = _means(left.copy()) / _means(right.copy())
    return Interval(float(np.nanmean(left) / np.nanmean(right)), *interval(means))


def mean_over_seeds(samples: Sequence[Floats], values: Sequence[float]) -> tuple[float, Floats]:
    """The mean of S seeds' values, and of their resamples (R,) each, where every resample draws its seeds anew.

    Args:
        samples: resamples of each seed; those of equal index are paired.
        values: of each seed.
    """
    table = np.stack(samples)  # (S, R)
    chosen = np.random.default_rng(SEED).integers(len(table), size=table.shape)
    return float(np.mean(values)), np.take_along_axis(table, chosen, axis=0).mean(axis=0)


def _means(values: Floats) -> Floats:
    return bootstrap_means(values, np.arange(values.shape[1]), seed=SEED, num_draws=NUM_DRAWS)
