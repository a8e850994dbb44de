"""Finite-sample bounds on a rate: which rate so many trials can bound, and how many it takes.

Exact binomial limits: Clopper and Pearson, Biometrika 26 (1934). An order statistic as a threshold: Wilks, Annals of
Mathematical Statistics 12 (1941), and, as split conformal prediction, Vovk, Gammerman and Shafer (2005).
"""

from bisect import bisect_right
from math import ceil, floor, log, log1p

from vicp.decisions.incomplete_beta import beta_quantile, binomial_cdf


def upper_limit(failures: int, trials: int, *, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson limit: the largest rate at which so few failures are not too unlikely.

    >>> round(upper_limit(0, 59, confidence=0.95), 4)  # "the rule of three": about 3 / 59
    0.0495

    Args:
        failures: k of `trials`, independent of each other.
        trials: 0 or more; none allow any rate.
        confidence: In (0, 1).

    Raises:
        ValueError: Numbers outside their range.
    """
    _check(confidence=confidence)
    if not 0 <= failures <= trials:
        raise ValueError(f"{failures} failures of {trials} trials; expected 0 to {trials}")
    if failures == trials:
        return 1.0
    return beta_quantile(confidence, failures + 1, trials - failures)


def allowed_failures(trials: int, rate: float, *, confidence: float) -> int:
    """Return the most failures of so many trials that still bound the rate; -1 where not even none would.

    The most k with `upper_limit(k) <= rate`, that is P(Binomial(trials, rate) <= k) <= 1 - confidence.

    Raises:
        ValueError: Numbers outside their range.
    """
    _check(rate=rate, confidence=confidence)
    limit = (1 - confidence) * (1 + 1e-9)
    return bisect_right(range(trials), limit, key=lambda k: binomial_cdf(k, trials, rate)) - 1


def trials_needed(rate: float, *, confidence: float) -> int:
    """Return the fewest trials that bound the rate if none of them fails: (1 - rate)^n <= 1 - confidence.

    >>> trials_needed(0.05, confidence=0.95), trials_needed(0.01, confidence=0.95)
    (59, 299)

    Raises:
        ValueError: Numbers outside their range.
    """
    _check(rate=rate, confidence=confidence)
    n = max(ceil(log(1 - confidence) / log1p(-rate)) - 1, 1)  # one fewer, for what rounding may do
    while allowed_failures(n, rate, confidence=confidence) < 0:
        n += 1
    return n


def conformal_rank(num_units: int, rate: float) -> int:
    """Return which of the largest scores is the threshold that keeps the rate on average; 0 where none does.

    Units are exchangeable and each one's score is its highest similarity to another unit. The k-th largest of n such
    scores is exceeded by the next unit's with probability at most (k + 1) / (n + 1). The bound of split conformal
    prediction, k / (n + 1), is for scores that do not depend on the other units. Here the next unit may be the nearest
    of one of the n, whose score would have been higher with it among them; of no more than one, since it is then its
    own nearest too.

    Raises:
        ValueError: Numbers outside their range.
    """
    _check(rate=rate)
    return max(floor(rate * (num_units + 1) + 1e-9) - 1, 0)


def _check(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}; expected a number between 0 and 1")
