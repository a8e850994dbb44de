"""Routing: find the category of a photo by its nearest photo, relative to the category's density."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vicp.data.records import PhotoTable
from vicp.gallery.categories import GalleryCategory, check_model
from vicp.gallery.contents import embedded_photos
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PHOTOS, SET_ASIDE
from vicp.runtime.photo_encoder import PhotoEncoder

UNKNOWN = "unknown"  # the category of photos that fit none
MAX_PHOTOS = 1000  # of a category, to estimate its density
UNKNOWN_SHARE = 0.05  # of a category's own photos that may be called unknown

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CategoryDensity:
    """How near a photo of a category is to its nearest neighbour there.

    Attributes:
        embeddings: (n, D) of some of its photos.
        median: Median similarity of a photo to the nearest other one.
        spread: From there down to the tenth of photos that are farthest from theirs.
        lowest: Below this, a photo would be among the farthest `UNKNOWN_SHARE`.
    """

    embeddings: Floats
    median: float
    spread: float
    lowest: float

    def fit(self, query: Floats) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return how well photos (B, D) fit (0 the median photo, -1 one of the farthest tenth), and whether at all."""
        nearest = (query @ self.embeddings.T).max(axis=1).astype(np.float64)
        return (nearest - self.median) / self.spread, nearest >= self.lowest


def category_density(embeddings: Floats, *, seed: int = 0) -> CategoryDensity | None:
    """Return the density of photos (n, D) of a category; None where there are fewer than two."""
    if len(embeddings) < 2:
        return None
    if len(embeddings) > MAX_PHOTOS:
        rows = np.random.default_rng(seed).choice(len(embeddings), MAX_PHOTOS, replace=False)
        embeddings = embeddings[rows]
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -2)
    nearest = similarity.max(axis=1).astype(np.float64)
    median, far = np.median(nearest), np.quantile(nearest, 0.1)
    lowest = float(np.quantile(nearest, UNKNOWN_SHARE))
    return CategoryDensity(embeddings, float(median), float(median - far) + 1e-3, lowest)


def route(
    queries: Mapping[str, Floats],
    densities: Mapping[str, CategoryDensity | None],
    *,
    allow_unknown: bool = True,
) -> Sequence[str]:
    """Return the category of each photo.

    Args:
        queries: Category -> embeddings (B, D) of all photos under that category's prompt.
        densities: Of the same categories; None for one without photos, which gets none.
        allow_unknown: Say `UNKNOWN` of a photo that fits nowhere, instead of the category that it fits least badly.
    """
    names, fits, is_inside = [], [], []
    for name, embeddings in queries.items():
        density = densities.get(name)
        if density is not None:
            fit, inside = density.fit(embeddings)
            names.append(name)
            fits.append(fit)
            is_inside.append(inside)
    num_photos = len(next(iter(queries.values())))
    if not names:
        return [UNKNOWN] * num_photos
    best = np.argmax(np.stack(fits), axis=0)  # (B,)
    accepted = np.stack(is_inside)[best, np.arange(num_photos)]  # (B,)
    return [names[c] if ok or not allow_unknown else UNKNOWN for c, ok in zip(best, accepted, strict=True)]


def choose_categories(
    snapshot: Snapshot,
    categories: Mapping[str, GalleryCategory],
    queries: Mapping[str, Floats],
    *,
    allow_unknown: bool,
) -> Sequence[str]:
    """Return the category of each photo from its embeddings under every prompt; the only one where there is one."""
    if len(categories) == 1:
        return [next(iter(categories))] * len(next(iter(queries.values())))
    densities = {name: _stored_density(snapshot, category) for name, category in categories.items()}
    return route(queries, densities, allow_unknown=allow_unknown)


def _stored_density(snapshot: Snapshot, category: GalleryCategory) -> CategoryDensity | None:
    """Return the density of a stored category."""

    def make() -> CategoryDensity | None:
        return category_density(embedded_photos(snapshot, category).embeddings)

    return snapshot.once(("density", category.category), (PHOTOS, SET_ASIDE, category.table), make)


def embed_under_prompts(
    encoder: PhotoEncoder, snapshot: Snapshot, table: PhotoTable, categories: Mapping[str, GalleryCategory]
) -> tuple[dict[str, Floats], PhotoTable]:
    """Return embeddings of the photos under every category's prompt, and the photos that could be used.

    Raises:
        DataError: Photos that cannot be used.
        GalleryError: The gallery's embeddings are of another model.
    """
    for category in categories.values():
        check_model(encoder, category.model, uri=snapshot.uri)
    usable, embeddings = encoder.embed_under(table, [category.prompt for category in categories.values()])
    return dict(zip(categories, embeddings, strict=True)), usable
