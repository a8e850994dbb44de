"""The animals of a package: each observation joined with its medium, its deployment and its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vicp.data.camtrap.package import CamtrapPackage
from vicp.data.camtrap.raw_csv import RawCsv, require
from vicp.data.sources.boxes import box_text
from vicp.errors import DataError

_NEEDED = {
    "deployments": ("deploymentID",),
    "media": ("mediaID", "deploymentID", "filePath"),
    "observations": ("observationID", "deploymentID", "observationType"),
}
_BOX = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")


@dataclass(frozen=True)
class Animal:
    """An animal on a photo of the package.

    Attributes:
        rows: The observations, as positions in their table, that speak of it: of the medium, or of its whole event.
        photo: The file in the package, or a URL.
        box: Where it is, as a media fragment; "" for the whole photo.
        deployment: Where: the place, or where that has no name the deployment.
        event: Its event, which is its moment.
        taken: When, in ISO 8601.
        species: Its scientific name.
        individual: Who it is; "" where nobody has said.
        of_medium: Whether the observation is of this medium alone.
    """

    rows: tuple[int, ...]
    photo: str
    box: str
    deployment: str
    event: str
    taken: str
    species: str
    individual: str
    of_medium: bool

    @property
    def name(self) -> str:
        """Return the photo and, where there is one, the box."""
        return f"{self.photo}#{self.box}" if self.box else self.photo


def read_animals(package: CamtrapPackage, observations: RawCsv) -> list[Animal]:
    """Return the animals on the photos of a package: those that observations of media name, and those of events.

    An event is read photo by photo where no observation of a medium names an animal on them; whom they show is known
    where one animal alone was seen in the event.

    Raises:
        DataError: A table or column is missing, or a value cannot be used.
    """
    tables = {"observations": observations} | {name: package.table(name) for name in ("deployments", "media")}
    for name, columns in _NEEDED.items():
        require(tables[name], columns, name=f"{package.path}: {package.files[name]}")
    joined = _Joined(package, tables["deployments"], tables["media"], observations)
    return joined.animals()


class _Joined:
    """The three tables, joined.

    Args:
        package: For messages.
        deployments: Where.
        media: The photos.
        observations: What is on them.
    """

    def __init__(self, package: CamtrapPackage, deployments: RawCsv, media: RawCsv, observations: RawCsv) -> None:
        self._package = package
        named = ("locationID", "locationName", "deploymentID")
        places = zip(*(deployments.values(name) for name in named), strict=True)
        self._place = {identifier: place or name or identifier for place, name, identifier in places}
        self._media = {name: media.values(name) for name in ("mediaID", "deploymentID", "filePath", "timestamp")}
        self._at = {identifier: row for row, identifier in enumerate(self._media["mediaID"])}
        said = ("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel")
        self._said = {
            name: observations.values(name)
            for name in (*said, "observationType", "scientificName", "individualID", *_BOX)
        }

    def animals(self) -> list[Animal]:
        """Return the animals, in the order of the observations."""
        rows = [row for row, kind in enumerate(self._said["observationType"]) if kind == "animal"]
        of_media = [row for row in rows if self._said["mediaID"][row]]
        animals = [self._animal(row, self._medium(row), [row]) for row in of_media]
        covered = {self._medium(row) for row in of_media}
        by_event: dict[tuple[str, ...], list[int]] = {}
        for row in rows:
            if not self._said["mediaID"][row]:
                key = ("deploymentID", "eventID", "eventStart", "eventEnd")
                by_event.setdefault(tuple(self._said[name][row] for name in key), []).append(row)
        for of_event in by_event.values():
            media = self.media_of_event(of_event[0])
            if not covered & set(media):
                animals += [self._animal(of_event[0], medium, of_event) for medium in media]
        return animals

    def media_of_event(self, row: int) -> list[int]:
        """Return the media, as positions in their table, that lie in the deployment and time of an observation."""
        start, end = (_moment(self._said[name][row]) for name in ("eventStart", "eventEnd"))
        if start is None or end is None:
            return []
        taken = zip(self._media["deploymentID"], self._media["timestamp"], strict=True)
        return [
            medium
            for medium, (deployment, text) in enumerate(taken)
            if deployment == self._said["deploymentID"][row]
            and (moment := _moment(text)) is not None
            and start <= moment <= end
        ]

    def _medium(self, row: int) -> int:
        medium = self._at.get(self._said["mediaID"][row])
        if medium is None:
            raise DataError(
                f"{self._package.path}: observation {self._said['observationID'][row]} is of the medium "
                f"{self._said['mediaID'][row]!r}, which {self._package.files['media']} does not have"
            )
        return medium

    def _animal(self, row: int, medium: int, rows: Sequence[int]) -> Animal:
        of_medium = bool(self._said["mediaID"][row])
        names = {self._said["individualID"][one] for one in rows}
        deployment = self._media["deploymentID"][medium]
        return Animal(
            rows=tuple(rows),
            photo=self._media["filePath"][medium],
            box=self._box(row) if of_medium else "",
            deployment=self._place.get(deployment, deployment),
            event=self._said["eventID"][row],
            taken=self._media["timestamp"][medium],
            species=self._said["scientificName"][row],
            individual=names.pop() if len(rows) == 1 else "",
            of_medium=of_medium,
        )

    def _box(self, row: int) -> str:
        texts = [self._said[name][row] for name in _BOX]
        if not any(texts):
            return ""
        try:
            x, y, width, height = map(float, texts)
            if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1):
                raise ValueError
        except ValueError:
            raise DataError(
                f"{self._package.path}: observation {self._said['observationID'][row]} has the box "
                f"{', '.join(texts)}, expected four numbers from 0 to 1"
            ) from None
        return box_text(x, y, width, height, shares=True)


def _moment(text: str) -> datetime | None:
    """Return when something was, in UTC where no zone is given; None where that cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
