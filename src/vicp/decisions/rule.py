"""Decisions people can act on: P(same), a threshold whose false-match rate is promised, "new", or "cannot say".

Fitted on the held-out similarities that a prompt carries. `calibration` has the probabilities, `searches` the
false-match rate, `misses` below its counterpart: how often a known individual may be called new.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.held_out import HeldOut
from vicp.adapt.prompt import Prompt
from vicp.decisions.bounds import allowed_failures
from vicp.decisions.calibration import Calibration, LabelledScores, fit_calibration
from vicp.decisions.impostor_searches import ImpostorSearches, InsufficientPairs, Threshold
from vicp.decisions.impostor_trials import impostor_searches
from vicp.decisions.outcome import ErrorTargets, Identification, Verification
from vicp.errors import DataError

__all__ = [
    "DecisionRule",
    "ErrorTargets",
    "Identification",
    "InsufficientPairs",
    "Threshold",
    "Verification",
    "decision_rule",
]

FORMAT = "vicp-decisions-1"
Array = NDArray[np.float64]


@dataclass(frozen=True)
class DecisionRule:
    """What similarities under a prompt mean.

    Attributes:
        calibration: similarity -> P(same) of a pair; None where there are too few pairs for one.
        searches: the best stranger each held-out identity found.
        genuine: a same-pair's similarity from each held-out identity that has two photos, ascending; independent.
    """

    calibration: Calibration | None
    searches: ImpostorSearches
    genuine: tuple[float, ...]

    @classmethod
    def fit(cls, held_out: HeldOut, *, seed: int = 0) -> "DecisionRule":
        """The decisions of a support.

        Args:
            held_out: of the prompt that will be used.
            seed: of which photo stands for an identity.
        """
        calibration = fit_calibration(_pairs(held_out))
        return cls(calibration, impostor_searches(held_out, seed=seed), _genuine(held_out, seed))

    def probability(self, similarity: Array | float, *, prior: float = 0.5) -> Array:
        """P(same) of pairs with these similarities (any shape); `prior` is what it was before they were seen.

        Raises:
            DataError: there are too few pairs for probabilities.
        """
        if self.calibration is None:
            raise DataError("too few held-out pairs for probabilities: teach with at least 4 same- and different-pairs")
        return self.calibration(similarity, prior=prior)

    def threshold(
        self, rate: float, *, confidence: float | None = 0.9, candidates: int = 1
    ) -> Threshold | InsufficientPairs:
        """The similarity that a SEARCH over so many candidates, none of them right, exceeds at most this often.

        Raises:
            ValueError: numbers outside their range.
        """
        return self.searches.threshold(rate, confidence=confidence, candidates=candidates)

    def new_below(self, rate: float, *, confidence: float = 0.9) -> float | None:
        """The similarity that a photo of a known individual falls short of at most this often; None with too few.

        Identities are independent, so this is Clopper-Pearson with one same-pair of each.

        Raises:
            ValueError: numbers outside their range.
        """
        failures = allowed_failures(len(self.genuine), rate, confidence=confidence)
        return None if failures < 0 else self.genuine[failures]

    def verify(self, similarity: float, promise: ErrorTargets = ErrorTargets()) -> Verification:  # noqa: B008 (frozen)
        """Whether a pair with this similarity shows one individual."""
        limits = self.threshold(promise.false_match_rate, confidence=promise.confidence)
        new = self.new_below(promise.false_new_rate, confidence=promise.confidence)
        p = None if self.calibration is None else float(self.probability(similarity))
        return Verification.decide(similarity, p, limits, new, promise)

    def identify(self, similarity: Array, promise: ErrorTargets = ErrorTargets()) -> Identification:  # noqa: B008 (frozen)
        """Who of G candidates a photo shows, or that it is somebody new.

        P over candidates and "new" by Bayes' rule: each candidate's odds of being the same at even prior, times its
        share of the prior that the individual is known at all.

        Args:
            similarity: (G,) highest similarity of the photo to a photo of each candidate.
            promise: the rates to hold.

        Raises:
            ValueError: no candidates.
        """
        similarity = np.asarray(similarity, dtype=np.float64)
        if similarity.ndim != 1 or not len(similarity):
            raise ValueError(f"similarity is {similarity.shape}; expected (G,) with at least one candidate")
        limits = self.threshold(promise.false_match_rate, confidence=promise.confidence, candidates=len(similarity))
        new = self.new_below(promise.false_new_rate, confidence=promise.confidence)
        p = None if self.calibration is None else posterior(self.probability(similarity), promise.known_share)
        return Identification.decide(similarity, p, limits, new, promise)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, a few kilobytes."""
        return {
            "format": FORMAT,
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "searches": self.searches.to_dict(),
            "genuine": list(self.genuine),
        }

    @classmethod
    def from_dict(cls, facts: Any) -> "DecisionRule":
        """Decisions from what `to_dict` gave.

        Raises:
            DataError: it is nothing of the kind, or of a newer version.
        """
        try:
            if facts["format"] != FORMAT:
                raise DataError(
                    f"decisions of format {facts['format']!r}, expected {FORMAT!r}: teach the category again"
                )
            own = facts["calibration"]
            calibration = None if own is None else Calibration(**own | {"x": tuple(own["x"]), "y": tuple(own["y"])})
            searches = ImpostorSearches.from_dict(facts["searches"])
            return cls(calibration, searches, tuple(map(float, facts["genuine"])))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"these are no decisions ({error!r}): teach the category again") from error


def decision_rule(prompt: Prompt | None) -> DecisionRule | None:
    """The decisions a prompt allows; None where it carries no held-out similarities."""
    if prompt is None or prompt.held_out is None:
        return None
    return DecisionRule.fit(prompt.held_out)


def posterior(pair_probability: Array, known_share: float) -> tuple[Array, float]:
    """P of each of G candidates (G,) and P(new), from each one's P(same) at even prior.

    >>> p, new = posterior(np.array([0.9, 0.5]), 0.5)
    >>> p.round(3), round(new, 3)
    (array([0.75 , 0.083]), 0.167)
    """
    odds = pair_probability / (1 - pair_probability) * known_share / len(pair_probability)
    total = odds.sum() + 1 - known_share
    return odds / total, float((1 - known_share) / total)


def _pairs(held_out: HeldOut) -> LabelledScores:
    """Every known pair of photos once; the mean of both directions where both were looked at."""
    a, b = np.nonzero(np.triu(held_out.relation, 1))
    both = np.stack([held_out.similarity[a, b], held_out.similarity[b, a]]).astype(np.float64)  # (2, P)
    seen = np.isfinite(both)
    kept = seen.any(axis=0)
    similarity = np.where(seen, both, 0).sum(axis=0)[kept] / seen.sum(axis=0)[kept]
    a, b = a[kept], b[kept]
    return LabelledScores(similarity, held_out.relation[a, b] == 1, held_out.groups[a], held_out.groups[b])


def _genuine(held_out: HeldOut, seed: int) -> tuple[float, ...]:
    rng = np.random.default_rng(seed)
    known = (held_out.relation == 1) & np.isfinite(held_out.similarity) & ~np.eye(len(held_out.groups), dtype=bool)
    found = []
    for group in np.unique(held_out.groups[known.any(axis=1)]):
        photo = rng.choice(np.flatnonzero((held_out.groups == group) & known.any(axis=1)))
        found.append(float(held_out.similarity[photo, rng.choice(np.flatnonzero(known[photo]))]))
    return tuple(sorted(found))
