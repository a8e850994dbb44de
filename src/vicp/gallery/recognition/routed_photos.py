"""Photos to identify in a gallery, each with the category that it fits, whose search then says whom it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vicp.data.records import PhotoTable
from vicp.decisions.outcome import Identification
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.recognition.identify_together import identify_together, moments_of, most_common
from vicp.gallery.search.category_search import CategorySearch, QueryEmbeddings, Question
from vicp.gallery.search.routing import choose_categories
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder

FITS_NONE = "fits no category of this gallery"
PLAIN = None  # the key of embeddings without a prompt, next to those of the categories

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RoutedPhotos:
    """B photos, each with the category that it fits.

    Attributes:
        photos: The photos.
        categories: Of each (B,).
        embeddings: Of all (B, D), under the prompt of each category and without one.
    """

    photos: PhotoTable
    categories: Sequence[str]
    embeddings: Mapping[str | None, Floats]

    @classmethod
    def of(
        cls,
        encoder: PhotoEncoder,
        snapshot: Snapshot,
        categories: Mapping[str, GalleryCategory],
        table: PhotoTable,
        *,
        allow_unknown: bool,
    ) -> "RoutedPhotos":
        """Return the photos of a table that can be used, with the categories that the prompts of a gallery choose.

        Raises:
            DataError: Photos that cannot be used.
        """
        photos, embedded = encoder.embed_under(table, [*(stored.prompt for stored in categories.values()), None])
        embeddings = dict(zip([*categories, PLAIN], embedded, strict=True))
        prompted = {name: embeddings[name] for name in categories}
        return cls(photos, choose_categories(snapshot, categories, prompted, allow_unknown=allow_unknown), embeddings)

    def of_one_category(self) -> "RoutedPhotos":
        """Return the photos in the category that most of them fit."""
        return replace(self, categories=[most_common(self.categories)] * len(self.categories))

    def identify(
        self, searches: Mapping[str, CategorySearch], question: Question, *, routed: bool
    ) -> list[Identification]:
        """Return the identification of each photo (B,) in its category."""
        by_row: dict[int, Identification] = {}
        for category in dict.fromkeys(self.categories):
            rows = [row for row, name in enumerate(self.categories) if name == category]
            if category in searches:
                in_category = searches[category].identify(self._queries(category, rows), question, routed=routed)
            else:
                in_category = [self._fits_none(row) for row in rows]
            by_row |= dict(zip(rows, in_category, strict=True))
        return [by_row[row] for row in range(len(self.photos))]

    def identify_together(
        self, searches: Mapping[str, CategorySearch], question: Question, *, routed: bool
    ) -> list[Identification]:
        """Return the one identification of all photos, which have one category."""
        category = self.categories[0]
        if category not in searches:
            return [self._fits_none(0)]
        queries = self._queries(category, list(range(len(self.photos))))
        return [identify_together(searches[category], queries, moments_of(self.photos), question, routed=routed)]

    def _queries(self, category: str, rows: list[int]) -> QueryEmbeddings:
        """Return some of the photos, embedded for a category."""
        return QueryEmbeddings.of(
            self.photos.select(rows), self.embeddings[category][rows], self.embeddings[PLAIN][rows]
        )

    def _fits_none(self, row: int) -> Identification:
        """Return that a photo fits no category."""
        name, category = str(self.photos.frame["path"].iloc[row]), self.categories[row]
        return Identification(name, category, None, None, None, (), FITS_NONE, routed=True)
