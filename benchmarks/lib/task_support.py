"""What a method is given of a task: K labelled pairs and their photos, and the false contexts made of them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib.tasks import Task
from vicp.adapt.controls import pairs_by_another_rule
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, encode_pixels, relate_identities, relate_pairs
from vicp.data.episodes.rules import Pairs
from vicp.data.procedural.world import Rule
from vicp.data.seeds import derive_seed
from vicp.data.support.support import Support
from vicp.errors import DataError


@dataclass(frozen=True, eq=False)
class TaskSupport:
    """K pairs of a task and the photos in them.

    Attributes:
        category: the task's name.
        pixels: (n, 3, S, S) uint8.
        values: factor values of these photos (n, 6).
        pairs: positions among the n photos.
        identities: of the n photos, for methods that know them.
        other_rules: that could have been laid over the same photos, see `Task.other_rules`.
        seed: of whatever is drawn anew of it.
    """

    category: str
    pixels: Tensor
    values: Tensor
    pairs: Support
    identities: tuple[str, ...]
    other_rules: tuple[Rule, ...]
    seed: int


def draw_task_support(task: Task, num_pairs: int) -> TaskSupport:
    """The K pairs of a task, with their photos."""
    drawn = task.pairs(num_pairs)
    rows = torch.unique(torch.cat([drawn.left, drawn.right]))
    return TaskSupport(
        category=task.plan.name,
        pixels=task.pool.images[rows],
        values=task.pool.values[rows],
        pairs=_as_support(drawn, rows),
        identities=tuple(str(code) for code in task.identities[rows].tolist()),
        other_rules=tuple(task.other_rules()),
        seed=derive_seed(task.plan.seed, "support", num_pairs),
    )


def by_another_rule(support: TaskSupport) -> tuple[str, Support]:
    """Pairs of the same photos labelled by another rule, see `pairs_by_another_rule`, and the name of that rule.

    Raises:
        DataError: no rule gives any.
    """
    identities = {
        rule.name: [str(code) for code in rule.identities(support.values).tolist()] for rule in support.other_rules
    }
    drawn = pairs_by_another_rule(identities, len(support.pairs), seed=support.seed)
    if drawn is None:
        raise DataError(f"the photos of {support.category} agree under no other rule")
    return drawn


def relation_of(support: TaskSupport, *, with_identities: bool) -> np.ndarray:
    """Return relations (n, n) of the photos: 1 same, -1 different, 0 unknown; from their identities or their pairs."""
    if with_identities:
        return relate_identities(support.identities)[1]
    return relate_pairs(support.pairs, [str(position) for position in range(len(support.pixels))])[1]


def see_task_support(embedder: Embedder, support: TaskSupport, *, with_identities: bool) -> EncodedSupport:
    """The support as adaptations want it; `with_identities` the identities of its photos, or its pairs alone."""
    return encode_pixels(
        embedder,
        support.pixels,
        support.pairs,
        category=support.category,
        identities=support.identities if with_identities else None,
        seed=support.seed,
    )


def _as_support(pairs: Pairs, rows: Tensor) -> Support:
    left, right = (torch.searchsorted(rows, side).numpy() for side in (pairs.left, pairs.right))
    return Support(left, right, pairs.same.numpy())
