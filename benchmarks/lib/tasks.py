"""Tasks that only labelled pairs can tell apart: a rule laid over photos of one silhouette whose factors all vary.

Test A has silhouettes that no training saw and rules that it may have seen, test B rules that none saw. The tasks of
"choice" have silhouettes of their own: whatever is chosen by trying is chosen there. Those of A and B were drawn anew
when the model was first settled: the ones before, of seed 5, had been looked at after each of nine checkpoints. Twice
something has been changed since, by the tasks of "choice" and by photo sets that do not count: how `auto` chooses,
because its rows on B were below those of tuned prompts, and how the evidence is trained, because on real photos labels
hardly mattered.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vicp.data.episodes.rules import Pairs, Pool, render_pool, sample_pairs
from vicp.data.procedural.render import render
from vicp.data.procedural.world import RULE_SEED, Rule, Split, all_rules, sample_silhouettes, split_rules
from vicp.data.seeds import derive_seed, generator

Test = Literal["A", "B", "choice"]
SEEDS: dict[Test, int] = {"A": 6, "B": 6, "choice": 5}
NUM_PHOTOS = 500
VALUES = {1: 8, 2: 6, 3: 4}  # kept of each factor, by size of the rule: enough identities, and photos of each
MAX_IDENTITIES, MAX_PHOTOS = 16, 8  # looked up; photos of each
HARD_SHARE = 0.5
_SPLITS: dict[Test, Split] = {"A": "unseen", "B": "unseen", "choice": "choice"}


@dataclass(frozen=True, eq=False)
class TaskPlan:
    """What a task is about, before anything is drawn.

    Attributes:
        test: which test it belongs to.
        number: among its tasks, from 0.
        rule: what makes an identity.
        silhouette: (S,).
        num_photos: of its pool.
    """

    test: Test
    number: int
    rule: Rule
    silhouette: Tensor
    num_photos: int = NUM_PHOTOS

    @property
    def name(self) -> str:
        """Such as "A-03"."""
        return f"{self.test}-{self.number:02d}"

    @property
    def seed(self) -> int:
        """Of everything in it."""
        return derive_seed(SEEDS[self.test], "task", self.test, self.number)


@dataclass(frozen=True, eq=False)
class Task:
    """A pool with a rule over it; no identity of the support is looked up.

    Attributes:
        plan: what it is about.
        pool: its photos.
        identities: of the pool's photos (n,).
        support: rows whose identities may be taught (m,).
        test: rows that are looked up among each other (t,), of at most 16 identities and 8 photos each.
    """

    plan: TaskPlan
    pool: Pool
    identities: Tensor
    support: Tensor
    test: Tensor

    def pairs(self, num_pairs: int) -> Pairs:
        """K labelled pairs of the support: half of them same, about half hard; rows of the pool."""
        draw = generator(self.plan.seed, "support", num_pairs)
        return sample_pairs(
            self.support, self.pool.values, self.identities, num_pairs, hard_share=HARD_SHARE, draw=draw
        )

    def other_rules(self) -> list[Rule]:
        """Rules of the same size, those that share the fewest factors with the task's own first, ties at random."""
        own = self.plan.rule
        rules = [rule for rule in all_rules((len(own.factors),)) if rule != own]
        order = torch.randperm(len(rules), generator=generator(self.plan.seed, "other rules")).tolist()
        return sorted((rules[i] for i in order), key=lambda rule: len({*rule.factors} & {*own.factors}))

    def more_photos(self, num: int) -> tuple[Tensor, Tensor]:
        """Other photos (num, 3, S, S) of the same silhouette and factor values, and their identities (num,)."""
        draw = generator(self.plan.seed, "more photos")
        rows = torch.randint(len(self.pool.values), (num, self.pool.values.shape[1]), generator=draw)
        values = self.pool.values.gather(0, rows)
        silhouettes, size = self.plan.silhouette.expand(num, -1), self.pool.images.shape[-1]
        return render(values, silhouettes, size=size, generator=draw), self.plan.rule.identities(values)


def plan_tasks(test: Test, num: int, *, num_photos: int = NUM_PHOTOS) -> list[TaskPlan]:
    """The first `num` tasks of a test, which depend on nothing else; sizes of rules take turns, and rules of a size.

    Args:
        test: which.
        num: how many.
        num_photos: of each pool; anything but the default makes other tasks.
    """
    seen, unseen = split_rules(RULE_SEED)
    rules = unseen if test == "B" else seen
    sizes = sorted({len(rule.factors) for rule in rules})
    turns = {}
    for size in sizes:
        of_size = [rule for rule in rules if len(rule.factors) == size]
        order = torch.randperm(len(of_size), generator=generator(SEEDS[test], "rules of tasks", test, size)).tolist()
        turns[size] = [of_size[i] for i in order]
    plans = []
    for number in range(num):
        own = turns[sizes[number % len(sizes)]]
        rule = own[number // len(sizes) % len(own)]
        silhouette = sample_silhouettes(1, seed=derive_seed(SEEDS[test], "tasks", test, number), split=_SPLITS[test])[0]
        plans.append(TaskPlan(test, number, rule, silhouette, num_photos))
    return plans


def make_task(plan: TaskPlan, *, size: int) -> Task:
    """The task with its photos, `size` pixels a side."""
    pool = render_pool(
        plan.silhouette,
        plan.num_photos,
        values_per_factor=VALUES[len(plan.rule.factors)],
        size=size,
        seed=derive_seed(plan.seed, "photos"),
    )
    identities = plan.rule.identities(pool.values)
    draw = generator(plan.seed, "halves")
    known = torch.unique(identities)
    known = known[torch.randperm(len(known), generator=draw)]
    taught, queried = known[: len(known) // 2], known[len(known) // 2 :]
    support = torch.isin(identities, taught).nonzero().squeeze(1)
    rows: list[Tensor] = []
    for identity in queried:
        own = (identities == identity).nonzero().squeeze(1)
        if len(own) > 1 and len(rows) < MAX_IDENTITIES:
            rows.append(own[torch.randperm(len(own), generator=draw)[:MAX_PHOTOS]])
    return Task(plan, pool, identities, support, torch.cat(rows))
