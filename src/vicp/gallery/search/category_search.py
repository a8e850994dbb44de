"""The search of one category's individuals, and what is believed and promised of each photo."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sides import SIDES, side_codes
from vicp.decisions.belief import EVEN, SearchBelief
from vicp.decisions.impostor_trials import searches_among
from vicp.decisions.outcome import Candidate, ErrorTargets, Identification, InsufficientPairs, Threshold
from vicp.decisions.rule import DEFAULT_TARGETS, DecisionRule
from vicp.decisions.sentences import (
    approximate_sentence,
    identification_sentence,
    left_out_sentence,
    other_side_sentence,
    promise_sentence,
)
from vicp.decisions.typicality import LEAST_TYPICALITY, CategoryReference
from vicp.errors import ConfigError
from vicp.gallery.search.category_rule import category_reference, category_rule
from vicp.gallery.search.identity_search import best_impostor_similarities
from vicp.gallery.search.nearest import ExactNearest, Nearest, SearchResult

LISTED = 10  # individuals looked at closely, of which the likeliest are named
NOBODY_LEFT = "cannot say: no photo of anybody with a name is among those to compare with"
_NO_RATE = 1e-9  # of errors: no promise keeps it
MAX_IDENTITIES = 5000  # whose impostor searches are made: all of them against all are 100 MB

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Question:
    """How photos are identified.

    Attributes:
        targets: The error rates of a promise.
        prior_new: P(somebody new) before a photo is seen.
        top: How many individuals to name.
    """

    targets: ErrorTargets = DEFAULT_TARGETS
    prior_new: float = EVEN
    top: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.prior_new < 1:
            raise ConfigError(f"prior_new {self.prior_new:g}: expected a probability between 0 and 1")


DEFAULT_QUESTION = Question()


@dataclass(frozen=True, eq=False)
class QueryEmbeddings:
    """Photos to identify.

    Attributes:
        names: (B,).
        embeddings: (B, D) float32, L2-normalised, under the category's prompt.
        plain: (B, D') without a prompt.
        sides: (B,) int64, what each shows, see `data.sides`.
    """

    names: Sequence[str]
    embeddings: Floats
    plain: Floats
    sides: NDArray[np.int64]

    @classmethod
    def of(cls, photos: PhotoTable, embeddings: Floats, plain: Floats) -> "QueryEmbeddings":
        """Return the photos of a table with their embeddings; the arguments are the attributes."""
        return cls([str(path) for path in photos.frame["path"]], embeddings, plain, side_codes(photos))


@dataclass(frozen=True, eq=False)
class CategorySearch:
    """What the photos of one category are compared with, and what their similarities mean.

    Attributes:
        category: Its name.
        nearest: The search of its individuals; None where nobody has a name yet.
        rule: What similarities mean.
        reference: Photos that show what the category looks like; None where there are none.
        num_left_out: Individuals that are not compared because no photo of them was chosen.
    """

    category: str
    nearest: Nearest | None
    rule: DecisionRule
    reference: CategoryReference | None
    num_left_out: int = 0

    @classmethod
    def of(cls, category: str, nearest: Nearest | None, prompt: Prompt | None) -> "CategorySearch":
        """Return the search of individuals whose photos are embedded under this prompt.

        A gallery of more identities than the support calibrates the promise itself: its identities give the impostor
        searches.
        """
        rule = category_rule(prompt, nearest)
        reference = category_reference(prompt, nearest)
        num_taught = 2 * len(rule.searches.best) + 1
        if isinstance(nearest, ExactNearest) and num_taught < len(nearest.names) <= MAX_IDENTITIES:
            rule = replace(rule, searches=searches_among(best_impostor_similarities(nearest.index)))
        return cls(category, nearest, rule, reference)

    def identify(self, queries: QueryEmbeddings, question: Question, *, routed: bool = False) -> list[Identification]:
        """Return the identification of each photo.

        Args:
            queries: The photos.
            question: How.
            routed: Whether the embeddings chose this category.
        """
        if self.nearest is None:
            sentence = f"new: nobody of {self.category} has a name in this gallery yet"
            return [
                Identification(name, self.category, "new", 1.0, 1.0, (), sentence, routed=routed)
                for name in queries.names
            ]
        if not self.nearest.names:
            return [
                Identification(name, self.category, None, None, None, (), NOBODY_LEFT, routed=routed)
                for name in queries.names
            ]
        typical = None if self.reference is None else self.reference.typicality(queries.plain)
        typicality = [None] * len(queries.names) if typical is None else [float(value) for value in typical]
        results = self.nearest.search(queries.embeddings, max(question.top, LISTED), queries.sides)
        return [
            self.decide(name, result, question, share, routed)
            if result.names
            else self._other_side(name, SIDES[side], result.num_uncompared, question, routed)
            for name, result, share, side in zip(queries.names, results, typicality, queries.sides, strict=True)
        ]

    @property
    def recall(self) -> float | None:
        """Return the share of photos for which the search finds the closest photo; None where it compares all."""
        return None if self.nearest is None else self.nearest.recall

    def _note(self) -> str:
        """Return what is to be added to a sentence where individuals were left out, or not every photo compared."""
        notes = []
        if self.nearest is not None and self.num_left_out:
            notes.append(left_out_sentence(len(self.nearest.names), self.num_left_out))
        if self.recall is not None:
            notes.append(approximate_sentence(self.recall))
        return "".join(f"; {note}" for note in notes)

    def _searched_targets(self, targets: ErrorTargets) -> ErrorTargets:
        """Return the rates that a decision has to keep for a promise of these.

        An index that misses the closest photo of a known individual lets it seem new: for a share of 1 - recall at
        most, which is taken off the rate. Of somebody new it can only find less: false matches become no more.
        """
        missed = 0.0 if self.recall is None else 1 - self.recall
        return replace(targets, false_new_rate=max(targets.false_new_rate - missed, _NO_RATE))

    def _other_side(
        self, photo: str, side: str, num_individuals: int, question: Question, routed: bool
    ) -> Identification:
        """Return that nothing can be said of a photo whose side nobody is known by."""
        return Identification(
            photo=photo,
            category=self.category,
            verdict="unsure",
            probability=None,
            probability_new=question.prior_new,
            candidates=(),
            sentence=other_side_sentence(side, num_individuals),
            prior_new=question.prior_new,
            routed=routed,
            uncompared=num_individuals,
            probability_uncompared=1 - question.prior_new,
        )

    def _sentence(
        self,
        likeliest: Sequence[Candidate],
        belief: SearchBelief,
        question: Question,
        *,
        of_category: bool,
        uncompared: tuple[int, float],
    ) -> str:
        """Return what is believed of a photo, for people."""
        said = identification_sentence(
            [(one.identity, one.probability, one.probability_range) for one in likeliest],
            (belief.probability_new, belief.range_new),
            category=self.category,
            of_category=of_category,
            uncompared=uncompared,
            prior_new=question.prior_new,
        )
        return said + self._note()

    def decide(
        self, photo: str, result: SearchResult, question: Question, typicality: float | None, routed: bool
    ) -> Identification:
        """Return what a search that found somebody says of a photo.

        Args:
            photo: Its name.
            result: The search.
            question: How it is identified.
            typicality: See `Identification`.
            routed: Whether the embeddings chose the category.
        """
        decision = self.rule.decide_search(
            result.similarities.astype(np.float64),
            self._searched_targets(question.targets),
            photos=result.counts,
            prior_new=question.prior_new,
            num_uncompared=result.num_uncompared,
        )
        belief = decision.belief
        left_over = float(max(0.0, 1 - belief.probabilities.sum() - belief.probability_new))
        uncompared = (result.num_uncompared, left_over if result.num_uncompared else 0.0)
        candidates = _candidates(result, belief)
        of_category = typicality is None or typicality >= LEAST_TYPICALITY
        shortage = decision.limit if isinstance(decision.limit, InsufficientPairs) else None
        promised = decision.promised and of_category
        first = candidates[0]
        return Identification(
            photo=photo,
            category=self.category,
            verdict="unsure" if not of_category else "new" if decision.is_new else "same",
            probability=belief.probability_new if decision.is_new else first.probability,
            probability_range=belief.range_new if decision.is_new else first.probability_range,
            probability_new=belief.probability_new,
            probability_new_range=belief.range_new,
            prior_new=question.prior_new,
            candidates=candidates[: question.top],
            sentence=self._sentence(candidates[:2], belief, question, of_category=of_category, uncompared=uncompared),
            basis=self.rule.belief.basis,
            typicality=typicality,
            promised=promised,
            promise=promise_sentence(
                promised, new=decision.is_new, pair=False, targets=question.targets, shortage=shortage
            ),
            threshold=decision.limit if isinstance(decision.limit, Threshold) else None,
            shortage=shortage,
            new_below=decision.new_below,
            routed=routed,
            uncompared=uncompared[0],
            probability_uncompared=uncompared[1],
            recall=self.recall,
        )


def _candidates(result: SearchResult, belief: SearchBelief) -> tuple[Candidate, ...]:
    """Return the individuals that were found, likeliest first."""
    candidates = [
        Candidate(
            identity=name,
            similarity=float(result.similarities[rank]),
            probability=float(belief.probabilities[rank]),
            photo=source,
            key=key,
            probability_range=(float(belief.ranges[rank, 0]), float(belief.ranges[rank, 1])),
        )
        for rank, (name, (source, key)) in enumerate(zip(result.names, result.photos, strict=True))
    ]
    return tuple(sorted(candidates, key=lambda candidate: -candidate.probability))
