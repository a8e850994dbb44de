"""What a similarity means: P(same), and verdicts that keep a false-match rate, or say that they cannot.

Fitted on the held-out similarities that a prompt carries: `calibration` gives the probabilities, `impostor_searches`
the false-match rate, `DecisionRule.new_below` its counterpart, how often a known individual may be called new.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.bounds import allowed_failures
from vicp.decisions.calibration import Calibration, LabelledScores, fit_calibration
from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_searches import ImpostorSearches
from vicp.decisions.impostor_trials import search_held_out
from vicp.decisions.outcome import (
    ErrorTargets,
    IdentificationVerdict,
    InsufficientPairs,
    Threshold,
    VerificationVerdict,
)
from vicp.errors import DataError

Array = NDArray[np.float64]
DEFAULT_TARGETS = ErrorTargets()


@dataclass(frozen=True, eq=False)
class SearchDecision:
    """What the similarities of one search mean.

    Attributes:
        verdict: "same" as the best candidate, "new", or "unsure".
        best: Position of the best of G candidates.
        probabilities: (G,) that the photo shows the candidate; None with too few pairs for probabilities.
        probability_new: That it shows none of them.
        limit: The threshold, or what is missing for one.
        new_below: The similarity below which a photo is new; None with too few pairs.
    """

    verdict: IdentificationVerdict
    best: int
    probabilities: Array | None
    probability_new: float | None
    limit: Threshold | InsufficientPairs
    new_below: float | None

    @property
    def probability(self) -> float | None:
        """Probability of what the verdict names: of "new", or else of the best candidate."""
        if self.verdict == "new":
            return self.probability_new
        return None if self.probabilities is None else float(self.probabilities[self.best])


@dataclass(frozen=True)
class PairDecision:
    """What the similarity of a pair means; as `SearchDecision`, with a single candidate.

    Attributes:
        verdict: "same", "different" or "unsure".
        probability: P(same), for a pair as likely same as different; None with too few pairs.
        limit: The threshold, or what is missing for one.
        different_below: The similarity below which a pair is different; None with too few pairs.
    """

    verdict: VerificationVerdict
    probability: float | None
    limit: Threshold | InsufficientPairs
    different_below: float | None


@dataclass(frozen=True)
class DecisionRule:
    """What similarities under a prompt mean.

    Attributes:
        calibration: From similarity to P(same) of a pair; None where there are too few pairs for one.
        searches: The impostor searches of the held-out identities.
        genuine: (n,) a genuine pair's similarity from each held-out identity that has two photos, ascending;
            independent of each other.
    """

    calibration: Calibration | None
    searches: ImpostorSearches
    genuine: tuple[float, ...]

    @classmethod
    def fit(cls, held_out: HeldOut, *, seed: int = 0) -> "DecisionRule":
        """Return the rule of a support.

        Args:
            held_out: Held-out similarities of the prompt that will be used.
            seed: Of the choice of one photo per identity.
        """
        calibration = fit_calibration(_labelled_scores(held_out))
        return cls(calibration, search_held_out(held_out, seed=seed), _genuine_similarities(held_out, seed))

    def probability(self, similarity: Array | float, *, prior: float = 0.5) -> Array:
        """Return P(same) of pairs with these similarities (any shape); `prior` is P(same) before they were seen.

        Raises:
            DataError: There are too few pairs for probabilities.
        """
        if self.calibration is None:
            raise DataError("too few held-out pairs for probabilities: teach with at least 4 same- and different-pairs")
        return self.calibration(similarity, prior=prior)

    def threshold(
        self, rate: float, *, confidence: float | None = 0.9, candidates: int = 1
    ) -> Threshold | InsufficientPairs:
        """Return the similarity that an impostor SEARCH over so many candidates exceeds at most this often.

        Raises:
            ValueError: Numbers outside their range.
        """
        return self.searches.threshold(rate, confidence=confidence, candidates=candidates)

    def new_below(self, rate: float, *, confidence: float = 0.9) -> float | None:
        """Return the similarity that a known individual's photo falls short of at most this often; None with too few.

        Identities are independent, so this is Clopper-Pearson with one genuine pair of each.

        Raises:
            ValueError: Numbers outside their range.
        """
        failures = allowed_failures(len(self.genuine), rate, confidence=confidence)
        return None if failures < 0 else self.genuine[failures]

    def decide_pair(self, similarity: float, targets: ErrorTargets = DEFAULT_TARGETS) -> PairDecision:
        """Return whether a pair with this similarity shows one individual.

        "same" above the threshold, "different" below `different_below`; neither against the odds.
        """
        limit = self.threshold(targets.false_match_rate, confidence=targets.confidence)
        different_below = self.new_below(targets.false_new_rate, confidence=targets.confidence)
        probability = None if self.calibration is None else float(self.probability(similarity))
        verdict: VerificationVerdict = "unsure"
        if _is_match(similarity, limit, probability):
            verdict = "same"
        elif _falls_short(similarity, different_below, None if probability is None else 1 - probability):
            verdict = "different"
        return PairDecision(verdict, probability, limit, different_below)

    def decide_search(self, similarity: Array, targets: ErrorTargets = DEFAULT_TARGETS) -> SearchDecision:
        """Return whom of G candidates a photo shows, or that it is somebody new.

        "same" above the threshold, "new" below `new_below`; neither against the odds. Probabilities of the candidates
        and of "new" follow by Bayes' rule: each candidate's odds of being the same at even prior, times its share of
        the prior that the individual is known at all.

        Args:
            similarity: (G,) highest similarity of the photo to a photo of each candidate.
            targets: The error rates to keep.

        Raises:
            ValueError: No candidates.
        """
        similarity = np.asarray(similarity, dtype=np.float64)
        if similarity.ndim != 1 or not len(similarity):
            raise ValueError(f"similarity is {similarity.shape}; expected (G,) with at least one candidate")
        limit = self.threshold(targets.false_match_rate, confidence=targets.confidence, candidates=len(similarity))
        new_below = self.new_below(targets.false_new_rate, confidence=targets.confidence)
        probabilities, probability_new = None, None
        if self.calibration is not None:
            probabilities, probability_new = posterior(self.probability(similarity), targets.known_share)
        best = int(np.argmax(similarity))
        verdict: IdentificationVerdict = "unsure"
        if _is_match(similarity[best], limit, None if probabilities is None else float(probabilities[best])):
            verdict = "same"
        elif _falls_short(similarity[best], new_below, probability_new):
            verdict = "new"
        return SearchDecision(verdict, best, probabilities, probability_new, limit, new_below)


def decision_rule(held_out: HeldOut | None) -> DecisionRule | None:
    """Return the rule that a prompt's held-out similarities allow; None where it carries none."""
    return None if held_out is None else DecisionRule.fit(held_out)


def posterior(pair_probability: Array, known_share: float) -> tuple[Array, float]:
    """Return P of each of G candidates (G,) and P(new), from each one's P(same) at even prior.

    >>> p, new = posterior(np.array([0.9, 0.5]), 0.5)
    >>> p.round(3), round(new, 3)
    (array([0.75 , 0.083]), 0.167)
    """
    odds = pair_probability / (1 - pair_probability) * known_share / len(pair_probability)
    total = odds.sum() + 1 - known_share
    return odds / total, float((1 - known_share) / total)


def _is_match(similarity: float, limit: Threshold | InsufficientPairs, probability: float | None) -> bool:
    """Return whether it is above the threshold, and a match is not the less probable answer."""
    is_likely = probability is None or probability >= 0.5
    return isinstance(limit, Threshold) and similarity > limit.similarity and is_likely


def _falls_short(similarity: float, below: float | None, probability: float | None) -> bool:
    """Return whether it is below the similarity `below`, and a non-match is not the less probable answer."""
    is_likely = probability is None or probability >= 0.5
    return below is not None and similarity < below and is_likely


def _labelled_scores(held_out: HeldOut) -> LabelledScores:
    """Return every labelled pair of photos once; the mean of both directions where both were compared."""
    a, b = np.nonzero(np.triu(held_out.relation, 1))
    directions = np.stack([held_out.similarity[a, b], held_out.similarity[b, a]]).astype(np.float64)  # (2, P)
    is_compared = np.isfinite(directions)
    kept = is_compared.any(axis=0)
    similarity = np.where(is_compared, directions, 0).sum(axis=0)[kept] / is_compared.sum(axis=0)[kept]
    a, b = a[kept], b[kept]
    return LabelledScores(similarity, held_out.relation[a, b] == 1, held_out.groups[a], held_out.groups[b])


def _genuine_similarities(held_out: HeldOut, seed: int) -> tuple[float, ...]:
    """Return the similarity of one genuine pair of each identity that has one, at random, ascending."""
    rng = np.random.default_rng(seed)
    is_genuine = (held_out.relation == 1) & np.isfinite(held_out.similarity)
    is_genuine &= ~np.eye(len(held_out.groups), dtype=bool)
    similarities = []
    for group in np.unique(held_out.groups[is_genuine.any(axis=1)]):
        photo = rng.choice(np.flatnonzero((held_out.groups == group) & is_genuine.any(axis=1)))
        similarities.append(float(held_out.similarity[photo, rng.choice(np.flatnonzero(is_genuine[photo]))]))
    return tuple(sorted(similarities))
