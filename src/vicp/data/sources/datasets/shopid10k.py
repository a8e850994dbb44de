"""ShopID10K (VICP, arXiv 2508.21222): photos buyers took of 10,000 articles in 34 categories -> the photo table.

    images/<category>/<identity>/<photo>      beverage_bottle/00018_00002/00000.jpg
    split/<category>/train.csv (filename), test.txt, verification.csv

This is PetFace's layout, so `read_petface` reads it and `read_verification` its pairs. What is added here is the
cross-category protocol: five folds of categories, each in turn kept from training.
"""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vicp.data.records import PhotoTable, nearest
from vicp.data.sources.datasets.petface import is_petface, read_petface
from vicp.data.sources.folders.disk import list_folders
from vicp.data.sources.options import DEFAULTS, ReadOptions

FOLDS = (
    ("bicycle_helmet", "hand_truck", "jacket", "duffel_bag", "cooler", "binoculars", "bicycle"),
    ("purse", "skateboard", "suitcase", "tire_wheel", "mobile_phone", "hat", "shoes"),
    ("backpack", "portable_speaker", "stroller", "beverage_bottle", "food_container", "box", "cart"),
    ("headphones", "trash_can", "poster_tube", "pet_carrier", "musical_instrument", "book", "tackle_box"),
    ("sports_equipment", "portable_chair", "sports_ball", "bucket", "umbrella", "hardshell_case"),
)
_FOLD_OF = {category: fold for fold, categories in enumerate(FOLDS) for category in categories}


def is_shopid10k(root: Path) -> bool:
    """Return whether a folder has PetFace's layout and one of the 34 categories."""
    return is_petface(root) and not _FOLD_OF.keys().isdisjoint(list_folders(root / "images"))


def fold_of(category: str) -> int:
    """Return the fold, 0 to 4, whose test tells individuals of this category apart.

    Raises:
        ValueError: It is none of the 34 categories.
    """
    if category not in _FOLD_OF:
        raise ValueError(f"no fold holds the category {category!r}{nearest(category, sorted(_FOLD_OF))}")
    return _FOLD_OF[category]


def read_shopid10k(
    root: str | os.PathLike[str], options: ReadOptions = DEFAULTS, *, fold: int | None = None
) -> PhotoTable:
    """Return the photos with the splits of the lists or, for one fold, those of its cross-category protocol.

    The column `fold` holds the category's fold as text ("" for a category that is none of the 34). With `fold`,
    every listed photo of its categories is "test". Of the other categories, training photos stay "train", and
    test photos become "val": known categories, identities that are not trained on.

    Args:
        root: The folder of `images` and `split`.
        options: See `read_petface`.
        fold: 0 to 4; None for the splits as they are written.

    Raises:
        ValueError: There is no such fold.
        DataError: See `read_petface`.
    """
    if fold is not None and fold not in range(len(FOLDS)):
        raise ValueError(f"fold must be 0 to {len(FOLDS) - 1}, got {fold}")
    table = read_petface(root, options)
    folds = pd.Series([str(_FOLD_OF.get(name, "")) for name in table.frame["category"]], dtype=object)
    frame = table.frame.assign(fold=folds)
    if fold is None:
        return replace(table, frame=frame)
    kept_from_training = folds == str(fold)
    split = frame["split"]
    split = split.mask(~kept_from_training & (split == "test"), "val")
    split = split.mask(kept_from_training & (split != ""), "test")
    return replace(table, frame=frame.assign(split=split))
