"""Which photos that were sent together are one question: each alone, those of a moment, or those of a folder."""

from collections.abc import Hashable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd

from vicp.data.photos.fingerprints import PhotoFingerprint, photo_fingerprint
from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.gallery.recognition.identify_together import moments_of
from vicp.service.uploads import Upload

AnswerPer = Literal["photo", "moment", "folder"]


def group_photos(photos: Sequence[Upload], per: AnswerPer) -> list[list[int]]:
    """Return the positions of the photos of each question, in the order of its first one.

    A photo that cannot be used is a question of its own, which has no answer.
    """
    if per == "photo":
        return [[row] for row in range(len(photos))]
    prints: dict[int, PhotoFingerprint] = {}
    for row, photo in enumerate(photos):
        try:
            prints[row] = photo_fingerprint(photo.path.read_bytes())
        except DataError:
            continue
    if per == "moment":
        codes: dict[int, Hashable] = dict(zip(prints, _moments(photos, prints), strict=True))
    else:
        codes = {row: PurePosixPath(photos[row].name.replace("\\", "/")).parent for row in prints}
    groups: dict[Hashable, list[int]] = {}
    for row in range(len(photos)):
        groups.setdefault(codes.get(row, ("bad", row)), []).append(row)
    return list(groups.values())


def _moments(photos: Sequence[Upload], prints: dict[int, PhotoFingerprint]) -> list[int]:
    """Return the moment of each photo that has a fingerprint."""
    if not prints:
        return []
    paths = [str(photos[row].path) for row in prints]
    frame = pd.DataFrame({"row": range(1, len(paths) + 1), "path": paths, "category": ""})
    frame["identity"] = pd.Series([None] * len(paths), dtype=object)
    return [int(code) for code in moments_of(PhotoTable(frame, Path()), list(prints.values()))]
