"""The regularised incomplete beta function and what follows from it: Student's t, the binomial, and beta quantiles.

SciPy has the same and takes half a second to import, which is most of the time of a question about two photos.
"""

from math import exp, lgamma, log, log1p

_STEPS = 10_000
_PRECISION = 1e-15
_TINY = 1e-300


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return I_x(a, b) by the continued fraction of DLMF 8.17.22, evaluated by Lentz's method.

    Args:
        a: Above 0.
        b: Above 0.
        x: From 0 to 1.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast below
        return 1 - incomplete_beta(b, a, 1 - x)
    factor = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return factor * _fraction(a, b, x)


def student_t_cdf(t: float, degrees: float) -> float:
    """Return P(T <= t) of Student's t with these degrees of freedom."""
    tail = incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2
    return tail if t <= 0 else 1 - tail


def binomial_cdf(k: int, trials: int, rate: float) -> float:
    """Return P(K <= k) of a binomial, k from 0 to `trials`."""
    return 1.0 if k >= trials else incomplete_beta(trials - k, k + 1, 1 - rate)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = probability, by bisection to the last bit."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if incomplete_beta(a, b, middle) < probability else (low, middle)
    return middle


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        for coefficient in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c = 1 + coefficient / (c or _TINY)
            d = 1 / ((1 + coefficient * d) or _TINY)
            value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return value
