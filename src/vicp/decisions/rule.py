"""What similarities under a prompt mean: what we believe, and what we can promise.

Both are fitted on the held-out similarities that a prompt carries. `belief` gives probabilities from however few pairs;
`impostor_searches` the false-match rate that can be promised, `DecisionRule.new_below` its counterpart, how often a
known individual may be called new. A verdict is the likeliest answer, and a promise goes with it where it holds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.belief import EVEN, Belief, SearchBelief
from vicp.decisions.borrowed import SimilarityKind
from vicp.decisions.bounds import allowed_failures
from vicp.decisions.held_out import HeldOut
from vicp.decisions.impostor_searches import ImpostorSearches
from vicp.decisions.impostor_trials import search_held_out, searches_among
from vicp.decisions.outcome import ErrorTargets, InsufficientPairs, Threshold

Array = NDArray[np.float64]
DEFAULT_TARGETS = ErrorTargets()


@dataclass(frozen=True, eq=False)
class SearchDecision:
    """What the similarities of one search mean.

    Attributes:
        best: Position of the most similar of G candidates.
        is_new: Whether somebody new is likelier than any candidate.
        belief: P of each candidate and of somebody new.
        promised: Whether the answer keeps its error rate.
        limit: The threshold above which a name is promised, or what is missing for one.
        new_below: The similarity below which "new" is promised; None with too few pairs.
    """

    best: int
    is_new: bool
    belief: SearchBelief
    promised: bool
    limit: Threshold | InsufficientPairs
    new_below: float | None


@dataclass(frozen=True, eq=False)
class PairDecision:
    """What the similarity of a pair means.

    Attributes:
        same: Whether it is likelier that the photos show one individual than two.
        probability: P(same), at the prior that was given.
        probability_range: Nine tenths of what is believed of it.
        promised: Whether the answer keeps its error rate.
        limit: The threshold above which "same" is promised, or what is missing for one.
        different_below: The similarity below which "different" is promised; None with too few pairs.
    """

    same: bool
    probability: float
    probability_range: tuple[float, float]
    promised: bool
    limit: Threshold | InsufficientPairs
    different_below: float | None


@dataclass(frozen=True, eq=False)
class DecisionRule:
    """What similarities under a prompt mean.

    Attributes:
        belief: From similarities to probabilities.
        searches: The impostor searches of the held-out identities.
        genuine: (n,) a genuine pair's similarity from each held-out identity that has two photos, ascending;
            independent of each other.
    """

    belief: Belief
    searches: ImpostorSearches
    genuine: tuple[float, ...]

    @classmethod
    def fit(cls, held_out: HeldOut | None, kind: SimilarityKind = "plain", *, seed: int = 0) -> "DecisionRule":
        """Return the rule of a support.

        Args:
            held_out: Held-out similarities of the prompt that will be used; None where it carries none: beliefs are
                then borrowed, and nothing is promised.
            kind: Of the similarities.
            seed: Of the choice of one photo per identity.
        """
        belief = Belief.fit(held_out, kind)
        if held_out is None:
            return cls(belief, searches_among(np.zeros(0)), ())
        return cls(belief, search_held_out(held_out, seed=seed), _genuine_similarities(held_out, seed))

    def probability(self, similarity: Array | float, *, prior: float = EVEN) -> Array:
        """Return P(same) of pairs with these similarities (any shape); `prior` is P(same) before they were seen."""
        return self.belief.pair_probability(similarity, prior_new=1 - prior)

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

    def decide_pair(
        self, similarity: float, targets: ErrorTargets = DEFAULT_TARGETS, *, prior_new: float = EVEN
    ) -> PairDecision:
        """Return whether a pair with this similarity shows one individual: the likelier answer.

        Args:
            similarity: Cosine.
            targets: The error rates of a promise.
            prior_new: P(different) before the pair is seen.
        """
        limit = self.threshold(targets.false_match_rate, confidence=targets.confidence)
        different_below = self.new_below(targets.false_new_rate, confidence=targets.confidence)
        probability = float(self.belief.pair_probability(similarity, prior_new=prior_new))
        same = probability >= 0.5
        return PairDecision(
            same=same,
            probability=probability,
            probability_range=self.belief.pair_range(similarity, prior_new=prior_new),
            promised=_is_promised(similarity, limit, different_below, new=not same),
            limit=limit,
            different_below=different_below,
        )

    def decide_search(
        self,
        similarity: Array,
        targets: ErrorTargets = DEFAULT_TARGETS,
        *,
        photos: NDArray[np.integer] | None = None,
        prior_new: float = EVEN,
        num_uncompared: int = 0,
    ) -> SearchDecision:
        """Return whom of G candidates a photo shows, or that it is somebody new: the likeliest answer.

        Args:
            similarity: (G,) highest similarity of the photo to a photo of each candidate.
            targets: The error rates of a promise.
            photos: (G,) how many photos each candidate has; one if None.
            prior_new: P(new) before the photo is seen.
            num_uncompared: Further candidates, of whom the photo tells nothing: "new" is then never promised.

        Raises:
            ValueError: No candidates, or a prior not between 0 and 1.
        """
        similarity = np.asarray(similarity, dtype=np.float64)
        belief = self.belief.search(similarity, photos, prior_new=prior_new, num_uncompared=num_uncompared)
        limit = self.threshold(targets.false_match_rate, confidence=targets.confidence, candidates=len(similarity))
        new_below = self.new_below(targets.false_new_rate, confidence=targets.confidence)
        best = int(np.argmax(belief.probabilities))
        is_new = belief.probability_new > belief.probabilities[best]
        promised = _is_promised(float(similarity.max()), limit, new_below, new=bool(is_new))
        promised = promised and (not num_uncompared if is_new else similarity[best] == similarity.max())
        return SearchDecision(best, bool(is_new), belief, promised, limit, new_below)


def decision_rule(held_out: HeldOut | None, kind: SimilarityKind) -> DecisionRule:
    """Return the rule that a prompt's held-out similarities allow; a borrowed one where it carries none."""
    return DecisionRule.fit(held_out, kind)


def _is_promised(
    similarity: float, limit: Threshold | InsufficientPairs, new_below: float | None, *, new: bool
) -> bool:
    """Return whether the likeliest answer also lies where its error rate is bounded."""
    if new:
        return new_below is not None and similarity < new_below
    return isinstance(limit, Threshold) and similarity > limit.similarity


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
