"""Teach a category from what its gallery holds: the labelled pairs, or pairs sampled from the names."""

import numpy as np
import pandas as pd

from vicp.adapt.encoded_support import pairs_within, photos_of_pairs
from vicp.adapt.recipe import MethodOrAuto
from vicp.adapt.teach import TeachResult, teach_category
from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.gallery.categories import find_category
from vicp.gallery.contents import photos, quoted, set_aside_numbers, table_by_key
from vicp.gallery.enrollment.reindex import kept_photos
from vicp.gallery.labelling.labels import labelled_pairs
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder

MAX_NAMED = 200  # photos that pairs are sampled from: they are in memory together
MAX_PER_NAME = 6


def teach_from_gallery(
    encoder: PhotoEncoder,
    snapshot: Snapshot,
    category: str,
    *,
    from_names: bool = False,
    adapt: MethodOrAuto = "auto",
    seed: int = 0,
) -> TeachResult:
    """Return a prompt learned from the gallery; the gallery stays as it is.

    Args:
        encoder: Of the gallery's model.
        snapshot: The gallery.
        category: One of its categories.
        from_names: Sample pairs from the named photos, instead of taking the labelled pairs.
        adapt: The adaptation method.
        seed: Of what is drawn.

    Raises:
        DataError: No labelled pair, too few names, or photos that cannot be used.
        GalleryError: No such category, or a photo that is neither kept nor where it was.
    """
    find_category(snapshot, category)
    frame = photos(snapshot, where=f"category = {quoted(category)}")
    frame = frame[~frame["number"].isin(set_aside_numbers(snapshot))].reset_index(drop=True)
    table = table_by_key(frame)
    if from_names:
        rows, support = _some_of_each_name(frame, seed), None
    else:
        pairs = labelled_pairs(snapshot, table)
        if not len(pairs):
            raise DataError(f"no labelled pair of {category} yet: label some, or teach from names")
        rows = photos_of_pairs(pairs)
        support = pairs_within(pairs, rows)
    chosen = _with_images(snapshot, table.select(rows))
    model = encoder.teaching_model(adapt)
    return teach_category(model, chosen, category=category, support=support, seed=seed, adapt=adapt)


def _some_of_each_name(frame: pd.DataFrame, seed: int) -> np.ndarray:
    """Return rows of named photos, a few of each name, ascending; names in a random order until there are enough."""
    named = frame[frame["identity"].notna()].sample(frac=1, random_state=seed)
    few = named.groupby("identity", sort=False).head(MAX_PER_NAME)
    sizes = few.groupby("identity", sort=False).size()
    kept = sizes.index[sizes.cumsum() <= max(MAX_NAMED, int(sizes.iloc[:2].sum()))]
    return np.sort(few.index[few["identity"].isin(kept)].to_numpy())


def _with_images(snapshot: Snapshot, table: PhotoTable) -> PhotoTable:
    images = kept_photos(snapshot, table.frame)
    return PhotoTable(table.frame.assign(image=images), None)
