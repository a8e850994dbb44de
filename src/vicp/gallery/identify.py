"""Identify: rank the known individuals for a photo, and decide whether it shows one of them or a new one.

The gallery is a table of photos with a prompt (`identify_photos`), or a stored one (`identify_in_gallery`); what
follows from a photo's embedding is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.decisions.impostor_trials import searches_among
from vicp.decisions.outcome import (
    Candidate,
    ErrorTargets,
    Identification,
    IdentificationReport,
    InsufficientPairs,
    Threshold,
)
from vicp.decisions.rule import DEFAULT_TARGETS, DecisionRule, decision_rule
from vicp.decisions.sentences import NO_HELD_OUT_PAIRS, NO_PROMPT, identification_sentence
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, find_category, gallery_categories
from vicp.gallery.identity_search import best_impostor_similarities
from vicp.gallery.nearest import ExactNearest, Nearest, SearchResult, nearest_in_category, nearest_in_table
from vicp.gallery.routing import choose_categories, embed_under_prompts
from vicp.gallery.store.snapshot import Snapshot

FITS_NONE = "fits no category of this gallery"
MAX_IDENTITIES = 5000  # whose impostor searches are made: all of them against all are 100 MB

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CategorySearch:
    """What the photos of one category are compared with, and what their similarities mean.

    Attributes:
        category: Its name.
        nearest: The search of its individuals; None where nobody has a name yet.
        rule: None where the prompt allows no decisions.
        unruled: Why it allows none, for people.
    """

    category: str
    nearest: Nearest | None
    rule: DecisionRule | None
    unruled: str

    @classmethod
    def of(cls, category: str, nearest: Nearest | None, prompt: Prompt | None) -> "CategorySearch":
        """Return the search of individuals whose photos are embedded under this prompt.

        A gallery of more identities than the support calibrates the search itself: its identities give the impostor
        searches.
        """
        rule = decision_rule(None if prompt is None else prompt.held_out)
        unruled = NO_PROMPT if prompt is None else NO_HELD_OUT_PAIRS
        if rule is None or not isinstance(nearest, ExactNearest):
            return cls(category, nearest, rule, unruled)
        if 2 * len(rule.searches.best) + 1 < len(nearest.names) <= MAX_IDENTITIES:
            rule = replace(rule, searches=searches_among(best_impostor_similarities(nearest.index)))
        return cls(category, nearest, rule, unruled)

    def identify(
        self, photos: Sequence[str], embeddings: Floats, *, targets: ErrorTargets, top: int, routed: bool = False
    ) -> list[Identification]:
        """Return the identification of each photo.

        Args:
            photos: Their names (B,).
            embeddings: (B, D) float32, L2-normalised, under the category's prompt.
            targets: The error rates to keep.
            top: How many individuals to name.
            routed: Whether the embeddings chose this category.
        """
        if self.nearest is None:
            sentence = f"new: nobody of {self.category} has a name in this gallery yet"
            return [Identification(p, self.category, "new", None, None, (), sentence, routed=routed) for p in photos]
        results = self.nearest.search(embeddings, top)
        return [self._decide(p, result, targets, routed) for p, result in zip(photos, results, strict=True)]

    def _decide(self, photo: str, result: SearchResult, targets: ErrorTargets, routed: bool) -> Identification:
        if self.rule is None:
            candidates = _candidates(result, None)
            return Identification(photo, self.category, None, None, None, candidates, self.unruled, routed=routed)
        decision = self.rule.decide_search(result.similarities.astype(np.float64), targets)
        shortage = decision.limit if isinstance(decision.limit, InsufficientPairs) else None
        sentence = identification_sentence(
            decision.verdict, first=result.names[0], probability=decision.probability, shortage=shortage
        )
        return Identification(
            photo=photo,
            category=self.category,
            verdict=decision.verdict,
            probability=decision.probability,
            probability_new=decision.probability_new,
            candidates=_candidates(result, decision.probabilities),
            sentence=sentence,
            threshold=decision.limit if isinstance(decision.limit, Threshold) else None,
            shortage=shortage,
            new_below=decision.new_below,
            routed=routed,
        )


def identify_photos(
    embedder: Embedder,
    gallery: PhotoTable,
    queries: Sequence[PhotoTable],
    *,
    prompt: Prompt | None,
    targets: ErrorTargets = DEFAULT_TARGETS,
    top: int = 5,
) -> IdentificationReport:
    """Return who of a table of photos every query shows.

    Args:
        embedder: The prompt's model.
        gallery: Photos of known individuals; of the prompt's category alone, where it is among theirs.
        queries: Photos to identify.
        prompt: The category's; None compares plain embeddings, which calibrate nothing.
        targets: The error rates to keep.
        top: How many individuals to name.

    Raises:
        DataError: Photos that cannot be used, or a gallery photo without an identity.
        PromptError: The prompt belongs to another model.
    """
    known, search = search_photos(embedder, gallery, prompt=prompt)
    report = identify_with(embedder, search, queries, prompt=prompt, targets=targets, top=top)
    return replace(report, skipped=report.skipped + len(known.skipped))


def search_photos(
    embedder: Embedder, gallery: PhotoTable, *, prompt: Prompt | None
) -> tuple[PhotoTable, CategorySearch]:
    """Return the photos of known individuals that can be used, and the search of these individuals.

    Raises:
        DataError: Photos that cannot be used, or one without an identity.
        PromptError: The prompt belongs to another model.
    """
    if prompt is not None and prompt.category in gallery.categories:
        gallery = gallery.of_category(prompt.category)
    known, embeddings = embedder.embed(gallery, prompt)
    category = prompt.category if prompt is not None else _only_category(known)
    return known, CategorySearch.of(category, nearest_in_table(known, embeddings.float().numpy()), prompt)


def identify_with(
    embedder: Embedder,
    search: CategorySearch,
    queries: Sequence[PhotoTable],
    *,
    prompt: Prompt | None,
    targets: ErrorTargets = DEFAULT_TARGETS,
    top: int = 5,
) -> IdentificationReport:
    """Return whom of the searched individuals every query shows; the arguments are those of `identify_photos`.

    Raises:
        DataError: Photos that cannot be used.
        PromptError: The prompt belongs to another model.
    """
    embedded = [embedder.embed(table, prompt) for table in queries]
    identifications = [
        identification
        for table, embeddings in embedded
        for identification in search.identify(_names(table), embeddings.float().numpy(), targets=targets, top=top)
    ]
    return _report(identifications, [search], sum(len(table.skipped) for table, _ in embedded))


def identify_in_gallery(
    embedder: Embedder,
    snapshot: Snapshot,
    queries: Sequence[PhotoTable],
    *,
    category: str | None = None,
    targets: ErrorTargets = DEFAULT_TARGETS,
    top: int = 5,
    allow_unknown: bool = True,
) -> IdentificationReport:
    """Return who of a stored gallery every query shows.

    Args:
        embedder: The gallery's model.
        snapshot: The gallery.
        queries: Photos to identify.
        category: Theirs; None lets the prompts decide where the gallery has several.
        targets: The error rates to keep.
        top: How many individuals to name.
        allow_unknown: Say so of a photo that fits no category.

    Raises:
        DataError: Photos that cannot be used.
        GalleryError: No such category, nothing enrolled, or another model.
    """
    categories = _categories(snapshot, category)
    embedded = [embed_under_prompts(embedder, snapshot, table, categories) for table in queries]
    chosen = [
        choose_categories(snapshot, categories, embeddings, allow_unknown=allow_unknown) for embeddings, _ in embedded
    ]
    searches = {
        name: CategorySearch.of(name, nearest_in_category(snapshot, stored), stored.prompt)
        for name, stored in categories.items()
        if any(name in names for names in chosen)
    }
    identifications = [
        identification
        for (embeddings, usable), names in zip(embedded, chosen, strict=True)
        for identification in _identify_routed(
            searches, names, _names(usable), embeddings, targets=targets, top=top, routed=len(categories) > 1
        )
    ]
    return _report(identifications, list(searches.values()), sum(len(usable.skipped) for _, usable in embedded))


def _identify_routed(
    searches: Mapping[str, CategorySearch],
    categories: Sequence[str],
    photos: Sequence[str],
    embeddings: Mapping[str, Floats],
    *,
    targets: ErrorTargets,
    top: int,
    routed: bool,
) -> list[Identification]:
    """Return the identification of each photo (B,) in its category (B,)."""
    by_row: dict[int, Identification] = {}
    for category in dict.fromkeys(categories):
        rows = [row for row, name in enumerate(categories) if name == category]
        names = [photos[row] for row in rows]
        if category in searches:
            in_category = searches[category].identify(
                names, embeddings[category][rows], targets=targets, top=top, routed=routed
            )
        else:
            in_category = [
                Identification(name, category, None, None, None, (), FITS_NONE, routed=True) for name in names
            ]
        by_row |= dict(zip(rows, in_category, strict=True))
    return [by_row[row] for row in range(len(photos))]


def _categories(snapshot: Snapshot, category: str | None) -> Mapping[str, GalleryCategory]:
    if category is not None:
        return {category: find_category(snapshot, category)}
    categories = gallery_categories(snapshot)
    if not categories:
        raise GalleryError(f"{snapshot.uri}: nothing enrolled yet: `vicp gallery enroll {snapshot.uri} PHOTOS`")
    return categories


def _only_category(table: PhotoTable) -> str:
    return table.categories[0] if len(table.categories) == 1 else ""


def _candidates(result: SearchResult, probabilities: NDArray[np.float64] | None) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            identity=name,
            similarity=float(result.similarities[rank]),
            probability=None if probabilities is None else float(probabilities[rank]),
            photo=source,
            key=key,
        )
        for rank, (name, (source, key)) in enumerate(zip(result.names, result.photos, strict=True))
    )


def _report(
    identifications: Sequence[Identification], searches: Sequence[CategorySearch], skipped: int
) -> IdentificationReport:
    searched = [search.nearest for search in searches if search.nearest is not None]
    return IdentificationReport(
        tuple(identifications),
        gallery_photos=sum(nearest.num_photos for nearest in searched),
        gallery_identities=sum(len(nearest.names) for nearest in searched),
        skipped=skipped,
    )


def _names(table: PhotoTable) -> list[str]:
    return [str(path) for path in table.frame["path"]]
