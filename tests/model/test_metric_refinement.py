"""What the pairs themselves say of each direction: by hand, against whitening, and through a model."""

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.helpers.pair_embeddings import REFINED, pairs_of, random_pairs

from vicp.adapt.embedder import as_tensors
from vicp.adapt.methods.whitening import scatter_of_pairs
from vicp.errors import ConfigError
from vicp.model.additions.metric_refinement import MetricRefinement, PairEmbeddings, nuisance_directions
from vicp.model.build import TINY, build_model
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP
from vicp.model.visual_prompt import VisualPrompt

NOWHERE = torch.zeros(6)


def test_nuisance_is_what_same_pairs_differ_in():
    """One same-pair, 2 apart along x: s = D' = 3, so x keeps (1 / (3 + 1)) ^ (1 / 2) = 1/2 and A holds sqrt(1/2)."""
    left = torch.tensor([[2.0, 0, 0], [0, 5.0, 0]])
    found = nuisance_directions(pairs_of(left, torch.zeros(2, 3), [True, False]), torch.ones(1), torch.ones(1))[0]
    found = found[found.abs().sum(dim=1) > 0.1]
    torch.testing.assert_close(found.abs(), torch.tensor([[0.5**0.5, 0, 0]]), atol=1e-4, rtol=0)


def test_at_full_power_it_is_the_whitening_but_for_a_factor():
    pairs = random_pairs(8)
    nuisance = nuisance_directions(pairs, torch.tensor([0.3]), torch.ones(1))[0]
    left, right = pairs.left[0], pairs.right[0]
    metric = scatter_of_pairs(left, right, pairs.same[0]).whitening(0.3)
    photos = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    centred = photos - torch.from_numpy(metric.mean)
    ours = F.normalize(centred - (centred @ nuisance.T) @ nuisance, dim=1)
    torch.testing.assert_close(ours, torch.from_numpy(metric.apply(photos.numpy())), atol=1e-3, rtol=0)


def test_without_power_or_same_pairs_everything_is_kept():
    assert nuisance_directions(random_pairs(8), torch.tensor([0.3]), torch.zeros(1)).abs().max() < 1e-3
    different = dataclasses.replace(random_pairs(8), same=torch.zeros(1, 8, dtype=torch.bool))
    assert not nuisance_directions(different, torch.tensor([0.3]), torch.ones(1)).any()


def test_gradients_reach_every_weight_and_are_finite():
    refinement, pairs = MetricRefinement(6), random_pairs(9)
    for name, parameter in refinement.named_parameters():
        if name.startswith("overall.2"):  # starts at zero, which would hide what is before it
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    metric = refinement(torch.randn(1, 6), pairs, NOWHERE)
    assert metric.nuisance is not None
    assert metric.centre is not None
    (metric.gains.square().sum() + (torch.randn(9, 6) * metric.nuisance).sum() + metric.centre.sum()).backward()
    for name, parameter in refinement.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_every_direction_is_asked_alike_and_the_order_of_pairs_does_not_count():
    """Directions change places, and so do their gains."""
    torch.manual_seed(0)
    refinement, pairs = MetricRefinement(6), random_pairs(8)
    places, order = torch.tensor([3, 0, 5, 1, 2, 4]), torch.randperm(8)
    moved = PairEmbeddings(
        pairs.left_readouts[:, order],
        pairs.right_readouts[:, order],
        pairs.left[:, order][..., places],
        pairs.right[:, order][..., places],
        pairs.same[:, order],
    )
    emitted = torch.randn(1, 6)
    torch.testing.assert_close(
        refinement(emitted[:, places], moved, NOWHERE).gains, refinement(emitted, pairs, NOWHERE).gains[:, places]
    )


def test_contexts_of_a_batch_know_nothing_of_each_other():
    torch.manual_seed(0)
    refinement, one, other = MetricRefinement(6), random_pairs(8), random_pairs(8)
    other = dataclasses.replace(other, same=~other.same)
    both = PairEmbeddings(*(torch.cat([getattr(p, f.name) for p in (one, other)]) for f in dataclasses.fields(one)))
    together = refinement(torch.ones(2, 6), both, NOWHERE)
    for number, pairs in enumerate((one, other)):
        apart = refinement(torch.ones(1, 6), pairs, NOWHERE).of_context(0)
        torch.testing.assert_close(together.of_context(number).gains, apart.gains)
        torch.testing.assert_close(together.of_context(number).nuisance, apart.nuisance)
        torch.testing.assert_close(together.of_context(number).centre, apart.centre)


def test_the_centre_lies_between_all_categories_and_this_one():
    """Untrained at sigmoid(2) = 0.88 of the way; without pairs there is nowhere to go."""
    pairs, everywhere = random_pairs(8), torch.full((6,), 3.0)
    mean = torch.cat([pairs.left_readouts, pairs.right_readouts], dim=1).mean(dim=1)
    nothing = dataclasses.replace(pairs, **{name: value[:, :0] for name, value in vars(pairs).items()})
    found = MetricRefinement(6)(torch.zeros(1, 6), pairs, everywhere).centre
    torch.testing.assert_close(found, 3 + torch.tensor(2.0).sigmoid() * (mean - 3))
    torch.testing.assert_close(MetricRefinement(6)(torch.zeros(1, 6), nothing, everywhere).centre, everywhere[None])


@pytest.fixture
def model() -> VICP:
    return build_model(REFINED).eval()


def test_labels_move_the_metric_and_a_prompt_keeps_all_of_it(model: VICP, tmp_path: Path):
    photos = torch.randn(10, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = model.latents(photos).apply(torch.detach)
    same = torch.tensor([True, False, True, False, False])
    prompt = model.infer_prompt(latents[:5], latents[5:], same, category="cat")
    assert prompt.category_metric is not None
    assert prompt.category_metric.nuisance is not None
    assert prompt.category_metric.nuisance.shape == (2, 64)  # a row for each same-pair
    prompt.save(tmp_path / "cat.safetensors")
    again = VisualPrompt.load(tmp_path / "cat.safetensors")
    assert again.category_metric is not None
    states = model.backbone.prompt_states(torch.tensor(prompt.tokens))
    under = model.embed(photos, states, as_tensors(prompt.category_metric))
    assert torch.equal(model.embed(photos, states, as_tensors(again.category_metric)), under)
    flipped = model.infer_prompt(latents[:5], latents[5:], ~same, category="cat")
    assert not torch.allclose(model.embed(photos, states, as_tensors(flipped.category_metric)), under, atol=1e-3)


def test_no_pairs_no_nuisance(model: VICP):
    nothing = model.latents(torch.randn(1, 3, 32, 32)).apply(torch.detach)[:0]
    prompt = model.infer_prompt(nothing, nothing, torch.zeros(0, dtype=torch.bool), category="nothing")
    assert prompt.category_metric is not None
    assert prompt.category_metric.nuisance is not None
    assert prompt.category_metric.nuisance.shape == (0, 64)
    assert model.embed(torch.randn(2, 3, 32, 32), None, as_tensors(prompt.category_metric)).isfinite().all()


def test_latents_carry_the_readout_and_neither_llm_nor_comparison_reads_it(model: VICP):
    """It moves the metric alone."""
    photos = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = model.latents(photos).apply(torch.detach)
    assert latents.tokens.shape == (4, 4, 32)
    assert latents.readout is not None
    torch.testing.assert_close(latents.readout, F.normalize(model.backbone.features(photos), dim=1))
    assert model.max_pairs == build_model(TINY).max_pairs
    other = Latents(latents.tokens, latents.readout.flip(0))
    same = torch.tensor([[True, False]])
    one, two = (model.encode_context(side[:2][None], side[2:][None], same) for side in (latents, other))
    assert torch.equal(one.tokens, two.tokens)
    assert one.category_metric is not None
    assert two.category_metric is not None
    assert not torch.equal(one.category_metric.gains, two.category_metric.gains)


def test_latents_without_readouts_are_refused(model: VICP):
    tokens = Latents(torch.zeros(1, 2, 4, 32))
    with pytest.raises(ValueError, match=r"carry no readouts"):
        model.encode_context(tokens, tokens, torch.tensor([[True, False]]))


def test_deviations_start_as_those_of_photos():
    refinement = MetricRefinement(3)
    refinement.start_from(
        torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 3.0, 1.0])
    )
    torch.testing.assert_close(refinement.deviation, torch.tensor([9.3, 3.3, 1.3]), atol=0.2, rtol=0)


def test_it_needs_gains():
    with pytest.raises(ConfigError, match=r"model\.metric_refinement: it adds to the gains of a metric"):
        build_model(dataclasses.replace(REFINED, metric_rank=0))
