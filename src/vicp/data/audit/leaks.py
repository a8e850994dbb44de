"""Finds what a table's splits and labels must not share: photos in two splits, identities in train and test."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from vicp.data.audit.duplicates import Fingerprint, duplicate_pairs
from vicp.data.dates import photo_dates
from vicp.data.records import PhotoTable

_EVALUATED = ("test", "query", "gallery", "database", "probe")  # one role: a query is to be found in the gallery
_MAX_KEPT = 1000
_MAX_LISTED = 20


@dataclass(frozen=True)
class IdentityLeak:
    """An identity ("category/identity") in splits that should share none."""

    identity: str
    splits: tuple[str, ...]


@dataclass(frozen=True)
class PhotoLeak:
    """A photo that is there twice, in two splits or under two identities of one category."""

    a: str
    b: str
    kind: Literal["bytes", "near"]
    why: Literal["splits", "identities"]


@dataclass(frozen=True)
class Leaks:
    """What splits and labels share but should not; photos count as the same if they are equal or nearly so.

    Attributes:
        identities: those in splits of two roles (train, val, and test with its query and gallery).
        photos: the first thousand pairs of photos.
        in_two_splits: how many pairs of photos are in two splits.
        two_identities: how many pairs of photos are under two identities of one category.
        duplicates: how many other pairs show the same; they leak nothing.
        notes: identities shared on purpose, where dates or cameras keep the splits apart.
    """

    identities: tuple[IdentityLeak, ...]
    photos: tuple[PhotoLeak, ...]
    in_two_splits: int
    two_identities: int
    duplicates: int
    notes: tuple[str, ...]

    @property
    def between_splits(self) -> bool:
        """Whether a split knows of another what it should not: numbers measured on it are wrong."""
        return bool(self.identities) or self.in_two_splits > 0

    def summary(self) -> dict[str, Any]:
        """The leaks, for JSON."""
        return {
            "identities": [{"identity": leak.identity, "splits": list(leak.splits)} for leak in self.identities],
            "photos": [vars(leak) for leak in self.photos],
            "unlisted": self.in_two_splits + self.two_identities - len(self.photos),
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """The leaks, for people."""
        wrong = "an error: numbers measured on these splits would be too good"
        pairs = {why: [leak for leak in self.photos if leak.why == why] for why in ("splits", "identities")}
        return [
            *self.notes,
            *_listed(
                f"Identities in splits that should share none: {len(self.identities)} ({wrong})",
                [f"{leak.identity}: {', '.join(leak.splits)}" for leak in self.identities],
                len(self.identities),
            ),
            *_listed(
                f"Pairs of equal or near-equal photos in two splits: {self.in_two_splits} ({wrong})",
                [f"{leak.a} and {leak.b} ({leak.kind})" for leak in pairs["splits"]],
                self.in_two_splits,
            ),
            *_listed(
                f"Pairs of equal or near-equal photos under two identities: {self.two_identities} "
                "(a warning: probably a wrong label)",
                [f"{leak.a} and {leak.b} ({leak.kind})" for leak in pairs["identities"]],
                self.two_identities,
            ),
            *_listed(
                f"Other pairs of equal or near-equal photos: {self.duplicates}, which leak nothing", [], self.duplicates
            ),
        ]


def find_leaks(table: PhotoTable, photos: Sequence[Fingerprint]) -> Leaks:
    """What the splits and labels of a table share but should not.

    Args:
        table: N photos.
        photos: their N fingerprints.
    """
    frame = table.frame
    identities = np.full(len(frame), -1)
    known = frame["identity"].notna().to_numpy(dtype=bool)
    identities[known] = pd.factorize(np.array(table.select(known).identities, dtype=object))[0]
    categories = pd.factorize(frame["category"])[0]
    splits = pd.factorize(frame["split"].replace("", None))[0] if "split" in frame else np.full(len(frame), -1)
    kept: list[PhotoLeak] = []
    counts = {"splits": 0, "identities": 0}
    duplicates = 0
    for pairs in duplicate_pairs(photos):
        a, b = pairs.indices.T
        reasons: dict[Literal["splits", "identities"], np.ndarray] = {
            "splits": _differ(splits, a, b),
            "identities": _differ(identities, a, b) & (categories[a] == categories[b]),
        }
        duplicates += int((~reasons["splits"] & ~reasons["identities"]).sum())
        for why, leaking in reasons.items():
            counts[why] += int(leaking.sum())
            for pair in np.flatnonzero(leaking)[: _MAX_KEPT - len(kept)]:
                first, second = frame["path"].iloc[a[pair]], frame["path"].iloc[b[pair]]
                kept.append(PhotoLeak(first, second, "bytes" if pairs.same_bytes[pair] else "near", why))
    leaking_identities, notes = _identity_leaks(table.select(known))
    return Leaks(leaking_identities, tuple(kept), counts["splits"], counts["identities"], duplicates, notes)


def _differ(codes: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) bool: whether both are known and they are not the same."""
    return np.asarray((codes[a] != codes[b]) & (codes[a] >= 0) & (codes[b] >= 0))


def _identity_leaks(table: PhotoTable) -> tuple[tuple[IdentityLeak, ...], tuple[str, ...]]:
    """The identities in splits of two roles, and what is shared on purpose."""
    if "split" not in table.frame:
        return (), ()
    frame = table.frame.assign(name=table.identities, role=[_role(split) for split in table.frame["split"]])
    frame = frame.assign(when=photo_dates(table)) if "date" in frame else frame
    leaking: defaultdict[str, set[str]] = defaultdict(set)
    notes = []
    for category, photos in frame[frame["role"] != ""].groupby("category"):
        for (one, ours), (two, theirs) in combinations(photos.groupby("role"), 2):
            shared = set(ours["name"]) & set(theirs["name"])
            apart = _apart(ours, theirs) if shared else ""
            if apart:
                notes.append(f"{category}: {one} and {two} share {len(shared)} identities but no {apart} (closed set).")
                continue
            for part in (ours, theirs):
                for name, split in zip(part["name"], part["split"], strict=True):
                    if name in shared:
                        leaking[name].add(split)
    return tuple(IdentityLeak(name, tuple(sorted(leaking[name]))) for name in sorted(leaking)), tuple(notes)


def _role(split: str) -> str:
    """What a split is for: "openset_query" and "test" are for the test, other names stand for themselves."""
    return "test" if re.split(r"[\W_]+", split.lower())[-1] in _EVALUATED else split


def _apart(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """What keeps two splits apart that share identities on purpose: "day" or "camera", or "" for nothing."""
    if "when" in ours and ours["when"].notna().all() and theirs["when"].notna().all():
        first, second = ours["when"].dt.floor("D"), theirs["when"].dt.floor("D")
        if first.max() < second.min() or second.max() < first.min():
            return "day"
    if "camera" in ours:
        cameras, others = set(ours["camera"]), set(theirs["camera"])
        if "" not in cameras | others and not cameras & others:
            return "camera"
    return ""


def _listed(title: str, rows: list[str], total: int) -> list[str]:
    """The title and the first rows under it; nothing if there are none in all."""
    if total == 0:
        return []
    more = [f"  and {total - _MAX_LISTED} more"] if rows and total > _MAX_LISTED else []
    return [title, *(f"  {row}" for row in rows[:_MAX_LISTED]), *more]
