"""What the REST API answers, apart from the library's own results."""

from typing import Literal

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What is wrong and what to do, in one line.")
    instance: str
    errors: list[dict[str, str]] | None = None


class State(BaseModel):
    """Whether the service answers."""

    status: str


class LimitsInfo(BaseModel):
    """What a request may hold."""

    photo_bytes: int
    photos: int
    body_bytes: int
    queue: int
    page: int


class CategoryInfo(BaseModel):
    """One category of a gallery."""

    category: str
    photos: int
    identities: int
    unnamed: int
    method: str
    fingerprint: str = Field(description="Of all that its embeddings depend on.")


class GalleryInfo(BaseModel):
    """One gallery."""

    name: str
    made: bool = Field(description="False where nothing has been made at its place yet.")
    fault: str = Field(default="", description="What keeps it from being read, and what to do; empty for nothing.")
    version: int
    model: str
    model_fingerprint: str = Field(default="", description="Of its weights; empty where nothing has been made yet.")
    pairs: int
    categories: list[CategoryInfo]


class Info(BaseModel):
    """The program and its limits."""

    name: str
    version: str
    limits: LimitsInfo
    photo_root: bool = Field(description="Whether requests may name photos on the server.")
    galleries: list[GalleryInfo] = Field(description="Empty while they are being opened.")


class Written(BaseModel):
    """What a change did."""

    version: int
    summary: str
    undo: str | None = Field(
        description="Where to POST, with this version as If-Match, to take it back; null where nothing changed."
    )


class Accepted(BaseModel):
    """Work that goes on after the answer."""

    job: str
    location: str


class JobInfo(BaseModel):
    """How far a job is."""

    id: str
    kind: str
    gallery: str
    state: str
    done: int
    total: int
    detail: str
    result: dict[str, object] | None


class Candidate(BaseModel):
    """An individual that a photo may show."""

    identity: str
    similarity: float
    probability: float
    probability_range: tuple[float, float]
    photo: str
    key: str
    date: str
    viewpoint: str
    camera: str


class PhotoAnswer(BaseModel):
    """Whom a photo shows, or photos that were asked together, or why that cannot be said."""

    photo: str = Field(description="Its name, or that of the first one.")
    photos: list[str] = Field(description="The names of all that this is the answer to.")
    category: str = ""
    verdict: str | None = None
    sentence: str
    probability: float | None = None
    probability_range: tuple[float, float] | None = None
    probability_new: float | None = None
    promised: bool = False
    promise: str = ""
    missing_pairs: int | None = Field(default=None, description="Labelled pairs that a promise still takes.")
    candidates: list[Candidate] = []
    error: str | None = None


class PairAnswer(BaseModel):
    """Whether two photos show one individual."""

    category: str
    verdict: str
    sentence: str
    probability: float
    probability_range: tuple[float, float]
    similarity: float
    promised: bool
    promise: str
    missing_pairs: int | None


class Embeddings(BaseModel):
    """Photos as the model sees them."""

    model: str
    fingerprint: str = Field(description="Of all that the embeddings depend on but the prompt.")
    embeddings: list[list[float]] = Field(description="Of each photo, of length one.")


class PhotoInfo(BaseModel):
    """A photo of a gallery."""

    key: str = Field(description="Of its content.")
    category: str
    identity: str | None
    file: str
    date: str
    viewpoint: str = Field(description="The side it shows; empty where that is not known.")
    camera: str = Field(description="Where it was taken; empty where that is not known.")
    aside: bool = Field(description="Set aside, as one that shows nobody.")


class PhotoPage(BaseModel):
    """Photos, in the order they came in."""

    photos: list[PhotoInfo]
    next: str | None


class IdentityInfo(BaseModel):
    """An individual."""

    category: str
    identity: str
    photos: int
    named_by: str
    named_at: str


class IdentityPage(BaseModel):
    """Individuals by category and name."""

    identities: list[IdentityInfo]
    next: str | None


class NewName(BaseModel):
    """A name for an individual."""

    identity: str = Field(min_length=1, max_length=200)


class Merge(BaseModel):
    """Individuals that are the same as the one of the address."""

    others: list[str] = Field(min_length=1, max_length=200)


class Split(BaseModel):
    """Photos of the individual of the address that show somebody else."""

    photos: list[str] = Field(min_length=1, max_length=1000)
    into: str = Field(min_length=1, max_length=200)


class LabelledPair(BaseModel):
    """Two photos of a gallery and whether they show one individual; null where that cannot be told."""

    left: str
    right: str
    same: bool | None


class NewPairs(BaseModel):
    """Labels to keep, all or none."""

    pairs: list[LabelledPair] = Field(min_length=1, max_length=1000)


class ProposedPair(BaseModel):
    """A pair worth a label."""

    left: PhotoInfo
    right: PhotoInfo
    why: str


class ReviewSide(BaseModel):
    """One side of a question."""

    identity: str | None
    photos: list[PhotoInfo]


class ReviewQuestion(BaseModel):
    """Do both sides show the same individual?"""

    id: str
    kind: str
    category: str
    question: str
    note: str
    probability: str | None = Field(description="In words, where it is said.")
    left: ReviewSide
    right: ReviewSide
    answers: list[str]


class ReviewPage(BaseModel):
    """The next questions."""

    version: int
    questions: list[ReviewQuestion]


class ReviewedAnswer(BaseModel):
    """An answer, with all that it means: the server need not know the question any more."""

    kind: Literal["pairs", "groups", "doubts"]
    left: list[str] = Field(min_length=1, max_length=100)
    right: list[str] = Field(min_length=1, max_length=100)
    answer: Literal["same", "different", "unsure", "new", "aside", "aside_right"]
    name: str = Field(default="", max_length=200)


class Operation(BaseModel):
    """A change of the log."""

    operation: int
    command: str
    summary: str
    author: str
    at: str
    reason: str
    shown: bool = Field(description="Whether the gallery shows the state that it made.")


class OperationPage(BaseModel):
    """Changes, newest first."""

    operations: list[Operation]
    next: str | None


class Restore(BaseModel):
    """The state to bring back: as it was after this operation."""

    operation: int = Field(ge=1, le=2**53)
