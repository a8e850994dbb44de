"""Distinct pairs of photos in which identities take turns: none a second time before all that can be were there."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from math import isqrt
from typing import TypeVar

import numpy as np

Group = TypeVar("Group", bound=Hashable)


def photos_of(identities: Sequence[str]) -> list[np.ndarray]:
    """Return the rows of each identity, identities in the order they first appear in."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, identity in enumerate(identities):
        rows[identity].append(row)
    return [np.array(photos, dtype=np.int64) for photos in rows.values()]


def same_pairs(photos: list[np.ndarray], count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield `count` distinct pairs of photos of one identity."""
    room = {position: count_pairs(len(rows)) for position, rows in enumerate(photos)}
    quota: Counter[int] = Counter()
    _take_turns(room, count, quota, rng)
    for position, number in quota.items():
        for code in rng.choice(room[position], number, replace=False):
            first, second = pair_of(int(code))
            yield int(photos[position][first]), int(photos[position][second])


def different_pairs(photos: list[np.ndarray], count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
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
    for (a, b), number in quota.items():
        for code in rng.choice(sizes[a] * sizes[b], number, replace=False):
            yield int(photos[a][code // sizes[b]]), int(photos[b][code % sizes[b]])


def count_pairs(num_photos: int) -> int:
    """Return how many pairs so many photos make."""
    return num_photos * (num_photos - 1) // 2


def pair_of(code: int) -> tuple[int, int]:
    """Return the photos first < second of a pair; pairs are numbered second * (second - 1) / 2 + first."""
    second = (1 + isqrt(1 + 8 * code)) // 2
    return code - count_pairs(second), second


def count_kinds(photos: Sequence[np.ndarray]) -> tuple[int, int]:
    """Return how many same-pairs and different-pairs the photos of these identities make."""
    same = sum(count_pairs(len(rows)) for rows in photos)
    return same, count_pairs(sum(len(rows) for rows in photos)) - same


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
