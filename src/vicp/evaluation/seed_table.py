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


def complete(values: Floats) -> Floats:
    """The tasks that every seed has, of the seeds that have any: NaN is what has not been measured yet."""
    started = values[~np.isnan(values).all(axis=1)]
    return started[:, ~np.isnan(started).any(axis=0)] if len(started) else values[:, :0]


def mean(values: Floats) -> Interval | None:
    """The mean of values (seeds, tasks), by bootstrap over tasks and over seeds, where there are several.

    Of what is `complete`; None where that is less than two tasks.
    """
    there = complete(values)
    return None if there.shape[1] < 2 else Interval(float(there.mean()), *interval(_means(there)))


def difference(left: Floats, right: Floats) -> Interval | None:
    """The mean of the paired differences (seeds, tasks); one row stands for every seed. None as of `mean`."""
    return mean(left - right)


def ratio(left: Floats, right: Floats) -> Interval | None:
    """The ratio of the means, both resampled alike; None as of `mean`."""
    unknown = np.isnan(left + right)
    left, right = (complete(np.where(unknown, np.nan, side)) for side in (left, right))
    if left.shape[1] < 2:
        return None
    return Interval(float(left.mean() / right.mean()), *interval(_means(left) / _means(right)))


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
