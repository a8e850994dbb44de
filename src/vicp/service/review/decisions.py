"""Keep what a person decided about photos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.gallery.gallery import Gallery
from vicp.service.problems import ProblemError


def keep_photos(gallery: Gallery, paths: Sequence[Path], answer: dict[str, Any], decision: str, name: str) -> str:
    """Add photos that were asked about together, and returns the name they have then; "" for none.

    Args:
        gallery: To add them to.
        paths: The photos.
        answer: Their identification.
        decision: "same" as `name`, "new" under `name`, or "unnamed".
        name: The individual's.

    Raises:
        ProblemError: A photo is in the gallery under another name.
        GalleryError: A name that is taken or cannot be.
    """
    category = str(answer["category"])
    if category not in gallery.categories():
        raise ProblemError(409, "this photo fits no category of the gallery: choose the category, then ask again")
    if decision == "new":
        return gallery.new([str(path) for path in paths], name=name or None, category=category, force=True).identity
    known = decision == "same" and name in set(gallery.photos().query("category == @category")["identity"].dropna())
    if decision == "same" and not known:
        raise ProblemError(404, f"nobody called {name[:60]!r} in {category}")
    identity = name if decision == "same" else None
    frame = pd.DataFrame({"row": range(1, len(paths) + 1), "path": [str(path) for path in paths], "category": category})
    frame["identity"] = pd.Series([identity] * len(paths), dtype=object)
    result = gallery.enroll(PhotoTable(frame, Path()))
    if result.other_names:
        raise ProblemError(409, f"the gallery has this photo: {result.other_names[0]}")
    return identity or ""
