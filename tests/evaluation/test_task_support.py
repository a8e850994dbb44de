import numpy as np
import pytest
import torch

from vicp.data.support import Support
from vicp.data.tasks import Task, make_task, plan_tasks
from vicp.errors import DataError
from vicp.evaluation.tasks.support import by_another_rule, draw_task_support, relation_of, repaired


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
    from_pairs, from_identities = (relation_of(support, told=told) for told in (False, True))
    known = from_pairs != 0
    assert known.mean() < 0.2
    assert (from_identities != 0).all()
    assert (from_pairs[known] == from_identities[known]).all()


def test_repaired_pairs_keep_photos_and_labels(task: Task) -> None:
    support = draw_task_support(task, 16)
    dealt = repaired(support.pairs, 0)
    assert dealt.left.tolist() == support.pairs.left.tolist()
    assert dealt.same.tolist() == support.pairs.same.tolist()
    assert sorted(dealt.right) == sorted(support.pairs.right)
    names = np.array(support.identities)
    fits = (names[dealt.left] == names[dealt.right]) == dealt.same
    assert fits[dealt.same].mean() < 0.3, "labels no longer fit"
    with pytest.raises(DataError, match="too few photos"):
        repaired(Support(np.array([0, 0]), np.array([1, 1]), np.array([True, False])), 0)


def test_another_rule_says_otherwise_of_the_same_photos(task: Task) -> None:
    support = draw_task_support(task, 16)
    rule, pairs = by_another_rule(support)
    assert rule.factors != task.plan.rule.factors
    assert len(rule.factors) == 2
    assert (len(pairs), int(pairs.same.sum())) == (16, 8)
    assert max(pairs.left.max(), pairs.right.max()) < len(support.pixels)
    codes = rule.identities(support.values).numpy()
    assert ((codes[pairs.left] == codes[pairs.right]) == pairs.same).all()
    own = np.array(support.identities)
    assert ((own[pairs.left] == own[pairs.right]) != pairs.same).mean() > 0.3, "labels differ from the own rule's"
