"""What the REST API answers, besides the library's own results."""

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


class Info(BaseModel):
    """The program and its limits."""

    name: str
    version: str
    limits: LimitsInfo
    photo_root: bool = Field(description="Whether requests may name photos on the server.")


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
    version: int
    model: str
    pairs: int
    categories: list[CategoryInfo]


class Written(BaseModel):
    """What a change did."""

    version: int
    summary: str
    undo: str = Field(description="Where to POST, with this version as If-Match, to take it back.")


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


class PhotoAnswer(BaseModel):
    """Whom one photo shows, or why that cannot be said."""

    photo: str
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
