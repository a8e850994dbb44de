"""Identify: rank the known individuals for a photo, and decide whether it shows one of them or a new one.

The gallery is a table of photos with a prompt (`identify_photos`), or a stored one (`identify_in_gallery`); what
follows from a photo's embedding is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import Identification, IdentificationReport
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, check_model, find_category, gallery_categories
from vicp.gallery.photo_filter import ALL_PHOTOS, PhotoFilter, filtered_numbers
from vicp.gallery.recognition.routed_photos import RoutedPhotos
from vicp.gallery.search.category_search import DEFAULT_QUESTION, CategorySearch, QueryEmbeddings, Question
from vicp.gallery.search.indexed_nearest import nearest_in_category, once_per_search
from vicp.gallery.search.nearest import ExactNearest, exact_nearest, nearest_in_table
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder


def identify_photos(
    encoder: PhotoEncoder,
    gallery: PhotoTable,
    queries: Sequence[PhotoTable],
    *,
    prompt: Prompt | None,
    question: Question = DEFAULT_QUESTION,
) -> IdentificationReport:
    """Return who of a table of photos every query shows.

    Args:
        encoder: The prompt's model.
        gallery: Photos of known individuals; of the prompt's category alone, where it is among theirs.
        queries: Photos to identify.
        prompt: The category's; None compares plain embeddings.
        question: How to identify them.

    Raises:
        DataError: Photos that cannot be used, or a gallery photo without an identity.
        PromptError: The prompt belongs to another model.
    """
    known, search = search_photos(encoder, gallery, prompt=prompt)
    report = identify_with(encoder, search, queries, prompt=prompt, question=question)
    return replace(report, skipped=report.skipped + len(known.skipped))


def search_photos(
    encoder: PhotoEncoder, gallery: PhotoTable, *, prompt: Prompt | None
) -> tuple[PhotoTable, CategorySearch]:
    """Return the photos of known individuals that can be used, and the search of these individuals.

    Raises:
        DataError: Photos that cannot be used, or one without an identity.
        PromptError: The prompt belongs to another model.
    """
    if prompt is not None and prompt.category in gallery.categories:
        gallery = gallery.of_category(prompt.category)
    known, embeddings = encoder.embed(gallery, prompt)
    category = prompt.category if prompt is not None else _only_category(known)
    return known, CategorySearch.of(category, nearest_in_table(known, embeddings), prompt)


def identify_with(
    encoder: PhotoEncoder,
    search: CategorySearch,
    queries: Sequence[PhotoTable],
    *,
    prompt: Prompt | None,
    question: Question = DEFAULT_QUESTION,
) -> IdentificationReport:
    """Return whom of the searched individuals every query shows; the arguments are those of `identify_photos`.

    Raises:
        DataError: Photos that cannot be used.
        PromptError: The prompt belongs to another model.
    """
    embedded = [encoder.embed_under(table, [prompt] if prompt is None else [prompt, None]) for table in queries]
    identifications = [
        identification
        for table, embeddings in embedded
        for identification in search.identify(QueryEmbeddings.of(table, embeddings[0], embeddings[-1]), question)
    ]
    return _report(identifications, [search], sum(len(table.skipped) for table, _ in embedded))


def identify_in_gallery(
    encoder: PhotoEncoder,
    snapshot: Snapshot,
    queries: Sequence[PhotoTable],
    *,
    category: str | None = None,
    question: Question = DEFAULT_QUESTION,
    allow_unknown: bool = True,
    together: bool = False,
    among: PhotoFilter = ALL_PHOTOS,
    exact: bool = False,
) -> IdentificationReport:
    """Return who of a stored gallery every query shows.

    Args:
        encoder: The gallery's model.
        snapshot: The gallery.
        queries: Photos to identify.
        category: Theirs; None lets the prompts decide where the gallery has several.
        question: How to identify them.
        allow_unknown: Say so of a photo that fits no category.
        together: All queries show one individual: one answer.
        among: The photos of the gallery to compare with.
        exact: Compare every photo, even where there is an index.

    Raises:
        DataError: Photos that cannot be used.
        GalleryError: No such category, nothing enrolled, or another model.
    """
    queries = [_joined(queries)] if together else queries
    categories = _categories(snapshot, category)
    for stored in categories.values():
        check_model(encoder, stored.model, uri=snapshot.uri)
    routed = [RoutedPhotos.of(encoder, snapshot, categories, table, allow_unknown=allow_unknown) for table in queries]
    if together:
        routed = [photos.of_one_category() for photos in routed]
    searches = {
        name: _search_among(snapshot, stored, among, exact=exact)
        for name, stored in categories.items()
        if any(name in photos.categories for photos in routed)
    }
    identify = RoutedPhotos.identify_together if together else RoutedPhotos.identify
    identifications = [
        identification
        for photos in routed
        for identification in identify(photos, searches, question, routed=len(categories) > 1)
    ]
    return _report(identifications, list(searches.values()), sum(len(photos.photos.skipped) for photos in routed))


def _search_among(snapshot: Snapshot, category: GalleryCategory, among: PhotoFilter, *, exact: bool) -> CategorySearch:
    """Return the search of a category's individuals by the photos that a filter leaves; all of them calibrate it."""
    nearest = nearest_in_category(snapshot, category, exact=exact)

    def make() -> CategorySearch:
        return CategorySearch.of(category.category, nearest, category.prompt)

    search = once_per_search(snapshot, category, "search", make, exact=exact)
    if nearest is None or not among:
        return search
    numbers = filtered_numbers(snapshot, among)
    if isinstance(nearest, ExactNearest):
        left: ExactNearest | None = nearest.among(numbers)
    else:
        left = exact_nearest(snapshot, category, among=numbers)
    num_left = 0 if left is None else len(left.names)
    return replace(search, nearest=left, num_left_out=len(nearest.names) - num_left)


def _joined(queries: Sequence[PhotoTable]) -> PhotoTable:
    """Return photos of several tables as one, with what is in the files."""
    if len(queries) == 1:
        return queries[0]
    frames = [table.frame.assign(image=[table.photo_bytes(row) for row in range(len(table))]) for table in queries]
    frame = pd.concat(frames, ignore_index=True)
    skipped = tuple(bad for table in queries for bad in table.skipped)
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1)), None, skipped)


def _categories(snapshot: Snapshot, category: str | None) -> Mapping[str, GalleryCategory]:
    if category is not None:
        return {category: find_category(snapshot, category)}
    categories = gallery_categories(snapshot)
    if not categories:
        raise GalleryError(f"{snapshot.uri}: nothing enrolled yet: `vicp gallery enroll {snapshot.uri} PHOTOS`")
    return categories


def _only_category(table: PhotoTable) -> str:
    return table.categories[0] if len(table.categories) == 1 else ""


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
