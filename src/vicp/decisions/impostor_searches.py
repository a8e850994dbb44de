"""Searches for individuals that are not there: what held-out identities promise about the next one.

Every identity plays the unknown: one of its photos, at random, is searched among all identities known to be different;
what counts is the highest similarity found. A match with a stranger is a false match, and how often that happens in a
SEARCH over many candidates is what a threshold must bound, not how often in a pair.

Such searches are not independent: two look-alikes find each other, so their false matches come in twos. Identities are
therefore joined in disjoint couples, and n identities count as n / 2 - 1 independent searches, of which one has failed
for each two identities matched with a stranger. For pairs (one candidate) couples are independent outright, all n / 2.
`docs/decisions.md` says for what this is proved, and for what simulated.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vicp.decisions.bounds import allowed_failures, conformal_rank

MOST_IDENTITIES = 10**7


@dataclass(frozen=True)
class Threshold:
    """A similarity that an unknown individual's best candidate exceeds no more often than promised.

    Attributes:
        similarity: matches lie strictly above it.
        rate: the promised false-match rate of a search.
        confidence: in that promise, over draws of the individuals it was found on; None holds it on average over them.
        candidates: how many identities a search may have.
        searches: how many independent ones it was found on.
        failures: how many of them it lets fail.
    """

    similarity: float
    rate: float
    confidence: float | None
    candidates: int
    searches: int
    failures: int


@dataclass(frozen=True)
class InsufficientPairs:
    """That a rate cannot be promised, and what it would take.

    Attributes:
        rate: asked for.
        confidence: asked for.
        candidates: asked for.
        searches: independent ones there are.
        missing: different-pairs needed on top, each of two identities in no pair yet.
        least_rate: the lowest rate that can be promised now, over as many candidates; None where there is none below 1.
    """

    rate: float
    confidence: float | None
    candidates: int
    searches: int
    missing: int
    least_rate: float | None

    @property
    def sentence(self) -> str:
        """What is missing, in words."""
        least = "" if self.least_rate is None else f"; the least they can promise is {self.least_rate:.2g}"
        pairs = "different-pair" if self.missing == 1 else "different-pairs"
        return (
            f"not enough pairs for that rate: {self.missing:,} more {pairs} needed, each of two individuals not among "
            f"them yet, to promise {self.rate:g} of searches over {self.candidates:,} candidates{least}"
        )


@dataclass(frozen=True)
class ImpostorSearches:
    """The best stranger each identity found among 1, 2, 4, ... others; identities in disjoint couples, C of them.

    Attributes:
        candidates: (N,) among how many, ascending. Of one: the other of the couple.
        best: (C, N) the similarities of the couple's two identities; None where there were not that many.
        complete: whether everybody met everybody.
    """

    candidates: tuple[int, ...]
    best: tuple[tuple[tuple[float, float] | None, ...], ...]
    complete: bool

    def threshold(
        self, rate: float, *, confidence: float | None = 0.9, candidates: int = 1
    ) -> Threshold | InsufficientPairs:
        """The threshold for a search over so many candidates, or what is missing for it.

        With a confidence: Clopper-Pearson on couples. With None: split-conformal, on average over supports. Identities
        that met fewer candidates than asked for promise proportionally less (a union over parts of the gallery).

        Raises:
            ValueError: numbers outside their range.
        """
        if candidates < 1:
            raise ValueError(f"candidates is {candidates}; expected at least 1")
        seen, couples = self._design(candidates)
        own = rate * min(1.0, seen / candidates)
        units = np.sort(np.array(couples, dtype=np.float64).ravel())[::-1]  # strictest first
        searches = num_independent(len(couples), seen)
        if confidence is None:
            failures = position = conformal_rank(len(units), own) - 1
        else:
            failures = allowed_failures(searches, own, confidence=confidence)
            position = 2 * failures
        if failures < 0:
            least = self.least_rate(confidence=confidence, candidates=candidates)
            return InsufficientPairs(
                rate, confidence, candidates, searches, self._missing(rate, confidence, candidates), least
            )
        return Threshold(float(units[position]), rate, confidence, candidates, searches, failures)

    def least_rate(self, *, confidence: float | None = 0.9, candidates: int = 1) -> float | None:
        """The lowest rate that has a threshold; None where none below 1 has."""
        seen, couples = self._design(candidates)
        searches = len(couples) if confidence is None else num_independent(len(couples), seen)
        if not searches:
            return None
        own = 2 / (2 * searches + 1) if confidence is None else 1 - (1 - confidence) ** (1 / searches)
        rate = own / min(1.0, seen / candidates) * (1 + 1e-12)
        return rate if rate < 1 else None

    def _design(self, candidates: int) -> tuple[int, list[tuple[float, float]]]:
        """How many candidates each search counts for, and the couples' similarities: the most searches x candidates.

        Chosen by counts alone, never by similarities, so that it does not bend the promise.
        """
        if not self.best:
            return 1, []
        met = [[couple[i] for couple in self.best] for i in range(len(self.candidates))]
        reached = [[pair for pair in column if pair is not None] for column in met]
        worth = [(len(r) * min(c, candidates), -c) for c, r in zip(self.candidates, reached, strict=True)]
        best = max(range(len(worth)), key=worth.__getitem__)
        return self.candidates[best], reached[best]

    def _missing(self, rate: float, confidence: float | None, candidates: int) -> int:
        """The fewest couples more that give a threshold.

        Where every identity has met every other, new ones would too, and each has more candidates; otherwise a new pair
        is worth one search over one candidate.
        """
        have = len(self.best)

        def enough(couples: int) -> bool:
            seen = max(2 * couples - 1, 1) if self.complete else 1
            own = rate * min(1.0, seen / candidates)
            if confidence is None:
                return conformal_rank(2 * couples, own) > 0
            return allowed_failures(num_independent(couples, min(seen, candidates)), own, confidence=confidence) >= 0

        low, high = have, have + 1
        while not enough(high) and high < MOST_IDENTITIES:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high - have

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> "ImpostorSearches":
        """Searches from what `to_dict` gave."""
        best = tuple(
            tuple(None if pair is None else (float(pair[0]), float(pair[1])) for pair in couple)
            for couple in facts["best"]
        )
        candidates = tuple(int(count) for count in facts["candidates"])
        if any(len(couple) != len(candidates) for couple in best):
            raise ValueError("searches of unequal length")
        return cls(candidates, best, bool(facts["complete"]))


def num_independent(couples: int, candidates: int) -> int:
    """As how many independent searches so many couples count: one fewer where a search is of more than a pair.

    n identities among themselves promise what n / 2 searches would but for a term of order 1 / n; one couple covers it.
    """
    return couples if candidates <= 1 else max(couples - 1, 0)
