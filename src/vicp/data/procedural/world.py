"""A procedural photo world: categories of objects, and rules that say what makes one of them an individual.

An object wears six factors of eight values each. A category is a silhouette and a rule: the factors that are
the identity, the others changing freely from photo to photo. So two photos are the same individual under one
rule and different ones under another, and only the support says which rule holds.
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
    "draw_objects",
    "encode_png",
    "sample_silhouettes",
    "sample_values",
    "split_rules",
    "world_episode",
    "world_photos",
]

FACTORS: tuple[str, ...] = ("body", "pattern", "pattern_colour", "border", "emblem", "place")
NUM_VALUES = 8
RULE_SEED = 0  # the division of the rules that `world_photos` uses, and that training should use


@dataclass(frozen=True)
class Rule:
    """The factors that make the identity of an object."""

    factors: tuple[int, ...]
    """Sorted indices into `FACTORS`."""

    def __post_init__(self) -> None:
        if not self.factors or list(self.factors) != sorted(set(self.factors) & set(range(len(FACTORS)))):
            raise ValueError(f"factors must be sorted, distinct and in 0..{len(FACTORS) - 1}, got {self.factors}")

    @property
    def name(self) -> str:
        """The factors' names, for example "body+emblem"."""
        return "+".join(FACTORS[f] for f in self.factors)

    @property
    def num_identities(self) -> int:
        """How many individuals the rule tells apart."""
        return int(NUM_VALUES ** len(self.factors))

    def identities(self, values: Tensor) -> Tensor:
        """Identity codes (B,) of factor values (B, 6): the rule's factors as digits, the first highest."""
        codes = torch.zeros(len(values), dtype=torch.int64)
        for factor in self.factors:
            codes = codes * NUM_VALUES + values[:, factor]
        return codes

    def digits(self, codes: Tensor) -> Tensor:
        """Values (B, num factors of the rule) of identity codes (B,): the inverse of `identities`."""
        powers = torch.tensor([NUM_VALUES**p for p in reversed(range(len(self.factors)))])
        return codes[:, None] // powers % NUM_VALUES


def all_rules(sizes: Sequence[int] = (1, 2, 3)) -> tuple[Rule, ...]:
    """Every rule of so many factors, small ones first."""
    return tuple(Rule(f) for size in sizes for f in itertools.combinations(range(len(FACTORS)), size))


def split_rules(seed: int, unseen_share: float = 0.25) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Rules for training and rules kept from it, the latter the same share of the pairs and of the triples.

    Args:
        seed: decides which.
        unseen_share: share of the pairs and triples to keep from training. Single factors are always seen.

    Returns:
        Seen and unseen rules.
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
    """Factor values (num, 6), int64, uniform in 0..7."""
    return torch.randint(NUM_VALUES, (num, len(FACTORS)), generator=generator)


def draw_objects(num: int, silhouettes: Tensor, *, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Photos (num, 3, size, size) uint8 of objects of these silhouettes (n, S), and their factor values (num, 6)."""
    values = sample_values(num, generator=generator)
    shapes = silhouettes[torch.randint(len(silhouettes), (num,), generator=generator)]
    return render(values, shapes, size=size, generator=generator), values


def world_episode(
    silhouette: Tensor, rule: Rule, *, num_identities: int, photos_per_identity: int, size: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Photos of distinct individuals of one category; factors outside the rule are drawn anew for each photo.

    Args:
        silhouette: outline parameters (S,).
        rule: what makes an identity.
        num_identities: how many individuals.
        photos_per_identity: photos of each, in consecutive rows.
        size: height and width in pixels.
        seed: decides individuals and photos.

    Returns:
        Images (B, 3, size, size), uint8, values (B, 6) and identity codes (B,).

    Raises:
        ValueError: more individuals than the rule can tell apart.
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
    """The photo table of a small world: encoded photos of the individuals of a few categories.

    Args:
        num_categories: how many silhouettes, each with a rule.
        num_identities: individuals of each category.
        photos_per_identity: photos of each individual.
        size: height and width in pixels.
        seed: decides everything but the division of the rules (`RULE_SEED`).
        split: of the silhouettes. Rules are unseen ones for "unseen", seen ones otherwise, and always of two
            or three factors and with at least `num_identities` identities.

    Returns:
        Columns `path`, `image` (PNG), `category`, `identity`, `rule`, and a column per factor.

    Raises:
        ValueError: more individuals than any rule can tell apart.
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
    """The rows of one category."""
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
    """An image (3, S, S) uint8 as a PNG."""
    return encode_image(Image.fromarray(image.permute(1, 2, 0).numpy()), "PNG")
