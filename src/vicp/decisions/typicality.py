"""Whether a photo looks like its category at all: its distance from photos of the category, against theirs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.incomplete_beta import student_t_cdf
from vicp.decisions.trials import log_similarity

Floats = NDArray[np.float32]
Array = NDArray[np.float64]
LEAST_TYPICALITY = 0.01  # below it, a photo is said not to look like the category
SPREAD, SPREAD_WEIGHT = (
    0.35,
    3,
)  # borrowed standard deviation of `log_similarity`, and as how many individuals it counts


@dataclass(frozen=True, eq=False)
class CategoryReference:
    """Photos that show what a category looks like.

    Attributes:
        embeddings: (n, D) without a prompt, L2-normalised.
        groups: (n,) which individual each shows.
    """

    embeddings: Floats
    groups: NDArray[np.int64]

    def typicality(self, query: Floats) -> Array | None:
        """Return the share of the category's photos that are as far from the others as each query (B, D) is: (B,).

        A photo of somebody new is as near to the nearest photo here as photos here are to other individuals. That
        nearness is taken as normal over individuals (Student's t: few tell little). None with one individual.
        """
        num = len(np.unique(self.groups))
        if num < 2:
            return None
        similarity = self.embeddings @ self.embeddings.T
        similarity[self.groups[:, None] == self.groups] = -1
        nearness = log_similarity(similarity.max(axis=1))  # (n,)
        mean = np.mean([nearness[self.groups == group].mean() for group in np.unique(self.groups)])
        variance = (num * nearness.var() + SPREAD_WEIGHT * SPREAD**2) / (num + SPREAD_WEIGHT)
        distance = (log_similarity((query @ self.embeddings.T).max(axis=1)) - mean) / np.sqrt(variance * (1 + 1 / num))
        return np.array([student_t_cdf(each, num - 1 + SPREAD_WEIGHT) for each in distance.tolist()])
