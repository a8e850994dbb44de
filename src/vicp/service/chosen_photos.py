"""Which photos a request is about: of one category, side, camera and some days; the address says it."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from vicp.gallery.photo_filter import PhotoFilter

DAY = r"^(\d{4}-\d{2}-\d{2})?$"


@dataclass(frozen=True)
class ChosenPhotos:
    """What photos must have in common; an empty text asks for nothing.

    Attributes:
        category: What they show.
        viewpoint: The side they show.
        camera: Where they were taken.
        since: The first day.
        until: The last day.
    """

    category: Annotated[str, Query(max_length=200, description="Photos of this category alone.")] = ""
    viewpoint: Annotated[str, Query(max_length=200, description="Photos of this side alone.")] = ""
    camera: Annotated[str, Query(max_length=200, description="Photos of this camera or place alone.")] = ""
    since: Annotated[str, Query(pattern=DAY, description="Photos of this day and later ones.")] = ""
    until: Annotated[str, Query(pattern=DAY, description="Photos of this day and earlier ones.")] = ""

    @classmethod
    def from_form(cls, form: dict[str, str]) -> "ChosenPhotos":
        """Return what the fields of a form say."""
        return cls(**{field.name: form.get(field.name, "").strip() for field in fields(cls)})

    def __bool__(self) -> bool:
        """Return whether any photo is left out."""
        return bool(self.query)

    @property
    def given(self) -> dict[str, str]:
        """Return the names and texts that leave something out."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def query(self) -> str:
        """Return it as a part of an address; "" where nothing is left out."""
        return urlencode(self.given)

    @property
    def words(self) -> str:
        """Return it for people."""
        days = {
            (True, True): f"{self.since} to {self.until}",
            (True, False): f"since {self.since}",
            (False, True): f"until {self.until}",
        }.get((bool(self.since), bool(self.until)), "")
        side = self.viewpoint and f"{self.viewpoint} side"
        return ", ".join(part for part in (self.category, side, self.camera, days) if part)

    @property
    def photos(self) -> "PhotoFilter":
        """Return what is asked of photos apart from the category.

        Raises:
            ConfigError: A day that is none.
        """
        from vicp.gallery.photo_filter import PhotoFilter

        return PhotoFilter(self.viewpoint, self.camera, self.since, self.until)

    def fits(self, frame: "pd.DataFrame") -> "NDArray[np.bool_]":
        """Return which photos (n,) of a gallery's facts are chosen.

        Raises:
            ConfigError: A day that is none.
        """
        fits = self.photos.fits(frame)
        return fits & (frame["category"] == self.category).to_numpy(dtype=bool) if self.category else fits


Chosen = Annotated[ChosenPhotos, Depends(ChosenPhotos)]
