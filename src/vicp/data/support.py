"""Choose or read the support: K labelled pairs of photos of one category."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isqrt
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.data.seeds import derive_seed
from vicp.data.sources.table import read_csv, require_columns
from vicp.errors import DataError

Group = TypeVar("Group", bound=Hashable)

_WORDS_FOR_SAME = ("1", "true", "yes", "same")
_WORDS_FOR_DIFFERENT = ("0", "false", "no", "different")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Support:
    """K labelled pairs of one category; a photo is its index in one photo table, never paired with itself.

    Attributes:
        left: (K,) int64.
        right: (K,) int64.
        same: (K,) bool, whether both photos show the same identity.
    """

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.left.shape, self.right.shape, self.same.shape}
        if len(shapes) != 1 or self.left.ndim != 1 or self.same.dtype != np.bool_:
            raise ValueError(f"got shapes {shapes} and {self.same.dtype}, expected three (K,), the last one bool")
        if (self.left == self.right).any():
            raise ValueError("a photo is paired with itself")

    def __len__(self) -> int:
        return len(self.left)

    def shuffled(self, seed: int) -> "Support":
        """Return the same pairs with labels permuted so that they tell nothing about the true ones.

        With p same-pairs and q different-pairs, p*q/K of each kind swap labels: the balance is kept, and the
        correlation with the true labels is zero up to rounding. Swapping all would hand over the true labels
        upside down, swapping none would be no control. At least one of each kind swaps, so the labels differ
        from the true ones unless those are all alike (and two pairs can only be inverted).
        """
        rng = np.random.default_rng(derive_seed(seed, "shuffled support"))
        positives, negatives = np.flatnonzero(self.same), np.flatnonzero(~self.same)
        num_swaps = len(positives) * len(negatives) / max(len(self), 1)
        count = min(max(round(num_swaps), 1), len(positives), len(negatives))
        same = self.same.copy()
        same[rng.permutation(positives)[:count]] = False
        same[rng.permutation(negatives)[:count]] = True
        return replace(self, same=same)


def draw_support(identities: Sequence[str], num_pairs: int, *, seed: int) -> Support:
    """Return K distinct pairs in random order: K // 2 of the same identity, the others of different ones.

    Identities take turns: for each kind of pair, none is used a second time before all that can be were used
    once. Within an identity, or a pair of identities, all pairs of photos are equally likely.

    Args:
        identities: The identity of each photo of one category.
        num_pairs: K.
        seed: Equal arguments give equal supports.

    Raises:
        DataError: There are fewer distinct pairs; the message says how many.
        ValueError: `num_pairs` below 1.
    """
    if num_pairs < 1:
        raise ValueError(f"num_pairs {num_pairs} must be at least 1")
    rng = np.random.default_rng(derive_seed(seed, "support"))
    photos = _photos_of(identities)
    num_same, num_different = num_pairs // 2, num_pairs - num_pairs // 2
    _check_available(photos, num_same, num_different)
    pairs = [*_same_pairs(photos, num_same, rng), *_different_pairs(photos, num_different, rng)]
    swap = rng.random(num_pairs) < 0.5
    ordered = [(b, a) if flip else (a, b) for (a, b), flip in zip(pairs, swap, strict=True)]
    order = rng.permutation(num_pairs)
    left, right = np.array(ordered, dtype=np.int64)[order].T  # (K,), (K,)
    return Support(left.copy(), right.copy(), (np.arange(num_pairs) < num_same)[order])


def split_identities(identities: Sequence[str], *, share_support: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the support's identities and the rows of all other identities, both ascending.

    At least two identities with two photos go to the support; the rest keeps one such and another identity.

    Args:
        identities: The identity of each photo of one category.
        share_support: Share of the identities for the support, in (0, 1); as near to it as the above allows.
        seed: Equal arguments give equal splits.

    Raises:
        DataError: Too few identities for that.
        ValueError: `share_support` outside (0, 1).
    """
    if not 0 < share_support < 1:
        raise ValueError(f"share_support {share_support} must lie between 0 and 1")
    rng = np.random.default_rng(derive_seed(seed, "split identities"))
    photos = _photos_of(identities)
    order = [int(position) for position in rng.permutation(len(photos))]
    repeated = [position for position in order if len(photos[position]) >= 2]
    if len(order) < 4 or len(repeated) < 3:
        raise DataError(
            f"{len(order)} identities, {len(repeated)} of them with two photos or more: setting a support "
            "apart takes at least 4 and 3. Add identities, or draw the support from another category"
        )
    others = [position for position in order if position not in repeated[:3]]
    size = min(max(round(share_support * len(order)), 2), len(order) - 2)
    chosen = [*repeated[:2], *others[: size - 2]]  # repeated[2] and one of the others stay
    of_support = np.zeros(len(identities), dtype=bool)
    of_support[np.concatenate([photos[position] for position in chosen])] = True
    return np.flatnonzero(of_support), np.flatnonzero(~of_support)


def read_support(path: str | os.PathLike[str], table: PhotoTable) -> Support:
    """Return the labelled pairs of a CSV with the columns left, right, same.

    `left` and `right` are `path` names of the table, or file names alone where only one photo has that name;
    `same` is one of 1, true, yes, same, 0, false, no, different. A pair given twice counts once.

    Args:
        path: The CSV file.
        table: The photos the pairs speak of.

    Raises:
        DataError: The file cannot be read, is empty or has bad rows: all of them in one message.
    """
    path = Path(path)
    frame = read_csv(path)
    require_columns(path, list(frame.columns), ("left", "right", "same"))
    return parse_support(path, frame, table)


def parse_support(path: Path, frame: pd.DataFrame, table: PhotoTable) -> Support:
    """Return the pairs in a frame of text with the columns left, right and same, read from `path`.

    Raises:
        DataError: It is empty or has bad rows: all of them in one message.
    """
    photos = _Photos(table)
    labels: dict[tuple[int, int], bool] = {}
    bad: list[BadPhoto] = []
    for row, (left, right, word) in enumerate(zip(frame["left"], frame["right"], frame["same"], strict=True), 1):
        try:
            pair, same = photos.pair(left, right), _read_same(word)
            if pair in labels:
                _log.warning("%s: row %d (%s, %s) repeats a pair", path, row, left, right)
            if labels.setdefault(pair, same) != same:
                raise DataError("the same pair stands above with the opposite label")
        except DataError as error:
            bad.append(BadPhoto(row, f"{left}, {right}", str(error)))
    if bad:
        raise DataError(f"{path}: {len(bad)} of {len(frame)} pairs cannot be used: {list_rows(bad)}")
    if not labels:
        raise DataError(f"{path}: no pairs, expected one per row")
    categories = table.select([a for a, _ in labels]).categories
    if len(categories) > 1:
        raise DataError(f"{path}: pairs of several categories ({', '.join(categories)}): write a file for each")
    left, right = np.array(list(labels), dtype=np.int64).T  # (K,), (K,)
    return Support(left.copy(), right.copy(), np.array(list(labels.values())))


def _photos_of(identities: Sequence[str]) -> list[np.ndarray]:
    """Return the rows of each identity, identities in the order they first appear in."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, identity in enumerate(identities):
        rows[identity].append(row)
    return [np.array(photos, dtype=np.int64) for photos in rows.values()]


def _check_available(photos: list[np.ndarray], num_same: int, num_different: int) -> None:
    total = sum(len(rows) for rows in photos)
    same = sum(_num_pairs(len(rows)) for rows in photos)
    different = _num_pairs(total) - same
    if num_same > same or num_different > different:
        raise DataError(
            f"{num_same} same-pairs and {num_different} different-pairs asked for, but {total} photos of "
            f"{len(photos)} identities give {same} and {different}: ask for at most "
            f"{2 * min(same, different)} pairs, or add photos"
        )


def _num_pairs(num_photos: int) -> int:
    return num_photos * (num_photos - 1) // 2


def _same_pairs(photos: list[np.ndarray], count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield `count` distinct pairs of photos of one identity."""
    room = {position: _num_pairs(len(rows)) for position, rows in enumerate(photos)}
    quota: Counter[int] = Counter()
    _take_turns(room, count, quota, rng)
    for position, num_pairs in quota.items():
        for code in rng.choice(room[position], num_pairs, replace=False):
            # Pairs of photos first < second are numbered second * (second - 1) / 2 + first.
            second = (1 + isqrt(1 + 8 * int(code))) // 2
            first = int(code) - _num_pairs(second)
            yield int(photos[position][first]), int(photos[position][second])


def _different_pairs(photos: list[np.ndarray], count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield `count` distinct pairs of photos of two identities."""
    sizes = [len(rows) for rows in photos]
    quota: Counter[tuple[int, int]] = Counter()
    turns, found, misses = _turns(len(photos), rng), 0, 0
    while found < count and misses <= len(photos):
        a, b = next(turns)
        misses = 0 if quota[a, b] < sizes[a] * sizes[b] else misses + 1
        quota[a, b] += misses == 0
        found += misses == 0
    if found < count:  # most pairs of identities are used up: look for the others one by one
        room = {(a, b): sizes[a] * sizes[b] for a, b in combinations(range(len(photos)), 2)}
        _take_turns(room, count, quota, rng)
    for (a, b), num_pairs in quota.items():
        for code in rng.choice(sizes[a] * sizes[b], num_pairs, replace=False):
            yield int(photos[a][code // sizes[b]]), int(photos[b][code % sizes[b]])


def _take_turns(room: Mapping[Group, int], count: int, quota: Counter[Group], rng: np.random.Generator) -> None:
    """Raise the quotas by one at a time, in rounds of random order, until they add up to `count`."""
    while (missing := count - quota.total()) > 0:
        open_groups = [group for group in room if quota[group] < room[group]]
        for position in rng.permutation(len(open_groups))[:missing]:
            quota[open_groups[position]] += 1


def _turns(num_identities: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield pairs of identities (a < b) for ever, each identity once before any a second time."""
    queue: list[int] = []
    while True:
        fresh = [int(position) for position in rng.permutation(num_identities)]
        if queue == fresh[:1]:
            fresh[0], fresh[1] = fresh[1], fresh[0]
        queue += fresh
        while len(queue) >= 2:
            a, b = queue.pop(0), queue.pop(0)
            yield min(a, b), max(a, b)


class _Photos:
    """Finds the photos of a table by the names people write."""

    def __init__(self, table: PhotoTable) -> None:
        self._categories = list(table.frame["category"])
        self._by_path = {path: index for index, path in enumerate(table.frame["path"])}
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for path, index in self._by_path.items():
            self._by_name[path.rsplit("/", 1)[-1]].append(index)

    def pair(self, left: str, right: str) -> tuple[int, int]:
        """Return the indices of two photos, the lower first."""
        a, b = self._find(left), self._find(right)
        if a == b:
            raise DataError("a photo paired with itself")
        if self._categories[a] != self._categories[b]:
            raise DataError(f"two categories, {self._categories[a]} and {self._categories[b]}: pairs need one")
        return min(a, b), max(a, b)

    def _find(self, name: str) -> int:
        if name in self._by_path:
            return self._by_path[name]
        found = self._by_name.get(name, [])
        if len(found) > 1:
            raise DataError(f"{len(found)} photos are named {name!r}: write the path, as the table does")
        if not found:
            raise DataError(
                f"no photo {name!r} in the table (which has, for example, {next(iter(self._by_path), '')!r})"
            )
        return found[0]


def _read_same(word: str) -> bool:
    if word.strip().lower() in _WORDS_FOR_SAME:
        return True
    if word.strip().lower() in _WORDS_FOR_DIFFERENT:
        return False
    expected = ", ".join(_WORDS_FOR_SAME + _WORDS_FOR_DIFFERENT)
    raise DataError(f"same is {word!r}, expected one of {expected}")
