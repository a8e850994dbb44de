import pytest
import torch

from benchmarks.lib.tasks import MAX_IDENTITIES, MAX_PHOTOS, Test, make_task, plan_tasks
from vicp.data.procedural.objects import REGIONS
from vicp.data.procedural.world import RULE_SEED, split_rules

TESTS: tuple[Test, ...] = ("A", "B", "choice")


def region(silhouette: torch.Tensor) -> int:
    lobes, accent = silhouette[:2].int().tolist()
    return (lobes + 2 * accent) % 5


def test_rules_and_silhouettes_are_those_of_the_test() -> None:
    seen, unseen = split_rules(RULE_SEED)
    plans = {test: plan_tasks(test, 24) for test in TESTS}
    assert all(plan.rule in seen for plan in [*plans["A"], *plans["choice"]])
    assert all(plan.rule in unseen for plan in plans["B"])
    assert {region(plan.silhouette) for plan in [*plans["A"], *plans["B"]]} == {*REGIONS["unseen"]}
    assert {region(plan.silhouette) for plan in plans["choice"]} == {*REGIONS["choice"]}
    sizes = {test: [len(plan.rule.factors) for plan in plans[test]] for test in TESTS}
    assert [sizes["A"].count(size) for size in (1, 2, 3)] == [8, 8, 8]
    assert [sizes["B"].count(size) for size in (1, 2, 3)] == [0, 12, 12]
    assert len({plan.seed for own in plans.values() for plan in own}) == 72


def test_fewer_tasks_are_the_first_of_more() -> None:
    few, many = plan_tasks("B", 3), plan_tasks("B", 7)
    assert [plan.name for plan in few] == ["B-00", "B-01", "B-02"]
    assert all(a.rule == b.rule and torch.equal(a.silhouette, b.silhouette) for a, b in zip(few, many, strict=False))
    first, again = (make_task(plan, size=24) for plan in (few[1], many[1]))
    assert torch.equal(first.pool.images, again.pool.images)
    assert torch.equal(first.test, again.test)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nobody_taught_is_looked_up_and_there_is_enough(number: int) -> None:
    task = make_task(plan_tasks("A", 3)[number], size=8)
    taught, asked = (set(task.identities[rows].tolist()) for rows in (task.support, task.test))
    assert not taught & asked
    assert len(taught) >= 4
    assert len(asked) == (4 if number == 0 else MAX_IDENTITIES)
    counts = torch.unique(task.identities[task.test], return_counts=True)[1]
    assert counts.min() >= 2
    assert counts.max() <= MAX_PHOTOS
    assert len(task.test) >= (32 if number == 0 else 100)
    for num_pairs in (4, 16, 64):
        pairs = task.pairs(num_pairs)
        assert int(pairs.same.sum()) == num_pairs // 2
        assert set(torch.cat([pairs.left, pairs.right]).tolist()) <= set(task.support.tolist())
        assert torch.equal(pairs.same, task.identities[pairs.left] == task.identities[pairs.right])
        assert (pairs.left != pairs.right).all()


def test_other_rules_have_the_size_of_the_own_and_share_little() -> None:
    task = make_task(plan_tasks("A", 3)[2], size=8)
    rules = task.other_rules()
    assert len(rules) == 19
    assert task.plan.rule not in rules
    shared = [len({*rule.factors} & {*task.plan.rule.factors}) for rule in rules]
    assert shared == sorted(shared)
    assert shared[0] == 0


def test_more_photos_are_others_of_the_same_individuals() -> None:
    task = make_task(plan_tasks("A", 1, num_photos=80)[0], size=16)
    images, identities = task.more_photos(100)
    assert images.shape == (100, 3, 16, 16)
    assert set(identities.tolist()) == set(task.identities.tolist())
    difference = (images[:, None].int() - task.pool.images[None].int()).abs().amax(dim=(2, 3, 4))
    assert difference.min() > 0, "no photo stands in both"
