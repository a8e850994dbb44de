"""Values over training seeds and tasks: their mean, differences and ratios, with intervals over both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.metrics import bootstrap_means, interval

Floats = NDArray[np.float64]
Groups = NDArray[Any]  # strings or integers
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
    return _begun(values)[:, _everywhere(values)]


def has_interval(values: Floats, groups: Groups | None = None) -> bool:
    """Whether two groups or more are complete: less has no interval."""
    return len(set(_kinds(values, groups))) > 1


def mean(values: Floats, groups: Groups | None = None) -> Interval | None:
    """The mean of values (seeds, tasks), by bootstrap over tasks and over seeds, where there are several.

    Args:
        values: of which those count that are `complete`.
        groups: (tasks,) of tasks that succeed and fail together, such as those of one rule: drawn as a whole. None is
            each task for itself.

    Returns:
        None where less than two groups are complete.
    """
    if not has_interval(values, groups):
        return None
    there = complete(values)
    return Interval(float(there.mean()), *interval(_means(there, _kinds(values, groups))))


def difference(left: Floats, right: Floats, groups: Groups | None = None) -> Interval | None:
    """The mean of the paired differences (seeds, tasks); one row stands for every seed. See `mean`."""
    return mean(left - right, groups)


def ratio(left: Floats, right: Floats, groups: Groups | None = None) -> Interval | None:
    """The ratio of the means, both resampled alike; groups and None as of `mean`."""
    unknown = np.isnan(left + right)
    kinds = _kinds(np.where(unknown, np.nan, left), groups)
    left, right = (complete(np.where(unknown, np.nan, side)) for side in (left, right))
    if len(set(kinds)) < 2:
        return None
    return Interval(float(left.mean() / right.mean()), *interval(_means(left, kinds) / _means(right, kinds)))


def mean_over_seeds(samples: Sequence[Floats], values: Sequence[float]) -> tuple[float, Floats]:
    """The mean of S seeds' values, and of their resamples (R,) each, where every resample draws its seeds anew.

    Args:
        samples: resamples of each seed; those of equal index are paired.
        values: of each seed.
    """
    table = np.stack(samples)  # (S, R)
    chosen = np.random.default_rng(SEED).integers(len(table), size=table.shape)
    return float(np.mean(values)), np.take_along_axis(table, chosen, axis=0).mean(axis=0)


def groups_of(names: Sequence[str]) -> Groups | None:
    """The names as groups for `mean`; None where there is only one, whose members are then drawn each by itself."""
    return np.array(names) if len({*names}) > 1 else None


def _begun(values: Floats) -> Floats:
    return values[~np.isnan(values).all(axis=1)]


def _everywhere(values: Floats) -> NDArray[np.bool_]:
    """Which tasks every seed that has begun has (tasks,)."""
    begun = _begun(values)
    known: NDArray[np.bool_] = np.all(~np.isnan(begun), axis=0, keepdims=True)[0]
    return known & (len(begun) > 0)


def _kinds(values: Floats, groups: Groups | None) -> Groups:
    """The group of each complete task."""
    kinds: Groups = np.arange(values.shape[1]) if groups is None else groups
    return kinds[_everywhere(values)]


def _means(values: Floats, groups: Groups) -> Floats:
    return bootstrap_means(values, groups, seed=SEED, num_draws=NUM_DRAWS)
