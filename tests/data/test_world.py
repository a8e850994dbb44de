"""The procedural world: seeds, rules, silhouettes, photos and the table made of them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vicp.data.procedural.nuisance import sample_nuisance
from vicp.data.procedural.objects import EMBLEMS, NOUNS, PATTERNS, radius_at, trace
from vicp.data.procedural.render import BODY, PATTERN, body_grid, render
from vicp.data.procedural.world import (
    FACTORS,
    NUM_VALUES,
    Rule,
    all_rules,
    sample_silhouettes,
    sample_values,
    split_rules,
    world_episode,
    world_photos,
)
from vicp.data.seeds import derive_seed, generator

SIZE = 48


def scene(size: int, num: int, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Silhouettes, and share of the radius and height in the body (B, H, W) of the seed's pixels."""
    silhouettes = sample_silhouettes(num, seed=1, split="seen")
    silhouettes[:, 4] = 0  # straight bodies, so that the frame is the plain one
    x, y = body_grid(sample_nuisance(num, generator(seed)).pose, size)
    outline = trace(x, y, silhouettes)
    return silhouettes, outline.reach / outline.radius, y


def test_seeds_depend_on_every_part_its_type_and_order():
    seeds = [derive_seed(0), derive_seed(1), derive_seed("0"), derive_seed(0, "a"), derive_seed("a", 0)]
    assert len(set(seeds)) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "a") == derive_seed(0, "a")
    assert torch.equal(torch.rand(4, generator=generator(5)), torch.rand(4, generator=generator(5)))


def test_identities_by_hand():
    values = torch.tensor([[1, 2, 3, 4, 5, 6], [7, 0, 0, 0, 0, 1]])
    assert Rule((0,)).identities(values).tolist() == [1, 7]
    assert Rule((0, 5)).identities(values).tolist() == [1 * 8 + 6, 7 * 8 + 1]
    assert Rule((1, 2, 4)).identities(values).tolist() == [2 * 64 + 3 * 8 + 5, 0]
    assert Rule((0, 4)).name == "body+emblem"
    assert Rule((1, 2, 4)).digits(torch.tensor([2 * 64 + 3 * 8 + 5])).tolist() == [[2, 3, 5]]


def test_same_photos_are_one_individual_under_one_rule_and_two_under_another():
    values = torch.tensor([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 0, 6]])
    first, second = Rule((0, 1)).identities(values)
    assert first == second
    first, second = Rule((0, 4)).identities(values)
    assert first != second


@pytest.mark.parametrize("factors", [(), (1, 0), (0, 0), (6,), (-1,)])
def test_a_rule_refuses_wrong_factors(factors):
    with pytest.raises(ValueError, match="factors must be"):
        Rule(factors)


def test_rules_and_their_division():
    assert [len(r.factors) for r in all_rules()] == [1] * 6 + [2] * 15 + [3] * 20
    assert len({r.name for r in all_rules()}) == 41
    seen, unseen = split_rules(0)
    assert set(seen) | set(unseen) == set(all_rules())
    assert not set(seen) & set(unseen)
    assert [len(r.factors) for r in unseen] == [2] * 4 + [3] * 5
    assert {f for r in seen for f in r.factors} == set(range(6))
    assert split_rules(0) == (seen, unseen)
    assert split_rules(1) != (seen, unseen)


def test_silhouettes_of_the_splits_are_disjoint_combinations():
    drawn = {split: sample_silhouettes(300, seed=0, split=split) for split in ("seen", "unseen", "choice")}
    kinds = {split: {tuple(s) for s in drawn[split][:, :2].tolist()} for split in drawn}
    assert [len(kinds[split]) for split in ("seen", "unseen", "choice")] == [24, 8, 8]
    assert len(kinds["seen"] | kinds["unseen"] | kinds["choice"]) == 8 * len(NOUNS)
    assert torch.equal(drawn["seen"], sample_silhouettes(300, seed=0, split="seen"))
    assert not torch.equal(drawn["seen"], sample_silhouettes(300, seed=1, split="seen"))
    assert len(drawn["unseen"].unique(dim=0)) == 300


def test_radius_is_the_sum_of_harmonics_and_stays_near_the_unit_disc():
    silhouettes = sample_silhouettes(50, seed=0, split="choice")
    theta = torch.linspace(0, torch.pi, 40).expand(50, 40)
    harmonics = silhouettes[:, 5:]
    expected = (harmonics[:, :, None] * torch.cos(torch.arange(harmonics.shape[1])[:, None] * theta[:, None])).sum(1)
    torch.testing.assert_close(radius_at(theta.cos(), silhouettes), expected, atol=1e-4, rtol=0)
    assert expected.min() > 0.35
    assert expected.max() < 1.12


def test_photos_repeat_with_their_seed_alone():
    silhouette, rule = sample_silhouettes(1, seed=0, split="seen")[0], Rule((0, 4))
    images, again, other = (
        world_episode(silhouette, rule, num_identities=3, photos_per_identity=2, size=SIZE, seed=seed)
        for seed in (7, 7, 8)
    )
    assert images[0].shape == (6, 3, SIZE, SIZE)
    assert images[0].dtype == torch.uint8
    assert all(torch.equal(one, two) for one, two in zip(images, again, strict=True))
    assert not torch.equal(images[0], other[0])
    assert not torch.equal(images[1], other[1])


def test_two_photos_of_the_same_values_differ():
    silhouettes = sample_silhouettes(1, seed=0, split="seen").expand(2, -1)
    first, second = render(torch.zeros(2, 6, dtype=torch.int64), silhouettes, size=SIZE, generator=generator(0))
    assert (first.float() - second.float()).abs().mean() > 10


@pytest.mark.parametrize("factor", range(6), ids=FACTORS)
def test_a_factor_changes_the_object_and_nothing_else(factor):
    silhouettes, share, _ = scene(64, 6)
    photos = []
    for value in range(NUM_VALUES):
        values = torch.tensor([4, 2, 0, 0, 2, 1]).repeat(6, 1)
        values[:, factor] = value
        photos.append(render(values, silhouettes, size=64, generator=generator(3)).float())
    outside = (share > 1.15)[:, None].expand(-1, 3, -1, -1)
    inside = (share < 0.95).sum((1, 2))
    assert outside.float().mean() > 0.2
    for one in range(NUM_VALUES):
        for two in range(one):
            change = (photos[one] - photos[two]).abs()
            assert change[outside].max() == 0
            seen = (change.amax(1) > 40).sum((1, 2)) / inside  # share of the body that clearly changed
            assert seen.median() > 0.012, (FACTORS[factor], one, two, seen)


@pytest.mark.parametrize(("factor", "palette", "above"), [(0, BODY, True), (2, PATTERN, False)])
def test_colours_can_be_read_from_the_dip(factor, palette, above):
    num = 64
    silhouettes, share, y = scene(SIZE, num)
    values = sample_values(num, generator=generator(11))
    values[:, 1], values[:, 5] = 0, 2 if above else 1  # the lower half dipped, the emblem in the other half
    photos = render(values, silhouettes, size=SIZE, generator=generator(3)).float() / 255
    region = (share < 0.6) & (y > 0.1 if above else y < -0.25)
    colour = torch.stack([photo[:, where].median(1).values for photo, where in zip(photos, region, strict=True)])
    guess = torch.cdist(colour, palette).argmin(1)
    assert (guess == values[:, factor]).float().mean() > 0.75


@pytest.mark.parametrize("fields", [PATTERNS, EMBLEMS], ids=["patterns", "emblems"])
def test_patterns_and_emblems_are_eight_different_fields(fields):
    axis = torch.linspace(-1, 1, 64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    masks = torch.stack([field(x[None], y[None])[0] > 0 for field in fields]).flatten(1).float()
    assert len(fields) == NUM_VALUES
    assert masks.mean(1).min() > 0.1
    assert masks.mean(1).max() < 0.9
    differing = (masks[:, None] != masks[None]).float().mean(2) + torch.eye(NUM_VALUES)
    assert differing.min() > 0.05


def test_render_refuses_rows_that_do_not_match():
    with pytest.raises(ValueError, match=r"values must be \(2, 6\)"):
        render(torch.zeros(3, 6, dtype=torch.int64), torch.zeros(2, 23), size=SIZE, generator=generator(0))


def test_an_episode_has_its_counts_and_keeps_its_rule():
    silhouette, rule = sample_silhouettes(1, seed=0, split="unseen")[0], Rule((0, 4))
    images, values, identities = world_episode(
        silhouette, rule, num_identities=10, photos_per_identity=5, size=SIZE, seed=0
    )
    assert images.shape == (50, 3, SIZE, SIZE)
    assert torch.equal(rule.identities(values), identities)
    assert torch.equal(identities.view(10, 5), identities[::5, None].expand(10, 5))
    assert len(identities.unique()) == 10
    for factor in (1, 2, 3, 5):
        assert (values[:, factor].view(10, 5).amax(1) > values[:, factor].view(10, 5).amin(1)).any()
    assert values.min() == 0
    assert values.max() == NUM_VALUES - 1


def test_an_episode_refuses_more_identities_than_the_rule_has():
    silhouette = sample_silhouettes(1, seed=0, split="seen")[0]
    with pytest.raises(ValueError, match="rule border has 8 identities, got num_identities=9"):
        world_episode(silhouette, Rule((3,)), num_identities=9, photos_per_identity=1, size=SIZE, seed=0)
    *_, identities = world_episode(silhouette, Rule((3,)), num_identities=8, photos_per_identity=1, size=SIZE, seed=0)
    assert sorted(identities.tolist()) == list(range(8))


def test_world_photos_is_a_photo_table():
    table = world_photos(num_categories=2, num_identities=4, photos_per_identity=3, size=SIZE, seed=1)
    assert list(table.columns) == ["path", "image", "category", "identity", "rule", *FACTORS]
    assert len(table) == 24
    assert table["path"].is_unique
    assert table["path"].str.fullmatch(r"[a-z]+-\d/\d{4}/\d{2}\.png").all()
    assert table["category"].nunique() == 2
    assert (table.groupby(["category", "identity"]).size() == 3).all()
    unseen = {rule.name: rule for rule in split_rules(0)[1]}
    for (category, rule), rows in table.groupby(["category", "rule"]):
        assert category.endswith(f" · {rule}")
        codes = unseen[rule].identities(torch.from_numpy(rows[list(FACTORS)].to_numpy()))
        assert rows["identity"].tolist() == [f"{code:04d}" for code in codes.tolist()]
    pixels = np.asarray(Image.open(io.BytesIO(table["image"][0])))
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.std() > 10
    again = world_photos(num_categories=2, num_identities=4, photos_per_identity=3, size=SIZE, seed=1)
    assert table["image"].tolist() == again["image"].tolist()


def test_world_photos_takes_seen_rules_outside_the_unseen_split_and_refuses_too_many():
    table = world_photos(num_categories=3, num_identities=3, photos_per_identity=1, size=24, split="choice")
    assert set(table["rule"]) <= {rule.name for rule in split_rules(0)[0]}
    with pytest.raises(ValueError, match="no rule has 513 identities"):
        world_photos(num_identities=513)
