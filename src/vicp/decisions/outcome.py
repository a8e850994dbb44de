"""What identification and verification return; plain values, so that JSON is `dataclasses.asdict`.

The words are those of ISO/IEC 2382-37 and of NIST's evaluations: a *genuine* pair shows one individual, an *impostor*
pair two; FMR and FNMR are the error rates of pairs, FPIR and FNIR those of searches.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

IdentificationVerdict = Literal["same", "new", "unsure"]
VerificationVerdict = Literal["same", "different", "unsure"]


@dataclass(frozen=True)
class ErrorTargets:
    """The error rates that verdicts keep.

    Attributes:
        false_match_rate: Of searches for an individual that is not in the gallery, the share that may name one
            (FPIR); of pairs of two individuals, the share that may be called the same (FMR).
        confidence: With which `false_match_rate` holds, over draws of the individuals that were taught.
        false_new_rate: Of photos of individuals in the gallery, the share that may be called new (FNIR); of genuine
            pairs, the share that may be called different (FNMR).
        known_share: Prior probability that the individual is in the gallery; for probabilities only.
    """

    false_match_rate: float = 0.05
    confidence: float = 0.9
    false_new_rate: float = 0.1
    known_share: float = 0.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value}; expected a number between 0 and 1")


@dataclass(frozen=True)
class Threshold:
    """A similarity that the best candidate of an impostor search exceeds no more often than a rate allows.

    Attributes:
        similarity: Matches lie strictly above it.
        rate: The false-match rate of a search that it keeps.
        confidence: With which, over draws of the individuals it was found on; None keeps the rate on average over them.
        candidates: How many identities a search may have.
        searches: On how many independent impostor searches it was found.
        failures: How many of those it lets match.
    """

    similarity: float
    rate: float
    confidence: float | None
    candidates: int
    searches: int
    failures: int


@dataclass(frozen=True)
class InsufficientPairs:
    """A false-match rate for which there are too few labelled pairs, and how many more it takes.

    Attributes:
        rate: The false-match rate wanted.
        confidence: The confidence wanted.
        candidates: How many identities a search has.
        searches: How many independent impostor searches there are.
        missing: Different-pairs needed on top, each of two identities that are in no pair yet.
        least_rate: The lowest rate that can be kept now, over as many candidates; None where there is none below 1.
    """

    rate: float
    confidence: float | None
    candidates: int
    searches: int
    missing: int
    least_rate: float | None


@dataclass(frozen=True)
class Candidate:
    """An identity that a photo may show, by its photo most similar to the query.

    Attributes:
        identity: Its name; `category/name` where the gallery's photos are of several categories.
        similarity: Cosine in [-1, 1].
        probability: Calibrated probability that the query shows this identity; None where nothing is calibrated.
        photo: Where the similar photo came from.
        key: That photo's content key in a stored gallery; "" for a folder.
    """

    identity: str
    similarity: float
    probability: float | None
    photo: str
    key: str = ""


@dataclass(frozen=True)
class Identification:
    """Whom of a gallery a photo shows.

    Attributes:
        photo: Its name.
        category: The category it was searched in; "unknown" where it fits none of a gallery's, "" where none is known.
        verdict: "same" as the first candidate, "new" where it is nobody of the gallery, "unsure" where neither can be
            said at the error rates wanted; None where nothing is calibrated, or nothing was searched.
        probability: Calibrated, of what the verdict names: of "new", or else of the first candidate.
        probability_new: Calibrated, that the photo shows nobody of the gallery.
        candidates: Best first.
        sentence: The verdict for people.
        threshold: Above which the first candidate is the same; None where there is none.
        shortage: Why there is no threshold, and what it takes.
        new_below: The similarity below which a photo is new; None with too few pairs.
        routed: Whether the category was chosen by the photo's embeddings.
    """

    photo: str
    category: str
    verdict: IdentificationVerdict | None
    probability: float | None
    probability_new: float | None
    candidates: tuple[Candidate, ...]
    sentence: str
    threshold: Threshold | None = None
    shortage: InsufficientPairs | None = None
    new_below: float | None = None
    routed: bool = False


@dataclass(frozen=True)
class IdentificationReport:
    """The identifications of several photos.

    Attributes:
        identifications: One per photo.
        gallery_photos: Photos of individuals that were searched.
        gallery_identities: Individuals that were searched.
        skipped: Photos, of queries and gallery, left out because they cannot be used.
    """

    identifications: tuple[Identification, ...]
    gallery_photos: int
    gallery_identities: int
    skipped: int = 0

    def __iter__(self) -> Iterator[Identification]:
        """Return the identifications, photo by photo."""
        return iter(self.identifications)

    def __len__(self) -> int:
        """Return how many photos there are."""
        return len(self.identifications)


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one individual.

    Attributes:
        category: The category they were compared in; "" where none is known.
        verdict: "same", "different", or "unsure" where neither can be said at the error rates wanted; None where
            nothing is calibrated.
        probability: Calibrated P(same), for a pair as likely same as different; None where nothing is calibrated.
        similarity: Cosine in [-1, 1].
        sentence: The verdict for people.
        threshold: Above which a pair is the same; None where there is none.
        shortage: Why there is no threshold, and what it takes.
        different_below: The similarity below which a pair is different; None with too few pairs.
        verifier_probability: P(same) of the model's in-context verifier, not calibrated; None without one.
        labels_predictable: Whether the verifier's LLM predicted held-out labels clearly better than one answer for
            all does; None where it was not tested.
        separating_similarity: The similarity that best separates held-out same- from different-pairs; None if unknown.
        separating_accuracy: The share of held-out pairs on their side of it, both kinds weighing the same.
        routed: Whether the category was chosen by the photos' embeddings.
    """

    category: str
    verdict: VerificationVerdict | None
    probability: float | None
    similarity: float
    sentence: str
    threshold: Threshold | None = None
    shortage: InsufficientPairs | None = None
    different_below: float | None = None
    verifier_probability: float | None = None
    labels_predictable: bool | None = None
    separating_similarity: float | None = None
    separating_accuracy: float | None = None
    routed: bool = False
