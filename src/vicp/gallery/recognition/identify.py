"""Identify: rank the known individuals for a photo, and decide whether it shows one of them or a new one.

The gallery is a table of photos with a prompt (`identify_photos`), or a stored one (`identify_in_gallery`); what
follows from a photo's embedding is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sides import side_codes
from vicp.decisions.outcome import Identification, IdentificationReport
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, check_model, find_category, gallery_categories
from vicp.gallery.photo_filter import ALL_PHOTOS, PhotoFilter, filtered_numbers
from vicp.gallery.recognition.identify_together import identify_together, moments_of, most_common
from vicp.gallery.search.category_search import DEFAULT_QUESTION, CategorySearch, QueryEmbeddings, Question
from vicp.gallery.search.indexed_nearest import nearest_in_category, once_per_search
from vicp.gallery.search.nearest import ExactNearest, exact_nearest, nearest_in_table
from vicp.gallery.search.routing import choose_categories
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder

FITS_NONE = "fits no category of this gallery"
PLAIN = None  # the key of embeddings without a prompt, next to those of the categories

Floats = NDArray[np.float32]


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
        for identification in search.identify(
            QueryEmbeddings(_names(table), embeddings[0], embeddings[-1], side_codes(table)), question
        )
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
    prompts = [*(stored.prompt for stored in categories.values()), None]
    embedded = [encoder.embed_under(table, prompts) for table in queries]
    by_category = [dict(zip([*categories, PLAIN], embeddings, strict=True)) for _, embeddings in embedded]
    chosen = [
        choose_categories(snapshot, categories, {name: rows[name] for name in categories}, allow_unknown=allow_unknown)
        for rows in by_category
    ]
    if together:
        chosen = [[most_common(names)] * len(names) for names in chosen]
    searches = {
        name: _search_among(snapshot, stored, among, exact=exact)
        for name, stored in categories.items()
        if any(name in names for names in chosen)
    }
    identify = _identify_all_together if together else _identify_routed
    identifications = [
        identification
        for rows, (usable, _), names in zip(by_category, embedded, chosen, strict=True)
        for identification in identify(searches, names, usable, rows, question, routed=len(categories) > 1)
    ]
    return _report(identifications, list(searches.values()), sum(len(usable.skipped) for usable, _ in embedded))


def _identify_routed(
    searches: Mapping[str, CategorySearch],
    categories: Sequence[str],
    photos: PhotoTable,
    embeddings: Mapping[str | None, Floats],
    question: Question,
    *,
    routed: bool,
) -> list[Identification]:
    """Return the identification of each photo (B,) in its category (B,); `embeddings` are by category."""
    by_row: dict[int, Identification] = {}
    every_name, sides = _names(photos), side_codes(photos)
    for category in dict.fromkeys(categories):
        rows = [row for row, name in enumerate(categories) if name == category]
        names = [every_name[row] for row in rows]
        if category in searches:
            queries = QueryEmbeddings(names, embeddings[category][rows], embeddings[PLAIN][rows], sides[rows])
            in_category = searches[category].identify(queries, question, routed=routed)
        else:
            in_category = [
                Identification(name, category, None, None, None, (), FITS_NONE, routed=True) for name in names
            ]
        by_row |= dict(zip(rows, in_category, strict=True))
    return [by_row[row] for row in range(len(photos))]


def _identify_all_together(
    searches: Mapping[str, CategorySearch],
    categories: Sequence[str],
    photos: PhotoTable,
    embeddings: Mapping[str | None, Floats],
    question: Question,
    *,
    routed: bool,
) -> list[Identification]:
    """Return the one identification of all photos (B,), which have one category."""
    category = categories[0]
    if category not in searches:
        return _identify_routed(searches, categories[:1], photos.select([0]), embeddings, question, routed=routed)
    queries = QueryEmbeddings(_names(photos), embeddings[category], embeddings[PLAIN], side_codes(photos))
    return [identify_together(searches[category], queries, moments_of(photos), question, routed=routed)]


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


def _names(table: PhotoTable) -> list[str]:
    return [str(path) for path in table.frame["path"]]
