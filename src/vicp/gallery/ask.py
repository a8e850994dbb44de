"""Who is this, by the gallery: ranked individuals, P(same), and "new" or "cannot say" where that is the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vicp.adapt.embedder import Embedder
from vicp.data.records import PhotoTable
from vicp.decisions.rule import DecisionRule, ErrorTargets, decision_rule
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, check_model, find_category, gallery_categories
from vicp.gallery.contents import embedded_photos
from vicp.gallery.identify import searching
from vicp.gallery.nearest import ExactNearest, SearchResult, nearest_of
from vicp.gallery.routing import UNKNOWN, CategoryDensity, category_density, route
from vicp.gallery.store.snapshot import Snapshot

NO_DECISION = "no probability: the category's prompt carries no held-out pairs (`vicp teach` writes them)"


@dataclass(frozen=True)
class NamedCandidate:
    """An individual that a photo may show.

    Attributes:
        identity: its name.
        similarity: of its closest photo.
        probability: P(same); None where nothing is calibrated.
        photo: where that photo came from.
        key: that photo's.
    """

    identity: str
    similarity: float
    probability: float | None
    photo: str
    key: str


@dataclass(frozen=True)
class GalleryIdentification:
    """What the gallery says of one photo.

    Attributes:
        photo: its name.
        category: the one it was searched in; "unknown" where it fits none.
        routed: whether the gallery chose the category.
        verdict: "same", "new" or "unsure"; None where nothing is calibrated, or nothing was searched.
        sentence: the answer for people.
        candidates: best first.
    """

    photo: str
    category: str
    routed: bool
    verdict: str | None
    sentence: str
    candidates: tuple[NamedCandidate, ...]

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {**self.__dict__, "candidates": [candidate.__dict__ for candidate in self.candidates]}

    def lines(self) -> list[str]:
        """The facts, for people."""
        where = f" (looks like a {self.category})" if self.routed and self.category != UNKNOWN else ""
        lines = [f"{self.photo}{where}: {self.sentence}"]
        for rank, c in enumerate(self.candidates, start=1):
            sure = "" if c.probability is None else f"P(same) {c.probability:.2f}, "
            lines.append(f"  {rank}. {c.identity}  {sure}similarity {c.similarity:.3f}  ({c.photo})")
        return lines


@dataclass(frozen=True)
class GalleryIdentifications:
    """What the gallery says of photos.

    Attributes:
        answers: one per photo.
        num_skipped: photos left out because they cannot be used.
    """

    answers: tuple[GalleryIdentification, ...]
    num_skipped: int = 0

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {"skipped": self.num_skipped, "answers": [answer.summary() for answer in self.answers]}

    def lines(self) -> list[str]:
        """The facts, for people."""
        lines = [line for answer in self.answers for line in answer.lines()]
        return lines + ([f"Left out {self.num_skipped} photos that cannot be used."] if self.num_skipped else [])


def identify_in_gallery(
    embedder: Embedder,
    snapshot: Snapshot,
    queries: Sequence[PhotoTable],
    *,
    category: str | None = None,
    promise: ErrorTargets | None = None,
    top: int = 5,
    allow_unknown: bool = True,
) -> GalleryIdentifications:
    """Ranks the gallery's individuals for every photo, and says whether it is one of them.

    Args:
        embedder: of the gallery's model.
        snapshot: the gallery.
        queries: photos to identify.
        category: of all of them; None lets the prompts decide where the gallery has several.
        promise: the error rates that the answers keep.
        top: how many individuals to name.
        allow_unknown: say so of a photo that fits no category.

    Raises:
        DataError: photos that cannot be used.
        GalleryError: no such category, no individual to compare with, or another model.
    """
    answers: list[GalleryIdentification] = []
    skipped = 0
    for table in queries:
        found = _identify_table(embedder, snapshot, table, category, promise or ErrorTargets(), top, allow_unknown)
        answers += found.answers
        skipped += found.num_skipped
    return GalleryIdentifications(tuple(answers), skipped)


def _identify_table(
    embedder: Embedder,
    snapshot: Snapshot,
    table: PhotoTable,
    category: str | None,
    promise: ErrorTargets,
    top: int,
    allow_unknown: bool,
) -> GalleryIdentifications:
    known = gallery_categories(snapshot) if category is None else {category: find_category(snapshot, category)}
    if not known:
        raise GalleryError(f"{snapshot.uri}: nothing enrolled yet: `vicp gallery enroll {snapshot.uri} PHOTOS`")
    queries, kept = embed_under(embedder, snapshot, table, known)
    names = [str(path) for path in kept.frame["path"]]
    chosen = choose_categories(snapshot, known, queries, allow_unknown=allow_unknown)
    answers: dict[int, GalleryIdentification] = {}
    for name, prompted in known.items():
        rows = [row for row, one in enumerate(chosen) if one == name]
        if rows:
            found = _answer_category(snapshot, prompted, queries[name][rows], promise, top)
            for row, (verdict, sentence, candidates) in zip(rows, found, strict=True):
                answers[row] = GalleryIdentification(names[row], name, len(known) > 1, verdict, sentence, candidates)
    for row, name in enumerate(chosen):
        if row not in answers:
            answers[row] = GalleryIdentification(names[row], name, True, None, "fits no category of this gallery", ())
    return GalleryIdentifications(tuple(answers[row] for row in sorted(answers)), len(kept.skipped))


def choose_categories(
    snapshot: Snapshot,
    known: Mapping[str, GalleryCategory],
    queries: Mapping[str, np.ndarray],
    *,
    allow_unknown: bool,
) -> Sequence[str]:
    """The category of each photo from its embeddings under every prompt; the only one where there is one."""
    if len(known) == 1:
        return [next(iter(known))] * len(next(iter(queries.values())))
    usual: dict[str, CategoryDensity | None] = {
        name: category_density(embedded_photos(snapshot, prompted).embeddings) for name, prompted in known.items()
    }
    return route(queries, usual, allow_unknown=allow_unknown)


def embed_under(
    embedder: Embedder, snapshot: Snapshot, table: PhotoTable, known: Mapping[str, GalleryCategory]
) -> tuple[dict[str, np.ndarray], PhotoTable]:
    """Embeddings of the photos under every category's prompt, and the photos that could be used."""
    queries: dict[str, np.ndarray] = {}
    kept = table
    for name, prompted in known.items():
        check_model(embedder, prompted.model, uri=snapshot.uri)
        usable, embeddings = embedder.embed(kept, prompted.prompt)
        kept, queries[name] = usable, embeddings.float().numpy()
    return queries, kept


def _answer_category(
    snapshot: Snapshot, prompted: GalleryCategory, query: np.ndarray, promise: ErrorTargets, top: int
) -> list[tuple[str | None, str, tuple[NamedCandidate, ...]]]:
    """Verdict, sentence and candidates of each query (B, D) in one category."""
    nearest = nearest_of(snapshot, prompted)
    if nearest is None:
        sentence = f"new: nobody of {prompted.category} has a name in this gallery yet"
        return [("new", sentence, ())] * len(query)
    decisions = None if prompted.prompt is None else decision_rule(prompted.prompt)
    if decisions is not None and isinstance(nearest, ExactNearest):
        known = nearest.known
        owner = np.repeat(np.arange(len(known.names)), np.diff(np.append(known.starts, len(known))))
        decisions = searching(decisions, torch.from_numpy(known.embeddings), owner)
    return [_decide(hits, decisions, promise) for hits in nearest.hits(query, top)]


def _decide(
    hits: SearchResult, decisions: DecisionRule | None, promise: ErrorTargets
) -> tuple[str | None, str, tuple[NamedCandidate, ...]]:
    """Verdict, sentence and candidates of one query."""
    verdict, sentence, probability = None, NO_DECISION, None
    if decisions is not None:
        decided = decisions.identify(hits.similarities.astype(np.float64), promise)
        verdict, sentence, probability = decided.verdict, decided.sentence, decided.probability
    names = []
    for rank, (name, (source, key)) in enumerate(zip(hits.names, hits.photos, strict=True)):
        sure = None if probability is None else round(float(probability[rank]), 4)
        names.append(NamedCandidate(name, round(float(hits.similarities[rank]), 4), sure, source, key))
    return verdict, sentence, tuple(names)
