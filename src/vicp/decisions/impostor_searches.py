"""Impostor searches: from the held-out identities, the threshold that keeps the false-match rate of the next search.

In an impostor search (NIST: non-mated search) the individual is not among the candidates. Every held-out identity gives
one: a photo of it, at random, is searched among all identities known to be different, and what counts is the highest
similarity. To name any of them is a false match, and how often that happens in a SEARCH over many candidates (FPIR) is
what a threshold must bound, not how often in a pair (FMR).

Such searches are not independent: two look-alikes find each other, so their false matches come in twos. Identities are
therefore put in disjoint pairs, and n identities count as n / 2 - 1 independent searches, of which one has failed for
each two identities that were falsely matched. With a single candidate the pairs are independent outright, all n / 2.
`docs/statistics.md` says for what this is proved, and for what simulated.
"""

from dataclasses import dataclass

import numpy as np

from vicp.decisions.bounds import allowed_failures, conformal_rank
from vicp.decisions.outcome import InsufficientPairs, Threshold

MAX_IDENTITIES = 10**7  # that `missing` counts up to


@dataclass(frozen=True)
class ImpostorSearches:
    """The best impostor that each identity found among 1, 2, 4, ... others; identities in P disjoint pairs.

    Attributes:
        candidates: (N,) among how many, ascending. Of one: the other of its pair.
        best: (P, N) the highest similarities of the pair's two identities; None where there were not that many.
        complete: Whether every identity was compared with every other.
    """

    candidates: tuple[int, ...]
    best: tuple[tuple[tuple[float, float] | None, ...], ...]
    complete: bool

    def threshold(
        self, rate: float, *, confidence: float | None = 0.9, candidates: int = 1
    ) -> Threshold | InsufficientPairs:
        """Return the threshold of a search over so many candidates, or what is missing for it.

        With a confidence: Clopper-Pearson on pairs of identities. With None: split-conformal, on average over supports.
        Identities that were compared with fewer candidates keep a proportionally lower rate (a union bound over parts
        of the gallery).

        Raises:
            ValueError: Numbers outside their range.
        """
        if candidates < 1:
            raise ValueError(f"candidates is {candidates}; expected at least 1")
        num_compared, pairs = self._choose_column(candidates)
        part_rate = rate * min(1.0, num_compared / candidates)
        similarities = np.sort(np.array(pairs, dtype=np.float64).ravel())[::-1]  # strictest first
        searches = num_independent(len(pairs), num_compared)
        if confidence is None:
            failures = position = conformal_rank(len(similarities), part_rate) - 1
        else:
            failures = allowed_failures(searches, part_rate, confidence=confidence)
            position = 2 * failures
        if failures < 0:
            missing = self._num_missing(rate, confidence, candidates)
            least = self.least_rate(confidence=confidence, candidates=candidates)
            return InsufficientPairs(rate, confidence, candidates, searches, missing, least)
        return Threshold(float(similarities[position]), rate, confidence, candidates, searches, failures)

    def least_rate(self, *, confidence: float | None = 0.9, candidates: int = 1) -> float | None:
        """Return the lowest rate that has a threshold; None where none below 1 has."""
        num_compared, pairs = self._choose_column(candidates)
        searches = len(pairs) if confidence is None else num_independent(len(pairs), num_compared)
        if not searches:
            return None
        part_rate = 2 / (2 * searches + 1) if confidence is None else 1 - (1 - confidence) ** (1 / searches)
        rate = part_rate / min(1.0, num_compared / candidates) * (1 + 1e-12)
        return rate if rate < 1 else None

    def _choose_column(self, candidates: int) -> tuple[int, list[tuple[float, float]]]:
        """Return among how many candidates to count searches, and the best similarities among so many.

        The most searches x candidates: chosen by counts, never by similarities, so that it does not bias the rate.
        """
        if not self.best:
            return 1, []
        columns = [[row[i] for row in self.best] for i in range(len(self.candidates))]
        compared = [[pair for pair in column if pair is not None] for column in columns]
        worth = [(len(pairs) * min(c, candidates), -c) for c, pairs in zip(self.candidates, compared, strict=True)]
        best = max(range(len(worth)), key=worth.__getitem__)
        return self.candidates[best], compared[best]

    def _num_missing(self, rate: float, confidence: float | None, candidates: int) -> int:
        """Return the fewest pairs of identities more that give a threshold.

        Where every identity was compared with every other, new ones would be too, and each has more candidates;
        otherwise a new pair is worth one search over one candidate.
        """

        def is_enough(num_pairs: int) -> bool:
            num_compared = max(2 * num_pairs - 1, 1) if self.complete else 1
            part_rate = rate * min(1.0, num_compared / candidates)
            if confidence is None:
                return conformal_rank(2 * num_pairs, part_rate) > 0
            searches = num_independent(num_pairs, min(num_compared, candidates))
            return allowed_failures(searches, part_rate, confidence=confidence) >= 0

        low, high = len(self.best), len(self.best) + 1
        while not is_enough(high) and high < MAX_IDENTITIES:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_enough(middle) else (middle, high)
        return high - len(self.best)


def num_independent(num_pairs: int, candidates: int) -> int:
    """Return as how many independent searches pairs of identities count: one fewer if there are several candidates.

    n identities among themselves bound what n / 2 searches would but for a term of order 1 / n; one pair covers it.
    """
    return num_pairs if candidates <= 1 else max(num_pairs - 1, 0)
