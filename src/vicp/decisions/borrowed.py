"""What other categories say about similarities, for a category of which little is known: a prior that it moves.

`borrowed.json` has a row per category of public photo sets, which `python -m benchmarks.decisions.borrow` wrote: where
its impostors lie, how far they spread, and the logistic curve from there to the log-likelihood ratio of "same".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.laplace import Gaussian

Array = NDArray[np.float64]
SimilarityKind = Literal["plain", "metric"]  # cosines of features, or after a linear map centred on the support
SPREAD_FLOOR = (0.2, 0.2, 0.01)  # standard deviations over categories that are added: so few have not shown all


@dataclass(frozen=True)
class BorrowedCategory:
    """A category whose individuals are known.

    Attributes:
        source: The photo set; what stems from one set is left out together.
        category: Its name.
        kind: Of the similarities.
        individuals: How many it has.
        location: Mean `log_similarity` of impostor pairs.
        spread: Their standard deviation.
        offset: Log-likelihood ratio at the location, for a single photo.
        slope: By how much it rises with one spread.
        photos: By how much it changes with the logarithm of the number of photos compared.
    """

    source: str
    category: str
    kind: SimilarityKind
    individuals: int
    location: float
    spread: float
    offset: float
    slope: float
    photos: float


@dataclass(frozen=True, eq=False)
class Prior:
    """What is expected of a category before any of its pairs are known.

    Attributes:
        curve: Of offset, slope and photos; the last does not vary.
        location: Mean location of impostors over sets.
        location_spread: Its standard deviation over sets.
        variance: Mean variance of impostor pairs within a category.
        num_sources: On how many photo sets it rests.
        num_categories: On how many categories.
    """

    curve: Gaussian
    location: float
    location_spread: float
    variance: float
    num_sources: int
    num_categories: int


@cache
def borrowed_prior(kind: SimilarityKind) -> Prior:
    """Return the prior of all categories that ship with the package."""
    rows = json.loads(files("vicp.decisions").joinpath("borrowed.json").read_text(encoding="utf-8"))
    return prior_of([BorrowedCategory(**row) for row in rows["categories"]], kind)


def prior_of(categories: Sequence[BorrowedCategory], kind: SimilarityKind) -> Prior:
    """Return the prior that categories give; every set weighs the same, however many categories it has.

    Raises:
        ValueError: Categories of fewer than two sets.
    """
    rows = [row for row in categories if row.kind == kind]
    sources = [row.source for row in rows]
    num_sources = len(set(sources))
    if num_sources < 2:
        raise ValueError(f"categories of {num_sources} sets of kind {kind!r}; expected at least two")
    weight = np.array([1 / (sources.count(source) * num_sources) for source in sources])  # (C,)
    curves = np.array([(row.offset, row.slope, row.photos) for row in rows])
    locations = np.array([row.location for row in rows])
    mean = weight @ curves
    gap = curves - mean
    covariance = (gap * weight[:, None]).T @ gap * num_sources / (num_sources - 1)
    covariance[2, :] = covariance[:, 2] = 0  # the support says little about it
    covariance += np.diag(np.square(SPREAD_FLOOR))
    location = float(weight @ locations)
    return Prior(
        curve=Gaussian(mean, covariance),
        location=location,
        location_spread=float(np.sqrt(weight @ (locations - location) ** 2)),
        variance=float(weight @ np.array([row.spread**2 for row in rows])),
        num_sources=num_sources,
        num_categories=len(rows),
    )
