"""Photo sets as categories to teach: bursts thinned, individuals with two photos, and the parts of large sets."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.lib.embedded_sets import EmbeddedSet, embedded

LEAST_INDIVIDUALS = 5
BURST = 5  # frames this close together are one moment
FRAMES = ("zebra_rapid",)  # sets whose sequence is a frame number
CLIPS = ("holstein2025",)  # sets whose sequence is a clip


def taught_categories(tables: Sequence[Path], model: str) -> dict[str, EmbeddedSet]:
    """Every set as one category, and each of its categories that has individuals enough, by name."""
    found = {}
    for table in tables:
        photos = with_partners(one_per_moment(embedded(table, model=model), table))
        found[table.stem] = photos
        names = np.unique(photos.categories)
        for name in names if len(names) > 1 else ():
            part = rows_of(photos, photos.categories == name)
            if len(np.unique(part.identities)) >= LEAST_INDIVIDUALS:
                found[f"{table.stem}/{name}"] = part
    return found


def one_per_moment(photos: EmbeddedSet, table: Path) -> EmbeddedSet:
    """The set with one photo of an individual per clip, or per run of frames, where the set tells them."""
    if table.stem not in FRAMES + CLIPS:
        return photos
    columns = pq.read_table(table, columns=["path", "sequence"]).to_pydict()
    sequences: Mapping[str, str] = dict(zip(columns["path"], columns["sequence"], strict=True))
    moments = [sequences[path] for path in photos.paths]
    if table.stem in CLIPS:
        _, kept = np.unique(np.char.add(photos.identities + "|", np.array(moments)), return_index=True)
        return rows_of(photos, np.sort(kept))
    frames = np.array([int(re.findall(r"\d+", moment)[-1]) for moment in moments])
    kept = []
    for name in np.unique(photos.identities):
        last = -BURST - 1
        for row in sorted(np.flatnonzero(photos.identities == name), key=frames.__getitem__):
            if frames[row] - last > BURST:
                kept.append(row)
                last = frames[row]
    return rows_of(photos, np.sort(kept))


def with_partners(photos: EmbeddedSet) -> EmbeddedSet:
    """The photos of individuals that have another one."""
    names, count = np.unique(photos.identities, return_counts=True)
    return rows_of(photos, np.isin(photos.identities, names[count > 1]))


def rows_of(photos: EmbeddedSet, rows: np.ndarray) -> EmbeddedSet:
    parts = (photos.embeddings, photos.identities, photos.categories, photos.paths)
    return EmbeddedSet(photos.name, *(part[rows] for part in parts))
