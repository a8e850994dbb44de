"""Tasks in which one thing decides who is who: a factor or two of the world, or a mark of its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.data.procedural.marks import MARKS, render_marked
from vicp.data.procedural.render import render
from vicp.data.procedural.world import FACTORS, NUM_VALUES, Split, sample_silhouettes, sample_values
from vicp.data.seeds import derive_seed, generator

KINDS = ("emblem", "pattern", "emblem+place", *MARKS)
PHOTOS = 6  # of an individual


@dataclass(frozen=True, eq=False)
class Tasks:
    """Categories of eight individuals each, all told apart by the same thing.

    Attributes:
        pixels: (T, 8 * PHOTOS, 3, S, S) uint8, a silhouette per task.
        identities: (T, 8 * PHOTOS) in 0..7, which mean the same in every task.
    """

    pixels: Tensor
    identities: Tensor


def make_tasks(kind: str, num: int, *, size: int, split: Split, seed: int, photos: str | None = None) -> Tasks:
    """Return tasks of a kind on silhouettes of a split.

    Args:
        kind: One of `KINDS`.
        num: T.
        size: Of a photo in pixels.
        split: Of the silhouettes.
        seed: Of everything.
        photos: Names other photos of the same objects.
    """
    silhouettes = sample_silhouettes(num, seed=derive_seed(seed, "silhouettes", kind), split=split)
    draw = generator(seed, "tasks", kind, split, *([] if photos is None else [photos]))
    identities = torch.arange(NUM_VALUES).repeat_interleave(PHOTOS)
    drawn = [_photos(kind, identities, silhouette, size, draw) for silhouette in silhouettes]
    return Tasks(torch.stack(drawn), identities.expand(num, -1))


def _photos(kind: str, identities: Tensor, silhouette: Tensor, size: int, draw: torch.Generator) -> Tensor:
    shapes, values = silhouette.expand(len(identities), -1), sample_values(len(identities), generator=draw)
    if kind in MARKS:
        return render_marked(kind, identities, values, shapes, size=size, generator=draw)
    first, *second = (FACTORS.index(name) for name in kind.split("+"))
    shared = NUM_VALUES // 2 if second else NUM_VALUES  # of two factors, one alone does not tell two individuals apart
    values[:, first] = identities % shared
    values[:, second] = identities[:, None] // shared
    return render(values, shapes, size=size, generator=draw)
