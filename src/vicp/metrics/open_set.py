"""Open-set identification: is this individual in the gallery at all, and if so, which one is it?

The words are those of NIST's evaluations (FRVT 1:N): FPIR, the share of searches for an unknown individual that return
somebody; FNIR, the share of searches for a known one that do not return it first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.metrics.ranking import Retrieval
from vicp.metrics.verification import verification


@dataclass(frozen=True, eq=False)
class OpenSet:
    """The best match of each query.

    Attributes:
        known: (A,) similarity of the gallery photo that comes first, for queries whose identity is in the gallery.
        right: (A,) bool, whether that photo shows the query's identity.
        unknown: (B,) likewise, for queries whose identity is not.
    """

    known: NDArray[np.float64]
    right: NDArray[np.bool_]
    unknown: NDArray[np.float64]

    @property
    def auroc(self) -> float:
        """P(the best match of a known individual scores above that of an unknown one), ties counting half."""
        scores = np.concatenate([self.known, self.unknown])
        return verification(scores, np.arange(len(scores)) < len(self.known)).auc

    def fnir_at(self, fpir: float) -> float:
        """Return the share of known queries that are missed when at most this share of unknown ones may be matched.

        Missed: another individual comes first, or the right one at or below the threshold.
        """
        allowed = int(np.floor(fpir * len(self.unknown) + 1e-9))
        worst = np.sort(self.unknown)[::-1]
        threshold = worst[allowed] if allowed < len(worst) else -np.inf
        return float(1 - (self.right & (self.known > threshold)).mean())


def open_set(found: Retrieval) -> OpenSet:
    """Return the best matches of queries with and without a right answer in the gallery.

    >>> import numpy as np, torch
    >>> from vicp.metrics import retrieval
    >>> query = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    >>> gallery = torch.tensor([[1.0, 0.1], [0.1, 1.0]])
    >>> matches = open_set(retrieval(query, gallery, np.array(["a", "b", "new"]), np.array(["a", "b"])))
    >>> matches.auroc, matches.fnir_at(0.0)
    (1.0, 0.0)

    Raises:
        ValueError: No query of one of the two kinds.
    """
    answerable = found.first_hit > 0
    if not answerable.any() or answerable.all():
        raise ValueError(f"{int(answerable.sum())} of {len(answerable)} queries are known; expected some and not all")
    positive, negative = found.best_positive[answerable], found.mistake_score[answerable]
    return OpenSet(np.maximum(positive, negative), positive > negative, found.mistake_score[~answerable])
