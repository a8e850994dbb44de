"""A proposal of individuals for photos without a name, and the CSV that holds it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from vicp.data.write import write_frame
from vicp.errors import GalleryError


@dataclass(frozen=True)
class GroupedPhoto:
    """A photo without a name, and the individual that it may show.

    Attributes:
        photo: Its key.
        source: Where it came from.
        category: Its category.
        identity: A known individual that its group looks like, or a new name.
        probability: That two photos of its group show one individual, the mean over its pairs; of a known one, what
            `identify` gives it. None of a photo alone.
        known: Whether the gallery has the individual already.
    """

    photo: str
    source: str
    category: str
    identity: str
    probability: float | None
    known: bool


@dataclass(frozen=True)
class ClusterProposal:
    """Groups of photos that look like one individual each.

    Attributes:
        photos: Those of one group together, by `category` and `identity`.
        criterion: What makes two photos one individual, for people.
        groups: Number of individuals that two photos or more look like, or that the gallery has already.
        alone: Number of photos that look like neither another nor a known individual; nothing says whom they show.
    """

    photos: tuple[GroupedPhoto, ...]
    criterion: str
    groups: int
    alone: int

    @classmethod
    def of(cls, photos: Sequence[GroupedPhoto], criterion: str) -> "ClusterProposal":
        """Return the proposal of these photos, with its counts."""
        sizes = Counter((photo.category, photo.identity) for photo in photos)
        alone = sum(not photo.known and sizes[photo.category, photo.identity] == 1 for photo in photos)
        return cls(tuple(photos), criterion, len(sizes) - alone, alone)


def write_proposal(proposal: ClusterProposal, out: Path) -> None:
    """Write the proposal as a CSV, which is a photo table too.

    Raises:
        DataError: It cannot be written.
    """
    rows = pd.DataFrame([asdict(photo) for photo in proposal.photos])
    write_frame(rows.rename(columns={"source": "path"}), out)


def read_proposal(path: Path) -> dict[str, list[str]]:
    """Return identity -> photos, from a CSV with the columns photo and identity; rows without an identity are left out.

    Raises:
        GalleryError: It cannot be read, or lacks a column.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GalleryError(f"{path}: cannot be read ({error})") from error
    missing = [name for name in ("photo", "identity") if name not in frame]
    if missing:
        raise GalleryError(
            f"{path}: no column {missing[0]!r}, expected photo and identity, as `vicp gallery cluster` writes"
        )
    named = frame[frame["identity"].str.strip() != ""]
    groups: dict[str, list[str]] = {}
    for photo, identity in zip(named["photo"], named["identity"], strict=True):
        groups.setdefault(identity, []).append(photo)
    if not groups:
        raise GalleryError(f"{path}: no photo with an identity")
    return groups
