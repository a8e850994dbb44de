"""Answers: "same, P = 0.97", "new individual", "cannot say with so few pairs"; for people and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vicp.decisions.impostor_searches import InsufficientPairs, Threshold

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ErrorTargets:
    """The rates an answer has to hold.

    Attributes:
        false_match_rate: of searches for an individual that is not among the candidates, how many may name one.
        confidence: with which that is promised.
        false_new_rate: of photos of known individuals, how many may be called new.
        known_share: P(the individual is among the candidates), before its photo was seen; for probabilities only.
    """

    false_match_rate: float = 0.05
    confidence: float = 0.9
    false_new_rate: float = 0.1
    known_share: float = 0.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value}; expected a number between 0 and 1")


@dataclass(frozen=True, eq=False)
class Identification:
    """Who a photo shows.

    Attributes:
        verdict: "unsure" also where the promise cannot be given with so few pairs.
        order: (G,) candidates, most similar first.
        similarity: (G,) in the order of the candidates.
        probability: (G,) that it is this candidate; None with too few pairs for probabilities.
        probability_new: that it is none of them.
        limits: the promised threshold, or what is missing for it.
        new_below: the similarity under which a photo is called new; None with too few pairs.
    """

    verdict: Literal["same", "new", "unsure"]
    order: NDArray[np.int64]
    similarity: Array
    probability: Array | None
    probability_new: float | None
    limits: Threshold | InsufficientPairs
    new_below: float | None

    @classmethod
    def decide(
        cls,
        similarity: Array,
        posterior: tuple[Array, float] | None,
        limits: Threshold | InsufficientPairs,
        new_below: float | None,
        promise: ErrorTargets,
    ) -> "Identification":
        """The answer: "same" above the promised threshold, "new" below the other; neither against the odds."""
        order = np.argsort(-similarity, kind="stable")
        best = float(similarity[order[0]])
        own, new = (None, None) if posterior is None else posterior
        verdict: Literal["same", "new", "unsure"] = "unsure"
        if isinstance(limits, Threshold) and best > limits.similarity and (own is None or own[order[0]] >= 0.5):
            verdict = "same"
        elif new_below is not None and best < new_below and (new is None or new >= 0.5):
            verdict = "new"
        return cls(verdict, order, similarity, own, new, limits, new_below)

    @property
    def sentence(self) -> str:
        """The answer in words, without the name of the individual."""
        p = None if self.probability is None else float(self.probability[self.order[0]])
        match self.verdict:
            case "same":
                return f"same, {_says(p)}"
            case "new":
                return f"new individual, {_says(self.probability_new)}"
            case "unsure" if isinstance(self.limits, InsufficientPairs):
                return f"cannot say with so few pairs ({self.limits.sentence}); the most similar: {_says(p)}"
            case _:
                return f"cannot say: known and unknown individuals both look like this; the most similar: {_says(p)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without the candidates."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "p_new": self.probability_new,
            "new_below": self.new_below,
            **limits_dict(self.limits),
        }


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one individual; as `Identification`, with a single candidate.

    Attributes:
        verdict: "unsure" also where the promise cannot be given with so few pairs.
        similarity: cosine.
        probability: calibrated P(same), for a pair as likely same as different; None with too few pairs.
        limits: the promised threshold, or what is missing for it.
        different_below: the similarity under which a pair is called different; None with too few pairs.
    """

    verdict: Literal["same", "different", "unsure"]
    similarity: float
    probability: float | None
    limits: Threshold | InsufficientPairs
    different_below: float | None

    @classmethod
    def decide(
        cls,
        similarity: float,
        probability: float | None,
        limits: Threshold | InsufficientPairs,
        different_below: float | None,
        promise: ErrorTargets,
    ) -> "Verification":
        """The answer: "same" above the promised threshold, "different" below the other; neither against the odds."""
        verdict: Literal["same", "different", "unsure"] = "unsure"
        if (
            isinstance(limits, Threshold)
            and similarity > limits.similarity
            and (probability is None or probability >= 0.5)
        ):
            verdict = "same"
        elif (
            different_below is not None and similarity < different_below and (probability is None or probability <= 0.5)
        ):
            verdict = "different"
        return cls(verdict, similarity, probability, limits, different_below)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        match self.verdict:
            case "same":
                return f"same, {_says(self.probability)}"
            case "different":
                return f"different individuals, {_says(self.probability)} that they are the same"
            case "unsure" if isinstance(self.limits, InsufficientPairs):
                return f"cannot say with so few pairs ({self.limits.sentence}); {_says(self.probability)}"
            case _:
                return f"cannot say: same- and different-pairs both look like this; {_says(self.probability)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "p_same": self.probability,
            "different_below": self.different_below,
            **limits_dict(self.limits),
        }


def limits_dict(limits: Threshold | InsufficientPairs) -> dict[str, Any]:
    """The promised threshold or the shortage as JSON."""
    own = asdict(limits)
    if isinstance(limits, InsufficientPairs):
        return {"threshold": None, "shortage": {**own, "sentence": limits.sentence}}
    return {"threshold": own, "shortage": None}


def _says(probability: float | None) -> str:
    return "P unknown" if probability is None else f"P = {probability:.2f}"
