"""Which photos of a gallery to compare with or to show: of one side, one camera, some days."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.errors import ConfigError
from vicp.gallery.contents import optional_fact, photos
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import OPTIONAL_FACTS


@dataclass(frozen=True)
class PhotoFilter:
    """What photos must have in common; an empty text asks for nothing.

    Attributes:
        viewpoint: The side they show, as it was enrolled: "left", "right" or another.
        camera: Where they were taken.
        since: The first day, as 2025-04-01; photos without a date are left out by a day.
        until: The last day.
    """

    viewpoint: str = ""
    camera: str = ""
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        for day in filter(None, (self.since, self.until)):
            if pd.isna(pd.to_datetime(day, format="ISO8601", errors="coerce")):
                raise ConfigError(f"{day[:40]!r} is no day: write it as 2025-04-01")

    def __bool__(self) -> bool:
        """Return whether it leaves anything out."""
        return bool(self.viewpoint or self.camera or self.since or self.until)

    def fits(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which of these photos (n,) it leaves, by their `viewpoint`, `camera` and `date`."""
        left = np.ones(len(frame), dtype=np.bool_)
        for column in OPTIONAL_FACTS:
            if wanted := getattr(self, column):
                left &= (frame[column] == wanted).to_numpy(dtype=bool)
        if self.since or self.until:
            dates = pd.to_datetime(frame["date"], format="ISO8601", utc=True, errors="coerce").dt.strftime("%Y-%m-%d")
            left &= dates.notna().to_numpy()
            left &= (dates >= (_day(self.since) or "")).to_numpy() & (dates <= (_day(self.until) or "9999")).to_numpy()
        return left


ALL_PHOTOS = PhotoFilter()


def filtered_numbers(snapshot: Snapshot, chosen: PhotoFilter) -> NDArray[np.int64]:
    """Return the numbers of the photos of a gallery that a filter leaves."""
    frame = with_optional_facts(snapshot, photos(snapshot, ("number", "date")))
    return frame["number"].to_numpy(np.int64)[chosen.fits(frame)]


def with_optional_facts(snapshot: Snapshot, frame: pd.DataFrame) -> pd.DataFrame:
    """Return photos by `number` with their side and camera, "" where none is known."""
    facts = {column: optional_fact(snapshot, column) for column in OPTIONAL_FACTS}
    return frame.assign(
        **{column: [known.get(number, "") for number in frame["number"]] for column, known in facts.items()}
    )


def _day(text: str) -> str:
    return pd.Timestamp(text).strftime("%Y-%m-%d") if text else ""
