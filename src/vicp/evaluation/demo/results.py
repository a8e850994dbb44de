"""The results of a demo as values: the context report of every category, and answers on real photos."""

from collections.abc import Mapping
from dataclasses import dataclass

from vicp.decisions.outcome import Identification
from vicp.evaluation.results import ContextSummary, RankList


@dataclass(frozen=True)
class DemoCategory:
    """The context report of one category in `vicp demo`.

    Attributes:
        category: Its name.
        queries: How many photos were looked up.
        gallery: In how many photos.
        identities: Of how many individuals.
        pairs: Labelled pairs in the context.
        other: The category whose pairs the row "other" used.
        context: mAP of every row, with the verdict.
        rank1: By row, the share of queries whose first hit is right.
        rank_lists: examples.
        matches: The picture of matched patches, PNG; None if there is none.
    """

    category: str
    queries: int
    gallery: int
    identities: int
    pairs: int
    other: str
    context: ContextSummary
    rank1: Mapping[str, float]
    rank_lists: tuple[RankList, ...]
    matches: bytes | None


@dataclass(frozen=True)
class AnsweredPhoto:
    """A photo that was identified in `vicp demo`, and whom it shows.

    Attributes:
        photo: Encoded.
        truth: The individual's name; None for one that the gallery does not have.
        answer: What was said.
        shown: The photos of the answer's candidates, encoded.
    """

    photo: bytes
    truth: str | None
    answer: Identification
    shown: tuple[bytes, ...]

    @property
    def is_right(self) -> bool:
        """Whether the answer names the right individual, or says rightly that it is somebody new."""
        if self.truth is None:
            return self.answer.verdict == "new"
        return self.answer.verdict == "same" and self.answer.candidates[0].identity == self.truth


@dataclass(frozen=True)
class DemoReport:
    """What `vicp demo` measured, and how.

    Attributes:
        source: Where the photos come from.
        model: Name and fingerprint.
        command: That makes this report again.
        seconds: It took.
        seed: Of every draw.
        protocol: What the numbers mean, in a sentence.
        context: mAP of every row, mean over categories, with the verdict.
        rank1: By row, mean over categories.
        categories: Measured; at least one.
        skipped: Categories or photos left out, each with its reason.
        answers: Real photos that were asked about.
    """

    source: str
    model: str
    command: str
    seconds: float
    seed: int
    protocol: str
    context: ContextSummary
    rank1: Mapping[str, float]
    categories: tuple[DemoCategory, ...]
    skipped: tuple[str, ...]
    answers: tuple[AnsweredPhoto, ...] = ()
