"""Logistic regression with a Gaussian prior, and the Gaussian around its mode (Laplace's approximation)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_STEPS = 60


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian over coefficients.

    Attributes:
        mean: (C,).
        covariance: (C, C).
    """

    mean: Array
    covariance: Array


def logistic_posterior(features: Array, same: NDArray[np.bool_], weight: Array, prior: Gaussian) -> Gaussian:
    """Return the posterior of logistic regression's coefficients, by Newton's method with halved steps.

    MacKay, Neural Computation 4 (1992).

    Args:
        features: (T, C).
        same: (T,) what is predicted.
        weight: (T,) how much each counts.
        prior: Of the coefficients.
    """
    precision = np.linalg.inv(prior.covariance)
    target = same.astype(np.float64)

    def objective(coefficients: Array) -> float:
        log_odds = features @ coefficients
        gap = coefficients - prior.mean
        return float(weight @ (target * log_odds - np.logaddexp(0, log_odds)) - gap @ precision @ gap / 2)

    coefficients, value = prior.mean, objective(prior.mean)
    for _ in range(MAX_STEPS):
        p = 1 / (1 + np.exp(-np.clip(features @ coefficients, -500, 500)))
        gradient = features.T @ (weight * (target - p)) - precision @ (coefficients - prior.mean)
        hessian = (features * (weight * p * (1 - p))[:, None]).T @ features + precision
        step = np.linalg.solve(hessian, gradient)
        while objective(coefficients + step) < value - 1e-12 and np.abs(step).max() > 1e-9:
            step = step / 2
        coefficients = coefficients + step
        value = objective(coefficients)
        if np.abs(step).max() < 1e-8:
            break
    p = 1 / (1 + np.exp(-np.clip(features @ coefficients, -500, 500)))
    hessian = (features * (weight * p * (1 - p))[:, None]).T @ features + precision
    return Gaussian(coefficients, np.linalg.inv(hessian))
