"""What a person reviews: pairs to label, photos that may be somebody, and names that may be wrong; likeliest first."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

import numpy as np
import pandas as pd

from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import find_category
from vicp.gallery.contents import embedded_photos
from vicp.gallery.labelling.labels import pairs_held
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PAIRS
from vicp.service.chosen_photos import ChosenPhotos
from vicp.service.served_gallery import FACT_TABLES, ServedGallery

ReviewKind = Literal["pairs", "groups", "doubts"]
BATCH = 24  # pairs that are proposed at a time
_LOW = 8  # questions left, below which more are looked for
_STRIP = 12  # photos of one side
_MAX_DOUBTED = 4000  # photos of a category that are compared with each other
_MOST = 200  # questions of a kind that are kept


@dataclass(frozen=True)
class Side:
    """One side of a question.

    Attributes:
        photos: Keys, the one to look at first.
        identity: Its name, if it has one.
    """

    photos: tuple[str, ...]
    identity: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One question: do both sides show the same individual?

    Attributes:
        kind: Why it is asked.
        category: What the photos show.
        left: The photo or photos in question.
        right: What they are compared with.
        note: What there is to say, for people.
        probability: That both are the same individual; None of pairs to label, where it would sway the answer.
    """

    kind: ReviewKind
    category: str
    left: Side
    right: Side
    note: str = ""
    probability: float | None = None

    @property
    def id(self) -> str:
        """Return what stands for it in an address: it is the same after a restart."""
        return f"{self.kind}-{self.left.photos[0][:12]}-{self.right.photos[0][:12]}"

    @property
    def photos(self) -> tuple[str, ...]:
        """Return the photos of both sides."""
        return (*self.left.photos, *self.right.photos)

    @property
    def pair(self) -> frozenset[str]:
        """Return the two photos that are looked at first."""
        return frozenset((self.left.photos[0], self.right.photos[0]))


class ReviewQueue:
    """The open questions of a gallery; answered ones are known by the gallery itself, so that a restart loses nothing.

    Args:
        gallery: Whose.
        chosen: The photos that are asked about.
    """

    def __init__(self, gallery: ServedGallery, chosen: ChosenPhotos) -> None:
        self._gallery, self._chosen = gallery, chosen
        self._found: dict[ReviewKind, list[Comparison]] = {}
        self._version: dict[ReviewKind, int] = {}
        self._lock = threading.Lock()
        self._is_looking: set[ReviewKind] = set()

    def next(self, kind: ReviewKind, limit: int) -> list[Comparison]:
        """Return the next questions, likeliest or most useful first; more are looked for before these run out."""
        snapshot = self._gallery.snapshot
        open_now = self._open(kind, snapshot)
        stale = self._version.get(kind) != snapshot.head.number
        if not open_now and stale:
            with self._lock:
                self._look(kind)
            open_now = self._open(kind, self._gallery.snapshot)
        elif len(open_now) < _LOW and stale:
            self._look_meanwhile(kind)
        return open_now[:limit]

    def waiting(self, kind: ReviewKind) -> int | None:
        """Return how many questions are known to be open; None while they are looked for the first time."""
        if kind not in self._found:
            self._look_meanwhile(kind)
            return None
        return len(self._open(kind, self._gallery.snapshot))

    def _open(self, kind: ReviewKind, snapshot: Snapshot) -> list[Comparison]:
        frame = self._gallery.frame(snapshot)
        usable = snapshot.once("usable", FACT_TABLES, lambda: _names_by_key(frame))
        author = self._gallery.editor.author
        answered = snapshot.once("answered", [PAIRS], lambda: _answered_pairs(snapshot, author))
        return [each for each in self._found.get(kind, []) if _is_open(each, usable, answered)]

    def _look_meanwhile(self, kind: ReviewKind) -> None:
        if kind in self._is_looking:
            return
        self._is_looking.add(kind)

        def look() -> None:
            try:
                with self._lock:
                    self._look(kind)
            finally:
                self._is_looking.discard(kind)

        threading.Thread(target=look, name=f"review-{kind}", daemon=True).start()

    def _look(self, kind: ReviewKind) -> None:
        snapshot = self._gallery.snapshot
        find: dict[ReviewKind, Callable[[ServedGallery, Snapshot, ChosenPhotos], list[Comparison]]]
        find = {"pairs": _pairs, "groups": _groups, "doubts": _doubts}
        found = find[kind](self._gallery, snapshot, self._chosen)
        if self._chosen:
            frame = self._gallery.frame(snapshot)
            keys = set(frame["key"][self._chosen.fits(frame)])
            found = [shown for each in found if (shown := _among(each, keys)) is not None]
        found = found[:_MOST]
        waiting = [each for each in self._open(kind, snapshot) if each.pair not in {new.pair for new in found}]
        self._found[kind] = [*waiting, *found] if kind == "pairs" else found
        self._version[kind] = snapshot.head.number


def _names_by_key(frame: pd.DataFrame) -> dict[str, str | None]:
    """Return the name of every photo that is not set aside."""
    rows = frame[~frame["aside"]]
    return {
        key: name if isinstance(name, str) else None for key, name in zip(rows["key"], rows["identity"], strict=True)
    }


def _answered_pairs(snapshot: Snapshot, author: str) -> set[frozenset[str]]:
    """Return the pairs with a label, and those that this author could not tell."""
    rows = pairs_held(snapshot).items()
    return {frozenset(pair) for pair, row in rows if row["same"] is not None or row["author"] == author}


def _is_open(each: Comparison, names: dict[str, str | None], answered: set[frozenset[str]]) -> bool:
    if each.pair in answered or not all(key in names for key in each.photos):
        return False
    sides = [(key, side.identity) for side in (each.left, each.right) for key in side.photos]
    return each.kind == "pairs" or all(names[key] == identity for key, identity in sides)


def _among(each: Comparison, keys: set[str]) -> Comparison | None:
    """Return a question with those of its photos that are chosen; None where a side has none."""
    left, right = (
        replace(side, photos=tuple(key for key in side.photos if key in keys)) for side in (each.left, each.right)
    )
    return replace(each, left=left, right=right) if left.photos and right.photos else None


def _categories(gallery: ServedGallery, snapshot: Snapshot, chosen: ChosenPhotos) -> list[str]:
    """Return the categories that are asked about."""
    return [name for name in gallery.categories(snapshot) if chosen.category in ("", name)]


def _pairs(gallery: ServedGallery, snapshot: Snapshot, chosen: ChosenPhotos) -> list[Comparison]:
    """Return pairs to label, those of each category in turn."""
    by_category = []
    names = _names_by_key(gallery.frame(snapshot))
    for category in _categories(gallery, snapshot, chosen):
        try:
            author = gallery.editor.author
            proposals = gallery.editor.next_pairs(category, count=BATCH, author=author, among=chosen.photos)
        except DataError:  # nothing is left to ask
            continue
        by_category.append(
            [
                Comparison(
                    "pairs", category, Side((pair.left,), names[pair.left]), Side((pair.right,), names[pair.right])
                )
                for pair in proposals.pairs
            ]
        )
    return [each for turn in zip_longest(*by_category) for each in turn if each is not None]


def _groups(gallery: ServedGallery, snapshot: Snapshot, chosen: ChosenPhotos) -> list[Comparison]:
    """Return photos without a name that look like one individual, or like one that is known; surest first."""
    try:
        proposal = gallery.editor.cluster(category=chosen.category or None)
    except GalleryError:  # every photo has a name
        return []
    frame = gallery.frame(snapshot)
    members: dict[tuple[str, str], list[str]] = {}
    probabilities: dict[tuple[str, str], float | None] = {}
    known = set()
    for photo in proposal.photos:
        group = (photo.category, photo.identity)
        members.setdefault(group, []).append(photo.photo)
        probabilities[group] = photo.probability
        if photo.known:
            known.add(group)
    found = []
    for (category, identity), keys in members.items():
        if (category, identity) in known:
            own = frame[(frame["category"] == category) & (frame["identity"] == identity)]["key"].tolist()
            sides = Side(tuple(keys[:_STRIP])), Side(tuple(own[:_STRIP]), identity)
        elif len(keys) > 1:
            sides = Side(tuple(keys[:1])), Side(tuple(keys[1:_STRIP]))
        else:
            continue
        found.append(Comparison("groups", category, *sides, probability=probabilities[category, identity]))
    return sorted(found, key=lambda each: -(each.probability or 0.0))


def _doubts(gallery: ServedGallery, snapshot: Snapshot, chosen: ChosenPhotos) -> list[Comparison]:
    """Return named photos that look more like another individual than like their own, most doubtful first."""
    found: list[tuple[float, Comparison]] = []
    for category in _categories(gallery, snapshot, chosen):
        named = embedded_photos(snapshot, find_category(snapshot, category), named=True)
        frame, embeddings = named.frame.iloc[:_MAX_DOUBTED], named.embeddings[:_MAX_DOUBTED]
        if not len(frame):
            continue
        names = frame["identity"].to_numpy(dtype=object)
        similarity = embeddings @ embeddings.T  # (n, n)
        np.fill_diagonal(similarity, -np.inf)
        same = names[:, None] == names
        own = np.where(same, similarity, -np.inf).max(axis=1)
        others = np.where(same, -np.inf, similarity)
        gap = others.max(axis=1) - own
        for row in np.argsort(-gap, kind="stable")[:_MOST]:
            if not np.isfinite(gap[row]) or gap[row] <= 0:
                continue
            order = np.argsort(-np.where(same[row], similarity[row], -np.inf), kind="stable")
            mates = [str(key) for key in frame["key"].to_numpy()[order] if key != frame["key"].iloc[row]]
            mates = mates[: min(_STRIP, int(same[row].sum()) - 1)]
            note = f"It looks more like {names[int(others[row].argmax())]}."
            left = Side((str(frame["key"].iloc[row]),), str(names[row]))
            right = Side(tuple(mates), str(names[row]))
            found.append((float(gap[row]), Comparison("doubts", category, left, right, note)))
    return [each for _, each in sorted(found, key=lambda pair: -pair[0])]
