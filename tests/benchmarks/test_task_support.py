import numpy as np
import pytest
import torch

from benchmarks.lib.task_support import by_another_rule, draw_task_support, relation_of
from benchmarks.lib.tasks import Task, make_task, plan_tasks


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(plan_tasks("A", 2)[1], size=8)  # two factors, 500 photos


def test_the_support_is_the_tasks_pairs_with_their_photos(task: Task) -> None:
    support, drawn = draw_task_support(task, 16), task.pairs(16)
    assert torch.equal(support.pixels[support.pairs.left], task.pool.images[drawn.left])
    assert torch.equal(support.pixels[support.pairs.right], task.pool.images[drawn.right])
    assert support.pairs.same.tolist() == drawn.same.tolist()
    names = np.array(support.identities)
    assert ((names[support.pairs.left] == names[support.pairs.right]) == support.pairs.same).all()
    looked_up = {str(code) for code in task.identities[task.test].tolist()}
    assert not looked_up & set(support.identities)


def test_identities_tell_more_than_pairs(task: Task) -> None:
    support = draw_task_support(task, 16)
    from_pairs, from_identities = (
        relation_of(support, with_identities=with_identities) for with_identities in (False, True)
    )
    known = from_pairs != 0
    assert known.mean() < 0.2
    assert (from_identities != 0).all()
    assert (from_pairs[known] == from_identities[known]).all()


def test_another_rule_says_otherwise_of_the_same_photos(task: Task) -> None:
    support = draw_task_support(task, 16)
    name, pairs = by_another_rule(support)
    rule = next(rule for rule in support.other_rules if rule.name == name)
    assert rule.factors != task.plan.rule.factors
    assert len(rule.factors) == 2
    assert (len(pairs), int(pairs.same.sum())) == (16, 8)
    assert max(pairs.left.max(), pairs.right.max()) < len(support.pixels)
    codes = rule.identities(support.values).numpy()
    assert ((codes[pairs.left] == codes[pairs.right]) == pairs.same).all()
    own = np.array(support.identities)
    assert ((own[pairs.left] == own[pairs.right]) != pairs.same).mean() > 0.3, "labels differ from the own rule's"
