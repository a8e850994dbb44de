"""Searches for individuals that are not there: what held-out identities promise about the next one.

Every identity plays the unknown: one of its photos, at random, is searched among all identities known to be different;
what counts is the highest similarity found. A match with a stranger is a false match, and how often that happens in a
SEARCH over many candidates is what a threshold must bound, not how often in a pair.

Such searches are not independent: two look-alikes find each other, so their false matches come in twos. Identities are
therefore matched in disjoint couples, and n identities count as n / 2 independent searches, of which one has failed for
each two identities matched with a stranger. `docs/decisions.md` says for what this is proved, and for what simulated.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.held_out import HeldOut
from vicp.gallery.bounds import allowed_failures, conformal_rank, trials_needed

Array = NDArray[np.float64]
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
class Shortage:
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
class Searches:
    """The best stranger each identity found, identities in disjoint couples known to be different (C couples).

    Attributes:
        best: (C, 2) its similarity.
        candidates: (C, 2) among how many identities it was the best.
    """

    best: tuple[tuple[float, float], ...]
    candidates: tuple[tuple[int, int], ...]

    def threshold(self, rate: float, *, confidence: float | None = 0.9, candidates: int = 1) -> Threshold | Shortage:
        """The threshold for a search over so many candidates, or what is missing for it.

        With a confidence: Clopper-Pearson on couples. With None: split-conformal, on average over supports. Identities
        that met fewer candidates than asked for promise proportionally less (a union over parts of the gallery).

        Raises:
            ValueError: numbers outside their range.
        """
        if candidates < 1:
            raise ValueError(f"candidates is {candidates}; expected at least 1")
        seen, couples = self._design(candidates)
        own = rate * min(1.0, seen / candidates) if seen else rate
        units = np.sort(np.array(self.best, dtype=np.float64)[couples].ravel())[::-1]  # strictest first
        if confidence is None:
            failures = conformal_rank(len(units), own) - 1
            position = failures
        else:
            failures = allowed_failures(len(units) // 2, own, confidence=confidence)
            position = 2 * failures
        if failures < 0:
            return self._shortage(rate, confidence, candidates)
        return Threshold(float(units[position]), rate, confidence, candidates, len(units) // 2, failures)

    def least_rate(self, *, confidence: float | None = 0.9, candidates: int = 1) -> float | None:
        """The lowest rate that has a threshold; None where none below 1 has."""
        seen, couples = self._design(candidates)
        if not len(couples):
            return None
        own = 2 / (2 * len(couples) + 1) if confidence is None else 1 - (1 - confidence) ** (1 / len(couples))
        rate = own / min(1.0, seen / candidates)
        return rate if rate < 1 else None

    def _design(self, candidates: int) -> tuple[int, NDArray[np.int64]]:
        """How many candidates each search counts for, and the couples that met as many: the most searches x candidates.

        Chosen by counts alone, never by similarities, so that it does not bend the promise.
        """
        if not self.best:
            return 0, np.zeros(0, dtype=np.int64)
        least = np.array(self.candidates, dtype=np.int64).min(axis=1)  # (C,)
        choices = np.unique(np.minimum(least, candidates))
        seen = int(max(choices, key=lambda c: (c * int((least >= c).sum()), c)))
        return seen, np.flatnonzero(least >= seen)

    def _shortage(self, rate: float, confidence: float | None, candidates: int) -> Shortage:
        least = self.least_rate(confidence=confidence, candidates=candidates)
        have = len(self._design(candidates)[1])
        return Shortage(rate, confidence, candidates, have, self._missing(rate, confidence, candidates), least)

    def _missing(self, rate: float, confidence: float | None, candidates: int) -> int:
        """The fewest couples more that give a threshold.

        Where every identity has met every other, new ones would too, and each has more candidates; otherwise a new pair
        is worth one search over one candidate.
        """
        have, everyone = len(self.best), self._is_complete

        def enough(couples: int) -> bool:
            seen = 2 * couples - 1 if everyone else 1
            own = rate * min(1.0, seen / candidates)
            if confidence is None:
                return conformal_rank(2 * couples, own) > 0
            return allowed_failures(couples, own, confidence=confidence) >= 0

        low, high = have, have + 1
        while not enough(high) and high < MOST_IDENTITIES:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high - have

    @property
    def _is_complete(self) -> bool:
        return all(min(pair) >= 2 * len(self.best) - 1 for pair in self.candidates)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def held_out_searches(held_out: HeldOut, *, seed: int = 0) -> Searches:
    """The searches of a support's identities among each other."""
    rng = np.random.default_rng(seed)
    known = (held_out.relation == -1) & np.isfinite(held_out.similarity)
    groups = held_out.groups
    best, candidates, neighbours = {}, {}, {}
    for group in np.unique(groups).tolist():
        photos = np.flatnonzero((groups == group) & known.any(axis=1))
        if len(photos):
            photo = rng.choice(photos)
            others = known[photo]
            neighbours[group] = set(np.unique(groups[others]).tolist())
            best[group] = float(held_out.similarity[photo, others].max())
            candidates[group] = len(neighbours[group])
    couples = couple(neighbours, rng)
    return Searches(
        tuple((best[a], best[b]) for a, b in couples), tuple((candidates[a], candidates[b]) for a, b in couples)
    )


def couple(neighbours: dict[int, set[int]], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Disjoint couples of neighbours: who has fewest partners left chooses first, so that few stay alone.

    All but one at most where everybody neighbours everybody; a single couple in a star. Near the largest number there
    can be, and never above it.
    """
    left = {a: {b for b in others if b in neighbours} for a, others in neighbours.items()}
    left = {a: {b for b in others if a in left[b] and a != b} for a, others in left.items()}
    order = {int(a): position for position, a in enumerate(rng.permutation(sorted(left)))}
    couples = []
    while free := [a for a, others in left.items() if others]:
        a = min(free, key=lambda a: (len(left[a]), order[a]))
        b = min(left[a], key=lambda b: (len(left[b]), order[b]))
        couples.append((a, b))
        for gone in (a, b):
            for other in left.pop(gone):
                if other in left:
                    left[other].discard(gone)
    return couples
