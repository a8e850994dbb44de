"""Episodes of a photo table: one category each, its identities divided at random between support and batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from vicp.data.episodes.rules import Episode, Pairs
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.support.support import sample_support


@dataclass(frozen=True, eq=False)
class EpisodeCategory:
    """The photos of one category by identity.

    Attributes:
        name: Of the category.
        photos: Rows of the table, one array per identity.
        codes: A number for each identity, unique in the whole table.
    """

    name: str
    photos: tuple[np.ndarray, ...]
    codes: np.ndarray

    @property
    def num_photos(self) -> int:
        """Return the number of photos."""
        return sum(map(len, self.photos))

    @cached_property
    def repeated(self) -> np.ndarray:
        """Return the identities that have two photos or more, as indices into `photos`."""
        return np.flatnonzero([len(rows) > 1 for rows in self.photos])

    def fits(self, *, num_photos: int, num_identities: int, num_pairs: int | None) -> bool:
        """Return whether an episode of these sizes can be sampled whatever half of the identities the support gets."""
        sizes = np.sort([len(self.photos[i]) for i in self.repeated])
        share = -(-num_photos // num_identities)
        if num_pairs is None:
            return len(sizes) >= 2 and int(np.minimum(sizes, share).sum()) >= num_photos
        half = len(sizes) // 2
        if half < 2:
            return False
        worst = sizes[:half]  # the identities with the fewest photos may meet on either side
        same = int((worst * (worst - 1) // 2).sum())
        different = int(worst.sum() * (worst.sum() - 1) // 2) - same
        enough_pairs = same >= num_pairs // 2 and different >= num_pairs - num_pairs // 2
        return enough_pairs and int(np.minimum(worst, share).sum()) >= num_photos


def list_categories(table: PhotoTable) -> list[EpisodeCategory]:
    """Return the categories of a table, sorted by name; identities keep the order in which they appear."""
    codes: dict[str, int] = {}
    rows: dict[str, dict[str, list[int]]] = {}
    for row, (category, identity) in enumerate(zip(table.frame["category"], table.identities, strict=True)):
        codes.setdefault(identity, len(codes))
        rows.setdefault(category, {}).setdefault(identity, []).append(row)
    return [
        EpisodeCategory(name, tuple(np.array(r) for r in rows[name].values()), np.array([codes[i] for i in rows[name]]))
        for name in sorted(rows)
    ]


def sample_photo_episode(
    categories: Sequence[EpisodeCategory],
    *,
    num_pairs: int | None,
    num_identities: int,
    num_photos: int,
    num_queries: int,
    seed: int,
) -> Episode:
    """Return an episode of a random category: K pairs of half of its identities, a batch of P of the other half.

    Without a support (K is None) all identities may be in the batch.

    Args:
        categories: Those for which `fits` is true.
        num_pairs: K, half of them same-pairs; or None.
        num_identities: P; more where these have too few photos.
        num_photos: P*k, rows of one identity neighbours.
        num_queries: Held-out pairs of the batch.
        seed: Seed of all random choices.
    """
    rng = np.random.default_rng(derive_seed(seed, "photo episode"))
    pool = int(rng.integers(len(categories)))
    category = categories[pool]
    repeated = rng.permutation(category.repeated)
    half = 0 if num_pairs is None else len(repeated) // 2
    support = _sample_support_pairs(category, repeated[: min(half, max(num_pairs or 0, 2))], num_pairs or 0, seed)
    chosen = _sample_batch(category, repeated[half:], num_identities, num_photos, rng)
    batch = np.concatenate([rows for _, rows in chosen])
    identities = np.concatenate([np.full(len(rows), category.codes[i]) for i, rows in chosen])
    queries = _sample_queries(identities, num_queries, rng)
    return Episode(pool, None, support, torch.from_numpy(batch), torch.from_numpy(identities), queries)


def _sample_support_pairs(category: EpisodeCategory, chosen: np.ndarray, num_pairs: int, seed: int) -> Pairs:
    """Return K pairs of these identities, as rows of the table."""
    if num_pairs == 0:
        empty = torch.zeros(0, dtype=torch.int64)
        return Pairs(empty, empty, empty.bool())
    rows = np.concatenate([category.photos[i] for i in chosen])
    names = [str(i) for i in chosen for _ in category.photos[i]]
    support = sample_support(names, num_pairs, seed=seed)
    return Pairs(
        torch.from_numpy(rows[support.left]), torch.from_numpy(rows[support.right]), torch.from_numpy(support.same)
    )


def _sample_batch(
    category: EpisodeCategory, allowed: np.ndarray, num_identities: int, num_photos: int, rng: np.random.Generator
) -> list[tuple[int, np.ndarray]]:
    """Return photos of one identity after another, at most k of each, until there are `num_photos`."""
    share, missing = -(-num_photos // num_identities), num_photos
    chosen = []
    for identity in allowed:
        rows = rng.permutation(category.photos[identity])[: min(share, missing)]
        chosen.append((int(identity), rows))
        missing -= len(rows)
        if missing == 0:
            break
    return chosen


def _sample_queries(identities: np.ndarray, num_queries: int, rng: np.random.Generator) -> Pairs:
    """Return pairs of the batch, half of them same-pairs where it has any, sampled with replacement."""
    left, right = np.triu_indices(len(identities), k=1)
    same = identities[left] == identities[right]
    is_same = rng.permutation(np.arange(num_queries) < num_queries // 2) if same.any() else np.zeros(num_queries, bool)
    chosen = np.empty(num_queries, dtype=np.int64)
    for kind in (True, False):
        places = is_same == kind
        chosen[places] = rng.choice(np.flatnonzero(same == kind), int(places.sum()))
    return Pairs(*(torch.from_numpy(column[chosen]) for column in (left, right, same)))
