"""An order of photos that does not depend on the order of the rows that list them."""

import re
from typing import TYPE_CHECKING

import numpy as np

from vicp.io import content_digest

if TYPE_CHECKING:
    from vicp.data.records import PhotoTable

_ROW_NAME = re.compile(r"row-\d+")  # of a photo that is kept as bytes and has no name


def stable_order(table: "PhotoTable") -> np.ndarray:
    """Return the rows (n,) int64 of a table by their paths, as a folder lists them; nameless photos by content."""
    keys = []
    for index, path in enumerate(map(str, table.frame["path"])):
        nameless = table.root is None and _ROW_NAME.fullmatch(path)
        name = content_digest(table.photo_bytes(index)).hex() if nameless else path
        keys.append([natural_key(part) for part in name.split("/")])
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that orders the numbers in names by value: cat2 before cat10."""
    pieces = re.split(r"(\d+)", name)
    return [(not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]
