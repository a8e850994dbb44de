import torch

from benchmarks.when_prompts_pay.oracles import mean_average_precision, oracle_map
from benchmarks.when_prompts_pay.tasks import KINDS, PHOTOS, make_tasks


def test_a_task_shows_eight_individuals_and_depends_on_the_seed_alone() -> None:
    for kind in KINDS:
        first, again = (make_tasks(kind, 1, size=24, split="seen", seed=1) for _ in range(2))
        assert first.pixels.shape == (1, 8 * PHOTOS, 3, 24, 24)
        assert torch.equal(first.pixels, again.pixels)
        assert first.identities[0].bincount().tolist() == [PHOTOS] * 8


def test_map_is_100_where_individuals_are_apart_and_low_where_they_are_not() -> None:
    identities = torch.arange(8).repeat_interleave(PHOTOS)[None]
    apart = torch.nn.functional.one_hot(identities).float()
    assert mean_average_precision(apart, identities).tolist() == [100.0]
    assert mean_average_precision(torch.ones_like(apart), identities)[0] < 20


def test_the_oracle_map_turns_away_from_what_does_not_matter() -> None:
    draw = torch.Generator().manual_seed(0)
    identities = torch.arange(8).repeat_interleave(PHOTOS).expand(6, -1)
    signal = torch.nn.functional.one_hot(identities).float()
    found = torch.cat([signal, 3 * torch.randn(*identities.shape, 8, generator=draw)], dim=-1)
    before = mean_average_precision(found, identities).mean()
    best = oracle_map(found[:4], identities[:4], seed=0, steps=200)
    after = mean_average_precision(best.of(found[4:]), identities[4:]).mean()
    assert before < 40
    assert after > 90
