"""Held-out similarities of a support: what a user's new photos will look like to the prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_PAIRS = 4  # of each kind; fewer say nothing about probabilities


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Similarities of n photos, each as seen when its identity was held out; what decisions are calibrated on.

    Attributes:
        similarity: (n, n) float32 cosine; row a comes from a prompt fitted without a's identity. NaN where that
            fold did not look.
        groups: (n,) int64; photos of one group are known to show one identity.
        relation: (n, n) int8; 1 same identity, -1 different ones, 0 unknown.
    """

    similarity: NDArray[np.float32]
    groups: NDArray[np.int64]
    relation: NDArray[np.int8]

    def __post_init__(self) -> None:
        n = len(self.groups)
        if self.similarity.shape != (n, n) or self.relation.shape != (n, n) or self.groups.ndim != 1:
            raise ValueError(
                f"similarity is {self.similarity.shape}, relation {self.relation.shape}, groups {self.groups.shape}; "
                "expected (n, n), (n, n) and (n,)"
            )

    @classmethod
    def of(cls, similarity: NDArray[np.floating], groups: NDArray[np.int64], relation: NDArray[np.int8]) -> "HeldOut":
        """Return held-out similarities from arrays of any float type."""
        return cls(similarity.astype(np.float32), groups.astype(np.int64), relation.astype(np.int8))

    @classmethod
    def of_identities(
        cls,
        similarity: NDArray[np.floating],
        identities: NDArray[np.int64],
        *,
        unknown: NDArray[np.bool_] | None = None,
    ) -> "HeldOut":
        """Return held-out similarities where every photo's identity (n,) is known.

        Args:
            similarity: (n, n).
            identities: (n,).
            unknown: (n, n) pairs that tell nothing, such as photos of two sides; None for none.
        """
        relation = np.where(identities[:, None] == identities, 1, -1).astype(np.int8)
        relation[False if unknown is None else unknown] = 0
        return cls.of(similarity, np.unique(identities, return_inverse=True)[1], relation)
