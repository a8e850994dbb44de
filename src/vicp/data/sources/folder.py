"""A folder of photos -> the photo table; the depth of the photos says what the folders mean."""

import os
from collections import Counter
from pathlib import Path

import pandas as pd

from vicp.data.records import PhotoTable, usable_table
from vicp.data.sources.disk import PHOTO_SUFFIXES, list_photos
from vicp.errors import DataError

LAYOUTS = {1: "photo", 2: "identity/photo", 3: "category/identity/photo"}  # depth of a photo -> its path


def read_folder(
    root: str | os.PathLike[str],
    *,
    category: str | None = None,
    need_identity: bool = True,
    skip_bad: bool = False,
) -> PhotoTable:
    """Return the photos of `category/identity/photo`, `identity/photo` or, without identities, `photo`.

    Photos come in natural order (2 before 10). Hidden files are passed over, other files too but logged.

    Args:
        root: The folder.
        category: The category of an `identity/photo` folder ("photos" if None); of a folder with categories,
            the one to keep.
        need_identity: Whether a flat folder of photos is an error.
        skip_bad: Leave out photos at another depth than most, instead of raising.

    Raises:
        DataError: No photos, photos at several depths or too deep, or identities missing.
    """
    root = Path(root)
    photos = list_photos(root)
    if not photos:
        raise DataError(f"no photos in {root}: expected files ending in {' '.join(PHOTO_SUFFIXES)}")
    depth = _layout(root, photos, need_identity)
    parts = [photo.split("/") for photo in photos]
    misplaced = f"not placed as most photos here are ({LAYOUTS[depth]})"
    frame = pd.DataFrame({"path": photos}, dtype=object)
    frame["category"] = [names[0] if depth == 3 else category or "photos" for names in parts]
    frame["identity"] = pd.Series([names[-2] if len(names) == depth > 1 else None for names in parts], dtype=object)
    reasons = ["" if len(names) == depth else misplaced for names in parts]
    table = usable_table(root, frame, reasons, root=root, skip_bad=skip_bad)
    return table.of_category(category) if depth == 3 and category is not None else table


def _layout(root: Path, photos: list[str], need_identity: bool) -> int:
    """Return the depth that most photos have, if that is a layout we read."""
    depth = Counter(photo.count("/") + 1 for photo in photos).most_common(1)[0][0]
    expected = " or ".join(f"{root.name}/{layout}" for at, layout in LAYOUTS.items() if at > 1)
    if depth == 1 and need_identity:
        raise DataError(
            f"{root}: the {len(photos)} photos have no identities, expected {expected}: make a folder per "
            "identity, or a CSV with the columns path and identity"
        )
    if depth not in LAYOUTS:
        raise DataError(f"{root}: photos lie {depth - 1} folders deep ({photos[0]}), expected {expected}")
    return depth
