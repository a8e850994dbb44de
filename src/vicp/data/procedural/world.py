"""A procedural photo world: categories of objects, and rules that say what makes one of them an individual.

An object has six factors of eight values each. A category is a silhouette and a rule: the factors that define the
identity, while the others change freely from photo to photo. So two photos show the same individual under one rule and
different ones under another, and only the support tells which rule holds.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from vicp.data.procedural.objects import NOUNS, Split, sample_silhouettes
from vicp.data.procedural.render import render
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.seeds import generator as named_generator
from vicp.io import encode_image

__all__ = [
    "FACTORS",
    "NUM_VALUES",
    "RULE_SEED",
    "Rule",
    "Split",
    "all_rules",
    "encode_png",
    "sample_objects",
    "sample_silhouettes",
    "sample_values",
    "split_rules",
    "world_episode",
    "world_photos",
]

FACTORS: tuple[str, ...] = ("body", "pattern", "pattern_colour", "border", "emblem", "place")
NUM_VALUES = 8
RULE_SEED = 0  # of the split of the rules that `world_photos` uses, and that training should use


@dataclass(frozen=True)
class Rule:
    """The factors that define the identity of an object."""

    factors: tuple[int, ...]
    """Sorted indices into `FACTORS`."""

    def __post_init__(self) -> None:
        if not self.factors or list(self.factors) != sorted(set(self.factors) & set(range(len(FACTORS)))):
            raise ValueError(f"factors must be sorted, distinct and in 0..{len(FACTORS) - 1}, got {self.factors}")

    @property
    def name(self) -> str:
        """Return the names of the factors, for example "body+emblem"."""
        return "+".join(FACTORS[f] for f in self.factors)

    @property
    def num_identities(self) -> int:
        """Return the number of individuals that the rule tells apart."""
        return int(NUM_VALUES ** len(self.factors))

    def identities(self, values: Tensor) -> Tensor:
        """Return identity codes (B,) of factor values (B, 6): the rule's factors as digits, the first highest."""
        codes = torch.zeros(len(values), dtype=torch.int64)
        for factor in self.factors:
            codes = codes * NUM_VALUES + values[:, factor]
        return codes

    def digits(self, codes: Tensor) -> Tensor:
        """Return values (B, num factors of the rule) of identity codes (B,): the inverse of `identities`."""
        powers = torch.tensor([NUM_VALUES**p for p in reversed(range(len(self.factors)))])
        return codes[:, None] // powers % NUM_VALUES


def all_rules(sizes: Sequence[int] = (1, 2, 3)) -> tuple[Rule, ...]:
    """Return every rule of these numbers of factors, small ones first."""
    return tuple(Rule(f) for size in sizes for f in itertools.combinations(range(len(FACTORS)), size))


def split_rules(seed: int, unseen_share: float = 0.25) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return seen rules, for training, and unseen ones: the same share of the rules of two and of three factors.

    Args:
        seed: Seed of the random choice.
        unseen_share: Share of the rules of two and three factors that are unseen. Single factors are always seen.
    """
    rng = named_generator(seed, "rules")
    unseen: set[Rule] = set()
    for size in (2, 3):
        rules = all_rules((size,))
        order = torch.randperm(len(rules), generator=rng)
        unseen.update(rules[i] for i in order[: round(unseen_share * len(rules))].tolist())
    seen = tuple(rule for rule in all_rules() if rule not in unseen)
    return seen, tuple(rule for rule in all_rules() if rule in unseen)


def sample_values(num: int, *, generator: torch.Generator) -> Tensor:
    """Return factor values (num, 6), int64, uniform in 0..7."""
    return torch.randint(NUM_VALUES, (num, len(FACTORS)), generator=generator)


def sample_objects(num: int, silhouettes: Tensor, *, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return photos (num, 3, size, size) uint8 of objects of these silhouettes (n, S), and factor values (num, 6)."""
    values = sample_values(num, generator=generator)
    shapes = silhouettes[torch.randint(len(silhouettes), (num,), generator=generator)]
    return render(values, shapes, size=size, generator=generator), values


def world_episode(
    silhouette: Tensor, rule: Rule, *, num_identities: int, photos_per_identity: int, size: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return photos of distinct individuals of one category; factors outside the rule are random in each photo.

    Args:
        silhouette: Outline parameters (S,).
        rule: What defines an identity.
        num_identities: Number of individuals.
        photos_per_identity: Photos of each, in consecutive rows.
        size: Height and width in pixels.
        seed: Seed of individuals and photos.

    Returns:
        Images (B, 3, size, size), uint8, values (B, 6) and identity codes (B,).

    Raises:
        ValueError: More individuals than the rule can tell apart.
    """
    if num_identities > rule.num_identities:
        raise ValueError(
            f"rule {rule.name} has {rule.num_identities} identities, got num_identities={num_identities}: "
            "ask for fewer, or use a rule of more factors"
        )
    rng = named_generator(seed, "episode values")
    codes = torch.randperm(rule.num_identities, generator=rng)[:num_identities]
    codes = codes.repeat_interleave(photos_per_identity)  # (B,)
    values = sample_values(len(codes), generator=rng)
    values[:, list(rule.factors)] = rule.digits(codes)
    rng = named_generator(seed, "episode photos")
    return render(values, silhouette.expand(len(codes), -1), size=size, generator=rng), values, codes


def world_photos(
    *,
    num_categories: int = 4,
    num_identities: int = 24,
    photos_per_identity: int = 6,
    size: int = 128,
    seed: int = 0,
    split: Split = "unseen",
) -> pd.DataFrame:
    """Return the photo table of a small world: encoded photos of the individuals of a few categories.

    Args:
        num_categories: Number of silhouettes, each with a rule.
        num_identities: Individuals of each category.
        photos_per_identity: Photos of each individual.
        size: Height and width in pixels.
        seed: Seed of everything but the split of the rules (`RULE_SEED`).
        split: Of the silhouettes. Rules are unseen ones for "unseen", seen ones otherwise, and always of two
            or three factors and with at least `num_identities` identities.

    Returns:
        Columns `path`, `image` (PNG), `category`, `identity`, `rule`, and a column per factor.

    Raises:
        ValueError: More individuals than any rule can tell apart.
    """
    seen, unseen = split_rules(RULE_SEED)
    rules = [r for r in (unseen if split == "unseen" else seen) if len(r.factors) > 1]
    rules = [r for r in rules if r.num_identities >= num_identities]
    if not rules:
        raise ValueError(f"no rule has {num_identities} identities, the most is {NUM_VALUES**3}: ask for fewer")
    order = torch.randperm(len(rules), generator=named_generator(seed, "photo rules", split)).tolist()
    silhouettes = sample_silhouettes(num_categories, seed=seed, split=split)
    tables = []
    for index, silhouette in enumerate(silhouettes):
        rule = rules[order[index % len(rules)]]
        images, values, identities = world_episode(
            silhouette,
            rule,
            num_identities=num_identities,
            photos_per_identity=photos_per_identity,
            size=size,
            seed=derive_seed(seed, "photos", split, index),
        )
        noun = f"{NOUNS[int(silhouette[1])]}-{index}"
        tables.append(_table(images, values, identities, noun, rule, photos_per_identity))
    return pd.concat(tables, ignore_index=True)


def _table(
    images: Tensor, values: Tensor, identities: Tensor, noun: str, rule: Rule, photos_per_identity: int
) -> pd.DataFrame:
    """Return the rows of one category."""
    names = [f"{code:04d}" for code in identities.tolist()]
    shots = [i % photos_per_identity for i in range(len(names))]
    table = pd.DataFrame(
        {
            "path": [f"{noun}/{name}/{shot:02d}.png" for name, shot in zip(names, shots, strict=True)],
            "image": [encode_png(image) for image in images],
            "category": f"{noun} · {rule.name}",
            "identity": names,
            "rule": rule.name,
        }
    )
    return table.assign(**{name: values[:, i].numpy() for i, name in enumerate(FACTORS)})


def encode_png(image: Tensor) -> bytes:
    """Return an image (3, S, S) uint8 as a PNG."""
    return encode_image(Image.fromarray(image.permute(1, 2, 0).numpy()), "PNG")


def world_table(*, num_categories: int, seed: int) -> PhotoTable:
    """Return photos to evaluate on, of silhouettes and rules that no training sees, with a column per factor."""
    frame = world_photos(num_categories=num_categories, seed=seed, split="unseen")
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1)), None)
