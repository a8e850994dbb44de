"""Embeddings to put into a gallery, queries, and the right answers: made up, or like those of real photos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.lib.embedded_sets import embedded

WIDTH, PHOTOS_EACH, QUERIES = 384, 5, 200
NOISE = 0.7
SPREAD = (1 + np.arange(WIDTH, dtype=np.float32)) ** -0.5  # of the directions: a few hold most, as in real embeddings
_BLOCK = 50_000
Photos = Callable[[np.ndarray], np.ndarray]


class Individuals(Protocol):
    """Where photos of individuals come from."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[int, Photos]:
        """The width of so many individuals' embeddings, and a function from individuals (n,) to a photo of each."""
        ...


@dataclass(frozen=True)
class MadeUp:
    """Individuals and their photos are normal around each other, the k-th direction with a deviation of k^-1/2."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[int, Photos]:
        """As `Individuals.draw`."""
        centres = SPREAD * rng.standard_normal((count, WIDTH), dtype=np.float32)

        def photos(individuals: np.ndarray) -> np.ndarray:
            noise = rng.standard_normal((len(individuals), WIDTH), dtype=np.float32)
            return unit(centres[individuals] + NOISE * SPREAD * noise)

        return WIDTH, photos


@dataclass(frozen=True, eq=False)
class RealLike:
    """An individual lies between two real photos of one set; its photos differ as two photos of a real individual do.

    Attributes:
        sets: Embeddings (n, D) of each set.
        differences: (m, D) between two photos of one individual.
    """

    sets: Sequence[np.ndarray]
    differences: np.ndarray

    @classmethod
    def of(cls, tables: Sequence[Path], folder: Path) -> "RealLike":
        """Those of real photo sets under `mini`."""
        found = [embedded(table, folder) for table in tables]
        differences = []
        for each in found:
            _, order = np.unique(each.identities, return_inverse=True)
            rows = np.argsort(order, kind="stable")
            same = order[rows[1:]] == order[rows[:-1]]
            differences.append((each.embeddings[rows[1:]] - each.embeddings[rows[:-1]])[same])
        return cls([each.embeddings for each in found], np.concatenate(differences))

    @property
    def num_photos(self) -> int:
        """Real ones."""
        return sum(map(len, self.sets))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[int, Photos]:
        """As `Individuals.draw`."""
        width = self.differences.shape[1]
        centres = np.empty((count, width), np.float32)
        for rows in np.array_split(np.arange(count), max(1, count // _BLOCK)):
            which = rng.integers(0, len(self.sets), len(rows))
            for number, real in enumerate(self.sets):
                own = rows[which == number]
                first, second = rng.integers(0, len(real), (2, len(own)))
                weight = rng.random((len(own), 1), dtype=np.float32)
                centres[own] = weight * real[first] + (1 - weight) * real[second]

        def photos(individuals: np.ndarray) -> np.ndarray:
            chosen = self.differences[rng.integers(0, len(self.differences), len(individuals))]
            sign = rng.choice(np.float32([-1, 1]), (len(individuals), 1))
            return unit(centres[individuals] + sign * chosen / np.sqrt(2, dtype=np.float32))

        return width, photos


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_embeddings(folder: Path, size: int, individuals: Individuals, seed: int = 0) -> None:
    """A gallery of individuals, five photos each, queries of known ones, and the row that is right for each."""
    rng = np.random.default_rng(seed)
    count = size // PHOTOS_EACH
    width, photos = individuals.draw(count, rng)
    gallery = np.lib.format.open_memmap(folder / "gallery.npy", "w+", np.float32, (size, width))
    for start in range(0, size, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, size))
        gallery[rows] = photos(rows // PHOTOS_EACH)
    queries = photos(rng.integers(0, count, QUERIES))
    np.save(folder / "queries.npy", queries)
    np.save(folder / "right.npy", nearest_rows(queries, gallery))


def nearest_rows(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """The row most similar to each query (B, D), by computing every similarity."""
    best, right = np.full(len(queries), -2.0, np.float32), np.zeros(len(queries), np.int64)
    for start in range(0, len(gallery), _BLOCK):
        similarity = queries @ np.asarray(gallery[start : start + _BLOCK]).T
        place = similarity.argmax(axis=1)
        value = similarity[np.arange(len(queries)), place]
        right = np.where(value > best, start + place, right)
        best = np.maximum(best, value)
    return right
