"""Find what splits and labels of a table must not share: photos in two splits, identities in train and test."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from vicp.data.audit.duplicates import Fingerprint, duplicate_pairs
from vicp.data.records import PhotoTable, photo_dates

_EVALUATED = ("test", "query", "gallery", "database", "probe")  # one role: a query and its gallery share identities
_MAX_KEPT = 1000


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
        kind: Whether the files are equal byte for byte, or nearly the same photo.
        why: What they differ in.
    """

    a: str
    b: str
    kind: Literal["bytes", "near"]
    why: Literal["splits", "identities"]


@dataclass(frozen=True)
class Leaks:
    """What splits and labels share but should not; two photos count as the same if they are equal or nearly so.

    Attributes:
        identities: Those in splits of two roles (train, val, and test with its query and gallery).
        photos: The first thousand pairs of photos.
        in_two_splits: Number of pairs of photos in two splits.
        two_identities: Number of pairs of photos under two identities of one category.
        duplicates: Number of other pairs that show the same; they leak nothing.
        notes: Sentences on identities shared on purpose, where dates or cameras keep the splits apart.
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


def find_leaks(table: PhotoTable, fingerprints: Sequence[Fingerprint]) -> Leaks:
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
    for pairs in duplicate_pairs(fingerprints):
        a, b = pairs.indices.T
        reasons: dict[Literal["splits", "identities"], np.ndarray] = {
            "splits": _differ(splits, a, b),
            "identities": _differ(identities, a, b) & (categories[a] == categories[b]),
        }
        duplicates += int((~reasons["splits"] & ~reasons["identities"]).sum())
        for why, leaking in reasons.items():
            counts[why] += int(leaking.sum())
            for pair in np.flatnonzero(leaking)[: _MAX_KEPT - len(leaks)]:
                first, second = frame["path"].iloc[a[pair]], frame["path"].iloc[b[pair]]
                leaks.append(PhotoLeak(first, second, "bytes" if pairs.same_bytes[pair] else "near", why))
    leaking_identities, notes = _identity_leaks(table.select(known))
    return Leaks(leaking_identities, tuple(leaks), counts["splits"], counts["identities"], duplicates, notes)


def _differ(codes: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return whether codes a and b (n,) are both known and not the same, (n,) bool."""
    return np.asarray((codes[a] != codes[b]) & (codes[a] >= 0) & (codes[b] >= 0))


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
