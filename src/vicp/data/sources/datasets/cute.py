"""CUTE (arXiv 2311.00750): 180 objects of 50 categories in the studio and in the wild -> the photo table.

    [any folders/]<category>/<identity>/<condition>[/<condition>...]/<photo>

The folder a photo lies in is its condition: `in_the_wild`, `studio`, a lighting, a pose. Above it, folders with
one of the names of CONDITION are conditions too. The two folders above those are the identity and its category;
what is above them does not matter.
"""

import os
import re
from pathlib import Path

import pandas as pd

from vicp.data.records import PhotoTable, usable_table
from vicp.data.sources.folders.disk import list_folders, list_photos
from vicp.data.sources.options import DEFAULTS, ReadOptions

CONDITION = re.compile(r"(in[-_ ]?the[-_ ]?)?wild|studio|(different[-_ ])?(light|lighting|pose)s?", re.IGNORECASE)
_MOST_FOLDERS = 4  # how deep, below the root, the first condition folder is looked for


def is_cute(root: Path) -> bool:
    """Return whether the first folders, going down, lead to a folder with the name of a condition."""
    for depth in range(_MOST_FOLDERS):
        names = list_folders(root)
        if depth > 1 and any(CONDITION.fullmatch(name) for name in names):
            return True
        if not names:
            return False
        root = root / names[0]
    return False


def read_cute(root: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the photos, all of the split "test" as the set's authors ask, with the condition as the domain.

    Args:
        root: The folder of the categories, or one above it.
        options: Its category is the one to keep; every photo has an identity.

    Raises:
        DataError: There is no such category, or photos do not lie deep enough.
    """
    root = Path(root)
    rows, reasons = [], []
    for photo in list_photos(root):
        folders = photo.split("/")[:-1]
        conditions = folders[-1:]
        folders = folders[:-1]
        while len(folders) > 2 and CONDITION.fullmatch(folders[-1]):
            conditions.insert(0, folders.pop())
        kind, identity = folders[-2:] if len(folders) > 1 else ("", "")
        rows.append((photo, kind, identity, "test", "/".join(conditions)))
        reasons.append("" if identity else "not placed as <category>/<identity>/<condition>/<photo>")
    frame = pd.DataFrame(rows, columns=["path", "category", "identity", "split", "domain"], dtype=object)
    table = usable_table(root, frame, reasons, root=root, skip_bad=options.skip_bad)
    return table.of_category(options.category) if options.category is not None else table
