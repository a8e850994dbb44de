"""What people annotated in Label Studio -> the photo table: a row per individual that they marked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.label_studio import annotated_photos
from vicp.data.names import clean_name
from vicp.data.records import PhotoTable, usable_table
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.table import with_repeats
from vicp.errors import DataError


def read_label_studio(
    path: Path,
    tasks: Sequence[Mapping[str, Any]],
    options: ReadOptions = DEFAULTS,
) -> PhotoTable:
    """Return the individuals that people marked; paths are seen from the folder of the file.

    Args:
        path: The export, for messages and paths.
        tasks: What it holds.
        options: The category is that of all photos. Where identities are needed, individuals that nobody named are
            left out.

    Raises:
        DataError: Tasks of something else, or nobody is named.
    """
    try:
        rows = list(annotated_photos(tasks))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: no annotations of photos: {error!r} in a task; pairs are for `vicp pairs add`"
        ) from error
    if options.need_identity:
        rows = [row for row in rows if row["identity"]]
    if not rows:
        raise DataError(f"{path}: {len(tasks)} tasks, and nobody is named in them: annotate them first")
    names = [row["path"] + (f"#{row['box']}" if row["box"] else "") for row in rows]
    identities = [clean_name(row["identity"]) or None for row in rows]
    frame = pd.DataFrame(
        {"path": names, "category": options.category or "photos", "identity": identities}, dtype=object
    )
    return usable_table(
        path,
        frame,
        with_repeats(frame["path"], [""] * len(frame)),
        root=path.parent,
        skip_bad=options.skip_bad,
        need_identity=options.need_identity,
    )
