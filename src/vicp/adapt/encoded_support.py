"""A support as every method reads it: decoded photos, labelled pairs, and all that the labels imply."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.linear_transform import Floats
from vicp.adapt.teaching_model import TeachingModel
from vicp.data.moments import one_per_moment
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.sides import of_two_sides
from vicp.data.support.support import Support, sample_support
from vicp.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from vicp.adapt.embedder import Embedder
    from vicp.model.qformer import Latents


@dataclass(frozen=True, eq=False)
class EncodedSupport:
    """Photos of one category with their labelled pairs, relations and frozen embeddings.

    Attributes:
        category: What they show.
        pixels: (n, 3, S, S) uint8; None where the model embeds no photo again, see `PhotoFeatures`.
        pairs: K labelled pairs, positions among the n photos.
        groups: (n,) int64; photos of one group are known to show one identity.
        relation: (n, n) int8; 1 same identity, -1 different ones, 0 unknown. 1 holds within groups, except that two
            photos of one moment are 0: such a pair is no evidence, though it may be labelled.
        frozen: Embeddings without a prompt (n, D), L2-normalised.
        latents: Of the n photos, what an LLM reads; None for a bare backbone.
        seed: Of the draw of pairs; None where the user gave them.
    """

    category: str
    pixels: "Tensor | None"
    pairs: Support
    groups: np.ndarray
    relation: np.ndarray
    frozen: Floats
    latents: "Latents | None"
    seed: int | None

    def __len__(self) -> int:
        return len(self.frozen)

    @property
    def tensor(self) -> "Tensor":
        """The pixels, of a model that embeds photos again."""
        assert self.pixels is not None, "prompt tokens take PyTorch"
        return self.pixels

    @property
    def is_repeated(self) -> np.ndarray:
        """Which photos (n,) bool have another of their identity, of another moment."""
        others: np.ndarray = (self.relation == 1).sum(axis=1) > 1  # a photo is the same as itself
        return others

    @property
    def is_first_of_moment(self) -> np.ndarray:
        """Which photos (n,) bool are the first of their moment."""
        one_moment = (self.groups[:, None] == self.groups) & (self.relation == 0)
        first: np.ndarray = ~np.tril(one_moment, -1).any(axis=1)
        return first

    def select(self, rows: np.ndarray) -> "EncodedSupport":
        """Return the photos at these ascending positions, with the pairs whose photos are both among them."""
        return EncodedSupport(
            category=self.category,
            pixels=None if self.pixels is None else self.pixels[rows],
            pairs=pairs_within(self.pairs, rows),
            groups=self.groups[rows],
            relation=self.relation[np.ix_(rows, rows)],
            frozen=self.frozen[rows],
            latents=None if self.latents is None else self.latents[rows],
            seed=self.seed,
        )


def encode_support(
    embedder: "Embedder",
    table: PhotoTable,
    pairs: Support,
    *,
    category: str,
    identities: Sequence[str] | None,
    moments: np.ndarray | None = None,
    seed: int | None,
) -> EncodedSupport:
    """Return the support with its photos decoded and embedded.

    Args:
        embedder: What embeds the photos.
        table: Photos the pairs point into; the others are left alone.
        pairs: K of them.
        category: What they show.
        identities: Of the table's photos; None where the pairs alone say which photos show one individual.
        moments: Of the table's photos; None where each has its own.
        seed: Of the draw of pairs.

    Raises:
        DataError: Photos that cannot be used, or labels that contradict each other.
    """
    rows = photos_of_pairs(pairs)
    photos, pairs = table.select(rows), pairs_within(pairs, rows)
    identities = None if identities is None else [identities[row] for row in rows]
    moments = None if moments is None else moments[rows]
    names = [str(name) for name in photos.frame["path"]]
    if identities is None:
        relate_pairs(pairs, names)  # before the photos are decoded
    _, pixels = embedder.pixels(photos)
    return encode_pixels(
        embedder, pixels, pairs, category=category, identities=identities, names=names, moments=moments, seed=seed
    )


def encode_pixels(
    embedder: TeachingModel,
    pixels: "NDArray[np.uint8] | Tensor",
    pairs: Support,
    *,
    category: str,
    identities: Sequence[str] | None,
    names: Sequence[str] | None = None,
    moments: np.ndarray | None = None,
    sides: np.ndarray | None = None,
    seed: int | None,
) -> EncodedSupport:
    """Return the support of n photos that are decoded already.

    Args:
        embedder: What embeds the photos.
        pixels: (n, 3, S, S) uint8.
        pairs: K of them, positions among the n photos.
        category: What they show.
        identities: Of the n photos; None where the pairs alone say which photos show one individual.
        names: Of the n photos, for messages; their positions where not given.
        moments: Of the n photos; None where each has its own.
        sides: Of the n photos, see `data.sides`; used with identities. None where all show one.
        seed: Of the draw of pairs.

    Raises:
        DataError: Labels that contradict each other.
    """
    if identities is None:
        groups, relation = relate_pairs(pairs, names or [str(position) for position in range(len(pixels))])
    else:
        groups, relation = relate_identities(identities, sides)
    if moments is not None:
        relation = without_one_moment(relation, moments)
    read = embedder.read_photos(pixels)
    return EncodedSupport(
        category=category,
        pixels=read.pixels,
        pairs=pairs,
        groups=groups,
        relation=relation,
        frozen=read.frozen,
        latents=read.latents,
        seed=seed,
    )


def without_one_moment(relation: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return relations (n, n) in which two photos of one identity and one moment (n,) are unknown: no evidence."""
    one_moment = (moments[:, None] == moments) & ~np.eye(len(moments), dtype=bool)
    masked: np.ndarray = np.where(one_moment & (relation == 1), 0, relation).astype(np.int8)
    return masked


def photos_of_pairs(pairs: Support) -> np.ndarray:
    """Return the indices of the photos in these pairs, ascending."""
    return np.unique(np.concatenate([pairs.left, pairs.right]))


def pairs_within(pairs: Support, rows: np.ndarray) -> Support:
    """Return the pairs whose photos are both at these ascending positions, as positions among them."""
    whole = np.isin(pairs.left, rows) & np.isin(pairs.right, rows)
    left, right = (np.searchsorted(rows, side[whole]) for side in (pairs.left, pairs.right))
    return Support(left, right, pairs.same[whole])


def sample_same_size(
    identities: Sequence[str], num_pairs: int, *, moments: np.ndarray | None = None, seed: int
) -> Support:
    """Return as many pairs as can be drawn, up to `num_pairs`, halving; of each moment one photo, where that gives any.

    Raises:
        DataError: Not even two.
    """
    if moments is not None and len(np.unique(moments)) < len(moments):
        rows = one_per_moment(moments, np.random.default_rng(derive_seed(seed, "moments")))
        try:
            pairs = sample_same_size([identities[row] for row in rows], num_pairs, seed=seed)
        except DataError:
            return sample_same_size(identities, num_pairs, seed=seed)
        return Support(rows[pairs.left], rows[pairs.right], pairs.same)
    while True:
        try:
            return sample_support(identities, num_pairs, seed=seed)
        except DataError:
            if num_pairs <= 2:
                raise
            num_pairs //= 2


def relate_identities(identities: Sequence[str], sides: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return groups (n,) and relations (n, n) where every photo's identity is known.

    Each side of an individual is a group of its own, and between two sides nothing is known.

    Args:
        identities: Of n photos.
        sides: Theirs (n,), see `data.sides`; None where all show one.
    """
    names = np.unique(np.array(identities, dtype=str), return_inverse=True)[1].astype(np.int64)
    if sides is None:
        return names, np.where(names[:, None] == names, 1, -1).astype(np.int8)
    groups = np.unique(np.stack([names, sides]), axis=1, return_inverse=True)[1].astype(np.int64)
    relation = np.where(groups[:, None] == groups, 1, -1).astype(np.int8)
    relation[of_two_sides(sides) | ((names[:, None] == names) & (relation < 0))] = 0
    return groups, relation


def relate_pairs(pairs: Support, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return groups (n,) and relations (n, n) that follow from labelled pairs alone.

    "Same" is transitive, so photos joined by same-pairs are one group. One different-pair between two groups makes
    all their photos different. All else is unknown.

    Args:
        pairs: Positions among n photos.
        names: Of the photos (n,), for messages.

    Raises:
        DataError: Pairs labelled different whose photos other pairs say are the same; all of them named.
    """
    groups = connected_groups(len(names), pairs.left[pairs.same], pairs.right[pairs.same])
    left, right = pairs.left[~pairs.same], pairs.right[~pairs.same]
    contradicted = np.flatnonzero(groups[left] == groups[right])
    if len(contradicted):
        listed = "; ".join(f"{names[left[k]]} and {names[right[k]]}" for k in contradicted[:20])
        raise DataError(
            f"labelled different, although other pairs make their photos the same individual: {listed}. "
            "Correct the labels"
        )
    num_groups = int(groups.max(initial=-1)) + 1
    between = np.zeros((num_groups, num_groups), dtype=np.int8)
    between[groups[left], groups[right]] = between[groups[right], groups[left]] = -1
    np.fill_diagonal(between, 1)
    return groups, between[np.ix_(groups, groups)]


def connected_groups(num_nodes: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the connected component (n,) of each node under the edges left-right, numbered by their first node."""
    leader = np.arange(num_nodes)
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        first, second = sorted((int(leader[a]), int(leader[b])))
        if first != second:
            leader[leader == second] = first
    return np.unique(leader, return_inverse=True)[1].astype(np.int64)
