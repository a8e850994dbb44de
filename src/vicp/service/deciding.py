"""Keep what a person decided about a photo."""

from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.gallery.gallery import Gallery
from vicp.service.problems import ProblemError


def keep_photo(gallery: Gallery, path: Path, answer: dict[str, Any], decision: str, name: str) -> str:
    """Add a photo that was asked about, and returns the name it has then; "" for none.

    Args:
        gallery: To add it to.
        path: The photo.
        answer: Its identification.
        decision: "same" as `name`, "new" under `name`, or "unnamed".
        name: The individual's.

    Raises:
        ProblemError: The photo is in the gallery under another name.
        GalleryError: A name that is taken or cannot be.
    """
    category = str(answer["category"])
    if category not in gallery.categories():
        raise ProblemError(409, "this photo fits no category of the gallery: choose the category, then ask again")
    if decision == "new":
        return gallery.new([str(path)], name=name or None, category=category, force=True).identity
    known = decision == "same" and name in set(gallery.photos().query("category == @category")["identity"].dropna())
    if decision == "same" and not known:
        raise ProblemError(404, f"nobody called {name[:60]!r} in {category}")
    identity = name if decision == "same" else None
    frame = pd.DataFrame({"row": [1], "path": [path.name], "category": [category]})
    frame["identity"] = pd.Series([identity], dtype=object)
    result = gallery.enroll(PhotoTable(frame, path.parent))
    if result.other_names:
        raise ProblemError(409, f"the gallery has this photo: {result.other_names[0]}")
    return identity or ""
