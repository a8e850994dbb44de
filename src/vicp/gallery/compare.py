"""Two photos under a category of the gallery: the same individual?"""

from dataclasses import dataclass
from typing import Any

from vicp.adapt.embedder import Embedder
from vicp.data.records import PhotoTable
from vicp.decisions.rule import ErrorTargets, decision_rule
from vicp.errors import GalleryError
from vicp.gallery.ask import NO_DECISION, choose_categories, embed_under
from vicp.gallery.categories import find_category, gallery_categories
from vicp.gallery.routing import UNKNOWN
from vicp.gallery.store.snapshot import Snapshot


@dataclass(frozen=True)
class GalleryVerification:
    """What the gallery says of two photos.

    Attributes:
        category: the one they were compared in.
        similarity: cosine of their embeddings.
        probability: calibrated P(same); None where nothing is calibrated.
        verdict: "same", "different" or "unsure"; None where nothing is calibrated.
        sentence: the answer for people.
    """

    category: str
    similarity: float
    probability: float | None
    verdict: str | None
    sentence: str

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return dict(self.__dict__)

    def lines(self) -> list[str]:
        """The facts, for people."""
        return [f"{self.sentence} (as {self.category}, similarity {self.similarity:.3f})"]


def verify_in_gallery(
    embedder: Embedder,
    snapshot: Snapshot,
    pair: PhotoTable,
    *,
    category: str | None = None,
    promise: ErrorTargets | None = None,
) -> GalleryVerification:
    """Compares two photos under a category's prompt; without `category` the first photo decides which.

    Raises:
        DataError: a photo that cannot be used.
        GalleryError: no such category, a photo that fits none, or another model.
    """
    known = gallery_categories(snapshot) if category is None else {category: find_category(snapshot, category)}
    if not known:
        raise GalleryError(f"{snapshot.uri}: no category yet: `vicp gallery enroll {snapshot.uri} PHOTOS` adds one")
    queries, _ = embed_under(embedder, snapshot, pair, known)
    name = choose_categories(snapshot, known, queries, allow_unknown=True)[0]
    if name == UNKNOWN and name not in known:
        raise GalleryError(
            f"{pair.frame['path'].iloc[0]}: fits no category of {snapshot.uri}: give --category ({', '.join(known)})"
        )
    left, right = queries[name]
    similarity = float(left @ right)
    prompt = known[name].prompt
    decisions = None if prompt is None else decision_rule(prompt)
    if decisions is None:
        return GalleryVerification(name, similarity, None, None, NO_DECISION)
    decided = decisions.verify(similarity, promise or ErrorTargets())
    return GalleryVerification(name, similarity, decided.probability, decided.verdict, decided.sentence)
