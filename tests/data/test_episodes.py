import pytest
import torch

from vicp.data.episodes.rules import Pool, render_pool, sample_episode, sample_pairs
from vicp.data.procedural.world import FACTORS, Rule, all_rules, sample_silhouettes
from vicp.data.seeds import generator


@pytest.fixture(scope="module")
def pool() -> Pool:
    silhouette = sample_silhouettes(1, seed=0, split="seen")[0]
    return render_pool(silhouette, 256, values_per_factor=3, size=16, seed=1)


def episode(pool: Pool, rules, seed: int = 0, num_pairs: int = 12, hard_share: float = 0.5, same_share: float = 0.5):
    return sample_episode(
        [pool],
        rules,
        num_pairs=num_pairs,
        num_identities=3,
        num_photos=12,
        num_queries=10,
        hard_share=hard_share,
        same_share=same_share,
        draw=generator(seed, "test"),
    )


def test_pool_keeps_a_few_values_of_each_factor(pool: Pool) -> None:
    assert [len(torch.unique(pool.values[:, f])) for f in range(len(FACTORS))] == [3] * 6
    assert pool.images.shape == (256, 3, 16, 16)


def test_amid_clutter_things_stand_at_the_corners_of_photos_with_the_same_values() -> None:
    silhouette = sample_silhouettes(1, seed=0, split="seen")[0]
    plain, cluttered = (
        render_pool(silhouette, 64, values_per_factor=3, size=48, seed=1, clutter=clutter) for clutter in (False, True)
    )
    assert torch.equal(plain.values, cluttered.values)

    def contrast(pool: Pool) -> float:
        return float(pool.images[:, :, :8, :8].float().flatten(2).std(dim=2).mean())

    assert contrast(cluttered) > 2 * contrast(plain)


def test_the_emblem_takes_all_of_its_values_where_they_are_asked_for() -> None:
    silhouette = sample_silhouettes(1, seed=0, split="seen")[0]
    pool = render_pool(silhouette, 256, values_per_factor=3, size=16, seed=1, clutter=True, all_emblems=True)
    assert [len(torch.unique(pool.values[:, f])) for f in range(len(FACTORS))] == [3, 3, 3, 3, 8, 3]


@pytest.mark.parametrize("seed", range(8))
def test_labels_follow_the_rule_and_identities_are_disjoint(pool: Pool, seed: int) -> None:
    drawn = episode(pool, all_rules(), seed)
    identities = drawn.rule.identities(pool.values)
    support = drawn.support
    assert torch.equal(support.same, identities[support.left] == identities[support.right])
    assert not (support.left == support.right).any()
    taught = torch.unique(identities[torch.cat([support.left, support.right])])
    assert not torch.isin(drawn.identities, taught).any()
    assert torch.equal(drawn.identities, identities[drawn.batch])
    assert len(torch.unique(drawn.batch)) == 12, "no photo twice"
    queries = drawn.queries
    assert torch.equal(queries.same, drawn.identities[queries.left] == drawn.identities[queries.right])


def test_balance_and_empty_context(pool: Pool) -> None:
    pairs_of_factors = [rule for rule in all_rules() if len(rule.factors) == 2]
    assert episode(pool, pairs_of_factors).support.same.sum() == 6
    assert len(episode(pool, pairs_of_factors, num_pairs=0).support.same) == 0


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)])
def test_share_of_same_pairs(pool: Pool, share: float, expected: int) -> None:
    pairs_of_factors = [rule for rule in all_rules() if len(rule.factors) == 2]
    drawn = episode(pool, pairs_of_factors, same_share=share)
    assert drawn.support.same.sum() == expected
    assert drawn.queries.same.sum() == 5, "held-out pairs stay balanced"


def test_hard_pairs_contradict_likeness(pool: Pool) -> None:
    rule = Rule((0, 3))
    identities = rule.identities(pool.values)

    def likeness(hard_share: float) -> tuple[float, float]:
        pairs = sample_pairs(
            torch.arange(256), pool.values, identities, 400, hard_share=hard_share, draw=generator(0, "pairs")
        )
        alike = (pool.values[pairs.left] == pool.values[pairs.right]).sum(dim=1).float()
        return alike[pairs.same].mean().item(), alike[~pairs.same].mean().item()

    (easy_same, easy_different), (hard_same, hard_different) = likeness(0.0), likeness(1.0)
    assert easy_same > easy_different
    assert hard_same < easy_same - 0.3
    assert hard_different > easy_different + 0.5
