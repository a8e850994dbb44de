"""Intervals by bootstrap over identities and over support draws: never over photos, which are not independent."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_A_TIME = 64


def bootstrap_interval(
    values: NDArray[np.float64], groups: NDArray[Any], *, seed: int, num_draws: int = 1000
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `values`, by bootstrap over identities (and over support draws).

    Args: see `bootstrap_means`.

    Returns:
        The 2.5th and the 97.5th percentile of the bootstrapped means, in the unit of `values`.

    Raises:
        ValueError: Shapes that do not fit, no draws, or fewer than two identities with a value.
    """
    return interval(bootstrap_means(values, groups, seed=seed, num_draws=num_draws))


def bootstrap_means(
    values: NDArray[np.float64], groups: NDArray[Any], *, seed: int, num_draws: int = 1000
) -> NDArray[np.float64]:
    """Return the mean of `values` in `num_draws` resamples of whole identities and of supports.

    Queries of one identity succeed and fail together, so identities are drawn with replacement, not photos. Equal
    seeds and identities draw alike, so that differences of means are paired; give differences of values all the same.

    Args:
        values: (Q,) per query, or (S, Q) for S support draws over the same queries; NaN (no positive) is left out.
        groups: (Q,) the identity of each query, strings or integers.
        seed: Of the resamples.
        num_draws: How many.

    Raises:
        ValueError: Shapes that do not fit, no draws, or fewer than two identities with a value.
    """
    if values.ndim not in (1, 2) or groups.shape != values.shape[-1:]:
        raise ValueError(f"values are {values.shape}, groups {groups.shape}; expected (Q,) or (S, Q), and (Q,)")
    if num_draws < 1:
        raise ValueError(f"num_draws is {num_draws}; expected at least 1")
    table = np.atleast_2d(values)  # (S, Q)
    names, codes = np.unique(groups[~np.isnan(table).all(axis=0)], return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{len(names)} identities have a value; an interval over identities needs at least 2")
    sums, counts = _by_identity(table[:, ~np.isnan(table).all(axis=0)], codes, len(names))  # (S, identities) each
    of_identities, of_supports = (np.random.default_rng([seed, part]) for part in range(2))
    means = []
    for start in range(0, num_draws, _AT_A_TIME):
        num = min(_AT_A_TIME, num_draws - start)
        weight = of_identities.multinomial(
            len(names), np.full(len(names), 1 / len(names)), size=num
        )  # (num, identities)
        supports = of_supports.multinomial(len(table), np.full(len(table), 1 / len(table)), size=num)  # (num, S)
        total = ((supports @ sums) * weight).sum(axis=1)
        means.append(total / ((supports @ counts) * weight).sum(axis=1))
    return np.concatenate(means)


def interval(means: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of bootstrapped means: their 2.5th and 97.5th percentile; NaN is passed over."""
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


def _by_identity(
    table: NDArray[np.float64], codes: NDArray[np.int64], num: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum and the number of the values of each identity, (S, identities) each."""
    known = ~np.isnan(table)
    sums = [
        np.bincount(codes, weights=np.where(k, row, 0.0), minlength=num) for row, k in zip(table, known, strict=True)
    ]
    counts = [np.bincount(codes, weights=k.astype(float), minlength=num) for k in known]
    return np.array(sums), np.array(counts)
