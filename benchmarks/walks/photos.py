"""Photo sets as folders that people have: known individuals by name, photos that are asked about, photos of others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.decisions.photo_sets import BURST, CLIPS, FRAMES
from vicp.data.moments import codes_within
from vicp.data.seeds import derive_seed

MOST_ASKED = 2  # photos of each known individual


@dataclass(frozen=True)
class Walk:
    """What somebody has and asks.

    Attributes:
        tables: Sets whose individuals are taken, by the name of the file.
        category: What is typed after --category.
        known: Individuals that have a name.
        photos: Of each of these, at most.
        others: Further individuals, who have none.
        note: What to know of these photos, for the page.
    """

    tables: tuple[str, ...]
    category: str
    known: int
    photos: int
    others: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class WalkPhotos:
    """The folders of a walk.

    Attributes:
        folder: Holds `known/NAME/`, `asked/` and `others/`.
        shown: File in `asked/` -> the name of whom it shows.
        new: A file in `others/` of each individual without a name.
        others: File in `others/` -> a number for whom it shows.
    """

    folder: Path
    shown: dict[str, str]
    new: tuple[str, ...]
    others: dict[str, int]


def write_photos(walk: Walk, tables: dict[str, Path], folder: Path, *, seed: int) -> WalkPhotos:
    """Write the folders of a walk, with individuals drawn by the seed.

    Where a set tells moments, photos that are asked are of other moments than those that are known.
    """
    rng = np.random.default_rng(derive_seed(seed, "walk", *walk.tables))
    individuals = [moments for name in walk.tables for moments in _moments_of(tables[name])]
    several = [number for number, moments in enumerate(individuals) if len(moments) > 1]
    known = rng.permutation(several)[: walk.known].tolist()
    rest = [number for number in rng.permutation(len(individuals)).tolist() if number not in set(known)]
    shown: dict[str, str] = {}
    others: dict[str, int] = {}
    for place, number in enumerate(known, 1):
        name, moments = f"{walk.category}-{place:03d}", individuals[number]
        num_asked = min(MOST_ASKED, max(1, len(moments) - walk.photos))
        later, earlier = moments[-num_asked:], moments[:-num_asked]
        for shot, image in enumerate(_spread(earlier, walk.photos)):
            _write(folder / "known" / name / f"{shot}.jpg", image)
        for shot, moment in enumerate(later):
            shown[f"{name}-{shot}.jpg"] = name
            _write(folder / "asked" / f"{name}-{shot}.jpg", moment[0])
    for place, number in enumerate(rest[: walk.others], 1):
        for shot, image in enumerate(_spread(individuals[number], walk.photos)):
            others[f"{place:03d}-{shot}.jpg"] = place
            _write(folder / "others" / f"{place:03d}-{shot}.jpg", image)
    new = tuple(name for name in others if name.endswith("-0.jpg"))
    return WalkPhotos(folder, shown, new, others)


def _moments_of(table: Path) -> list[list[list[bytes]]]:
    """Return the photos of each individual of a set by moment; each photo is one where the set tells none."""
    frame = pq.read_table(table).to_pandas()
    if table.stem in CLIPS:
        moment = frame["sequence"]
    elif table.stem in FRAMES:
        number = frame["sequence"].str.extract(r"(\d+)$")[0].astype(np.int64).to_numpy()
        moment = pd.Series(codes_within(pd.factorize(frame["identity"])[0], number, BURST))
    else:
        moment = pd.Series(np.arange(len(frame)))
    return [
        [list(photos["image"]) for _, photos in of_one.groupby(moment[of_one.index], sort=False)]
        for _, of_one in frame.groupby(["category", "identity"])
    ]


def _spread(moments: list[list[bytes]], most: int) -> list[bytes]:
    """Return at most so many photos, evenly spaced: of as many moments as there are."""
    photos = [photo for moment in moments for photo in moment[: -(-most // len(moments))]]
    chosen = np.unique(np.linspace(0, len(photos) - 1, min(most, len(photos))).round().astype(int))
    return [photos[number] for number in chosen]


def _write(path: Path, image: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image)
