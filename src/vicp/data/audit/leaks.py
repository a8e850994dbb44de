"""Find what splits and labels of a table must not share: photos in two splits, identities in train and test."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from vicp.data.dates import photo_dates
from vicp.data.photos.fingerprints import PhotoFingerprint, near_groups
from vicp.data.records import PhotoTable
from vicp.data.sources.datasets.petface import CLOSED_SET

_EVALUATED = ("test", "query", "gallery", "database", "probe")  # one role: a query and its gallery share identities
_MAX_KEPT = 1000
_SHOWN_OF_A_KIND = 50  # photos of a group with one category, identity and split


@dataclass(frozen=True)
class IdentityLeak:
    """An identity ("category/identity") in splits that should share none."""

    identity: str
    splits: tuple[str, ...]


@dataclass(frozen=True)
class PhotoLeak:
    """Two photos that show the same, in two splits or under two identities of one category.

    Attributes:
        a: Path of the first photo.
        b: Path of the second photo.
        kind: Whether the photos are equal pixel for pixel, or nearly the same.
        why: What they differ in.
    """

    a: str
    b: str
    kind: Literal["equal", "near"]
    why: Literal["splits", "identities"]


@dataclass(frozen=True)
class Leaks:
    """What splits and labels share but should not.

    Two photos count as the same if they are equal or nearly so, or linked by photos that are.

    Attributes:
        identities: Those in splits of two roles (train, val, and test with its query and gallery).
        photos: The first thousand pairs of photos.
        in_two_splits: Number of pairs of photos in two splits.
        two_identities: Number of pairs of photos under two identities of one category.
        duplicates: Number of other pairs that show the same; they leak nothing.
        notes: Sentences on identities shared on purpose: where dates or cameras keep the splits apart, and in
            PetFace's split of further photos of trained identities.
    """

    identities: tuple[IdentityLeak, ...]
    photos: tuple[PhotoLeak, ...]
    in_two_splits: int
    two_identities: int
    duplicates: int
    notes: tuple[str, ...]

    @property
    def between_splits(self) -> bool:
        """Return whether photos or identities leak between splits: what is measured on them is then too good."""
        return bool(self.identities) or self.in_two_splits > 0


def find_leaks(table: PhotoTable, fingerprints: Sequence[PhotoFingerprint]) -> Leaks:
    """Return what the splits and labels of a table share but should not.

    Args:
        table: N photos.
        fingerprints: Their N fingerprints.
    """
    frame = table.frame
    identities = np.full(len(frame), -1)
    known = frame["identity"].notna().to_numpy(dtype=bool)
    identities[known] = pd.factorize(np.array(table.select(known).identities, dtype=object))[0]
    categories = pd.factorize(frame["category"])[0]
    splits = pd.factorize(frame["split"].replace("", None))[0] if "split" in frame else np.full(len(frame), -1)
    leaks: list[PhotoLeak] = []
    counts = {"splits": 0, "identities": 0}
    duplicates = 0
    for group in _groups_of_several(near_groups(fingerprints)):
        columns = pd.DataFrame({"category": categories[group], "identity": identities[group], "split": splits[group]})
        in_splits, in_identities, in_both = _differing_pairs(columns)
        duplicates += len(group) * (len(group) - 1) // 2 - (in_splits + in_identities - in_both)
        counts["splits"] += in_splits
        counts["identities"] += in_identities
        for a, b in _first_pairs(group, columns):
            if len(leaks) == _MAX_KEPT:
                break
            kind: Literal["equal", "near"] = "equal" if fingerprints[a].pixels == fingerprints[b].pixels else "near"
            paths = frame["path"].iloc[a], frame["path"].iloc[b]
            if _differ(splits, a, b):
                leaks.append(PhotoLeak(*paths, kind, "splits"))
            if categories[a] == categories[b] and _differ(identities, a, b):
                leaks.append(PhotoLeak(*paths, kind, "identities"))
    leaking_identities, notes = _identity_leaks(table.select(known))
    return Leaks(leaking_identities, tuple(leaks), counts["splits"], counts["identities"], duplicates, notes)


def _groups_of_several(groups: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the photos (n,) of each group that has two or more."""
    order = np.argsort(groups, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(group) > 1:
            yield group


def _differing_pairs(columns: pd.DataFrame) -> tuple[int, int, int]:
    """Return how many pairs of rows differ in split, in identity within a category, and in both; -1 is unknown."""
    split = columns[columns["split"] >= 0]
    in_splits = _pairs(split, []) - _pairs(split, ["split"])
    identity = columns[columns["identity"] >= 0]
    in_identities = _pairs(identity, ["category"]) - _pairs(identity, ["category", "identity"])
    both = identity[identity["split"] >= 0]
    in_both = _pairs(both, ["category"]) - _pairs(both, ["category", "identity"])
    in_both -= _pairs(both, ["category", "split"]) - _pairs(both, ["category", "identity", "split"])
    return in_splits, in_identities, in_both


def _pairs(rows: pd.DataFrame, columns: list[str]) -> int:
    """Return how many pairs of rows agree in these columns."""
    sizes = rows.groupby(columns).size() if columns else pd.Series([len(rows)])
    return int((sizes * (sizes - 1) // 2).sum())


def _first_pairs(group: np.ndarray, columns: pd.DataFrame) -> Iterator[tuple[int, int]]:
    """Yield pairs of the photos of a group: of each kind of row the first photos, so that no kind is missing."""
    shown = columns.groupby(list(columns)).head(_SHOWN_OF_A_KIND).index
    return combinations((int(photo) for photo in group[shown]), 2)


def _differ(codes: np.ndarray, a: int, b: int) -> bool:
    """Return whether the codes of two photos are both known and not the same."""
    return bool(codes[a] != codes[b] and codes[a] >= 0 and codes[b] >= 0)


def _identity_leaks(table: PhotoTable) -> tuple[tuple[IdentityLeak, ...], tuple[str, ...]]:
    """Return the identities in splits of two roles, and notes on those shared on purpose."""
    if "split" not in table.frame:
        return (), ()
    frame = table.frame.assign(name=table.identities, role=[_role(split) for split in table.frame["split"]])
    frame = frame.assign(when=photo_dates(table)) if "date" in frame else frame
    leaking: defaultdict[str, set[str]] = defaultdict(set)
    notes = []
    for category, photos in frame[frame["role"] != ""].groupby("category"):
        for (role, first), (other_role, second) in combinations(photos.groupby("role"), 2):
            shared = set(first["name"]) & set(second["name"])
            if shared and CLOSED_SET in (role, other_role) and "train" in (role, other_role):
                notes.append(
                    f"{category}: {CLOSED_SET} shows {len(shared)} identities of train on purpose: new photos of "
                    "individuals that are trained on (closed set)."
                )
                continue
            separator = _separator(first, second) if shared else ""
            if separator:
                notes.append(
                    f"{category}: {role} and {other_role} share {len(shared)} identities but no {separator} "
                    "(closed set)."
                )
                continue
            for part in (first, second):
                for name, split in zip(part["name"], part["split"], strict=True):
                    if name in shared:
                        leaking[name].add(split)
    return tuple(IdentityLeak(name, tuple(sorted(leaking[name]))) for name in sorted(leaking)), tuple(notes)


def _role(split: str) -> str:
    """Return what a split is for: "openset_query" and "test" are for the test, other names stand for themselves."""
    return "test" if re.split(r"[\W_]+", split.lower())[-1] in _EVALUATED else split


def _separator(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Return what separates two splits that share identities on purpose: "day" or "camera", or "" for nothing."""
    if "when" in first and first["when"].notna().all() and second["when"].notna().all():
        first_days, second_days = first["when"].dt.floor("D"), second["when"].dt.floor("D")
        if first_days.max() < second_days.min() or second_days.max() < first_days.min():
            return "day"
    if "camera" in first:
        first_cameras, second_cameras = set(first["camera"]), set(second["camera"])
        if "" not in first_cameras | second_cameras and not first_cameras & second_cameras:
            return "camera"
    return ""
