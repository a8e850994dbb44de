"""What candidates are worth on identities held out of a support."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.cross_validation import HeldOutComparisons
from vicp.adapt.prompt import Recipe


@dataclass(frozen=True, eq=False)
class CandidateScores:
    """What candidates are worth on identities held out of a support.

    Attributes:
        similarity: (n, n) by candidate; row a comes from the fold that holds photo a out.
        comparisons: which of its entries count.
    """

    similarity: dict[Recipe, NDArray[np.float64]]
    comparisons: HeldOutComparisons

    @cached_property
    def _by_group(self) -> dict[Recipe, NDArray[np.float64]]:
        """Of every candidate, once: a choice asks for each of them again and again."""
        compared = self.comparisons
        return {recipe: compared.by_group(compared.shares(own)) for recipe, own in self.similarity.items()}

    def by_group(self, recipe: Recipe) -> NDArray[np.float64]:
        """The share of comparisons ranked right, by group (groups,)."""
        return self._by_group[recipe]

    def score(self, recipe: Recipe) -> float:
        """The mean over groups: identities with many photos count no more than others."""
        return float(self.by_group(recipe).mean())

    def best(self, recipes: Sequence[Recipe]) -> Recipe:
        """The candidate with the highest score, of several the first."""
        return max(recipes, key=self.score)

    def lead(self, recipe: Recipe, over: Recipe) -> float:
        """By how much one score is above another, less the standard error of that over groups."""
        ahead = self.by_group(recipe) - self.by_group(over)
        return float(ahead.mean() - ahead.std(ddof=1) / len(ahead) ** 0.5)
