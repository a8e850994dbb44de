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
    """The error rates that a promise keeps.

    Attributes:
        false_match_rate: Of searches for an individual that is not in the gallery, the share that may name one
            (FPIR); of pairs of two individuals, the share that may be called the same (FMR).
        confidence: With which `false_match_rate` holds, over draws of the individuals that were taught.
        false_new_rate: Of photos of individuals in the gallery, the share that may be called new (FNIR); of genuine
            pairs, the share that may be called different (FNMR).
    """

    false_match_rate: float = 0.05
    confidence: float = 0.9
    false_new_rate: float = 0.1

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
class Basis:
    """What probabilities rest on.

    Attributes:
        individuals: Of the category whose held-out photos were compared.
        genuine: Of those, the ones with two photos that could be compared.
        borrowed_categories: Other categories that fill in.
        own_share: Which share of the uncertainty about the calibration the category's own pairs took away.
    """

    individuals: int
    genuine: int
    borrowed_categories: int
    own_share: float


@dataclass(frozen=True)
class Candidate:
    """An identity that a photo may show, by its photo most similar to the query.

    Attributes:
        identity: Its name; `category/name` where the gallery's photos are of several categories.
        similarity: Cosine in [-1, 1].
        probability: That the query shows this identity.
        photo: Where the similar photo came from.
        key: That photo's content key in a stored gallery; "" for a folder.
        probability_range: Nine tenths of what is believed of the probability.
    """

    identity: str
    similarity: float
    probability: float
    photo: str
    key: str = ""
    probability_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Identification:
    """Whom of a gallery a photo shows.

    The probabilities of all individuals of the gallery, `probability_new` and `probability_uncompared` add up to 1.

    Attributes:
        photo: Its name.
        category: The category it was searched in; "unknown" where it fits none of a gallery's, "" where none is known.
        verdict: "same" as the likeliest candidate, "new" where somebody new is likelier, "unsure" where the photo does
            not look like the category; None where nothing was searched.
        probability: Of what the verdict names: of "new", or else of the likeliest candidate.
        probability_new: That the photo shows nobody of the gallery.
        candidates: Likeliest first.
        sentence: The verdict for people.
        probability_range: Nine tenths of what is believed of `probability`.
        probability_new_range: And of `probability_new`.
        prior_new: P(new) before the photo was seen.
        basis: What the probabilities rest on.
        typicality: The share of photos of the category that look as little like those known of it; None where none
            are known.
        promised: Whether the verdict keeps its error rate, beyond being believed.
        promise: That rate, or what it takes to promise one, for people.
        threshold: Above which a candidate is promised; None where there is none.
        shortage: Why there is no threshold, and what it takes.
        new_below: The similarity below which "new" is promised; None with too few pairs.
        routed: Whether the category was chosen by the photo's embeddings.
        uncompared: How many individuals are known by the other side alone, so that the photo tells nothing of them.
        probability_uncompared: That the photo shows one of these.
        recall: The share of photos for which an index finds the closest photo of the gallery, as it was measured; None
            where every photo is compared.
    """

    photo: str
    category: str
    verdict: IdentificationVerdict | None
    probability: float | None
    probability_new: float | None
    candidates: tuple[Candidate, ...]
    sentence: str
    probability_range: tuple[float, float] | None = None
    probability_new_range: tuple[float, float] | None = None
    prior_new: float = 0.5
    basis: Basis | None = None
    typicality: float | None = None
    promised: bool = False
    promise: str = ""
    threshold: Threshold | None = None
    shortage: InsufficientPairs | None = None
    new_below: float | None = None
    routed: bool = False
    uncompared: int = 0
    probability_uncompared: float = 0.0
    recall: float | None = None


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
        verdict: "same" or "different", whichever is likelier; "unsure" where a photo does not look like the category,
            and of the left side of one photo and the right side of the other.
        probability: P(same); of two sides it stays as it was before.
        similarity: Cosine in [-1, 1].
        sentence: The verdict for people.
        probability_range: Nine tenths of what is believed of `probability`.
        prior_new: P(different) before the photos were seen.
        basis: What the probability rests on.
        typicality: Of the photo that looks less like the category, as in `Identification`.
        promised: Whether the verdict keeps its error rate, beyond being believed.
        promise: That rate, or what it takes to promise one, for people.
        threshold: Above which "same" is promised; None where there is none.
        shortage: Why there is no threshold, and what it takes.
        different_below: The similarity below which "different" is promised; None with too few pairs.
        routed: Whether the category was chosen by the photos' embeddings.
        sides: What both photos show, "left" or "right" and else "".
    """

    category: str
    verdict: VerificationVerdict
    probability: float
    similarity: float
    sentence: str
    probability_range: tuple[float, float] = (0.0, 1.0)
    prior_new: float = 0.5
    basis: Basis | None = None
    typicality: float | None = None
    promised: bool = False
    promise: str = ""
    threshold: Threshold | None = None
    shortage: InsufficientPairs | None = None
    different_below: float | None = None
    routed: bool = False
    sides: tuple[str, str] = ("", "")
