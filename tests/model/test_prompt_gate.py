"""How far the LLM's gains are followed: by hand, untrained, and through a model."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from tests.helpers.pair_embeddings import REFINED, pairs_of, random_pairs

from vicp.errors import ConfigError
from vicp.model.additions.prompt_gate import DISTANCE_FLOOR, PromptGate, interpolate_to_null, same_over_different
from vicp.model.build import build_model
from vicp.model.heads import MetricHead
from vicp.model.loading.checkpoint import load_pretrained, save_checkpoint

GATED = dataclasses.replace(REFINED, prompt_gate=True)


def axes(dim: int) -> MetricHead:
    """A head whose directions are the axes: gains scale coordinates."""
    head = MetricHead(4, dim, num_slots=2, rank=dim)
    with torch.no_grad():
        head.input_directions.copy_(torch.eye(dim))
        head.output_directions.copy_(torch.eye(dim))
    return head


def test_gains_that_tell_the_pairs_apart_lower_the_ratio():
    """The same-pair differs along x alone, the different-pair along y alone; a gain of -1 removes an axis."""
    left = torch.tensor([[0.6, 0, 0.8], [0, 0.6, 0.8]])
    right = torch.tensor([[-0.6, 0, 0.8], [0, -0.6, 0.8]])
    pairs = pairs_of(left, right, [True, False])
    assert same_over_different(pairs, axes(3), torch.zeros(1, 3)).item() == pytest.approx(0, abs=1e-5)
    ratio = math.log(DISTANCE_FLOOR / (1.44 + DISTANCE_FLOOR))
    for removed, expected in ((0, ratio), (1, -ratio)):
        gains = torch.zeros(1, 3)
        gains[0, removed] = -1.0
        assert same_over_different(pairs, axes(3), gains).item() == pytest.approx(expected, abs=1e-4)
    nothing = dataclasses.replace(pairs, **{name: value[:, :0] for name, value in vars(pairs).items()})
    assert same_over_different(nothing, axes(3), torch.ones(1, 3)).item() == 0


def test_untrained_it_follows_the_llm_and_every_weight_can_learn():
    gate, pairs, emitted = PromptGate(), random_pairs(8), torch.randn(1, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(gate(emitted, pairs, axes(6)), torch.ones(1))
    torch.nn.init.normal_(gate.mlp[2].weight, generator=torch.Generator().manual_seed(0))
    factor = gate(emitted, pairs, axes(6))
    assert 0 < factor.item() < 2
    factor.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in gate.parameters())
    other = gate(emitted, dataclasses.replace(pairs, same=~pairs.same), axes(6))
    assert other.item() != pytest.approx(factor.item())


def test_tokens_are_followed_as_far_as_the_gate_is_open():
    tokens, nothing = torch.ones(3, 2, 4), torch.zeros(1, 2, 4)
    found = interpolate_to_null(tokens, nothing, torch.tensor([0.0, 0.25, 1.5]))
    assert found[:, 1, 3].tolist() == [0, 0.25, 1]
    per_layer = interpolate_to_null(
        tokens[:, None].expand(-1, 5, -1, -1), nothing[:, None].expand(-1, 5, -1, -1), torch.ones(3)
    )
    assert torch.equal(per_layer, torch.ones(3, 5, 2, 4))


def test_with_a_closed_gate_the_tokens_are_those_of_an_empty_context():
    model = build_model(GATED).eval()
    latents = model.latents(torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    same = torch.tensor([True, False, True, False])

    def tokens(num: int) -> torch.Tensor:
        return torch.tensor(model.infer_prompt(latents[:num], latents[4 : 4 + num], same[:num], category="cat").tokens)

    followed, nothing = tokens(4), tokens(0)
    torch.nn.init.constant_(model.prompt_gate.mlp[2].bias, -50.0)
    torch.testing.assert_close(tokens(4), nothing)
    assert not torch.allclose(followed, nothing, atol=1e-3)


def test_a_model_with_a_closed_gate_goes_by_the_pairs_alone(tmp_path: Path):
    model = build_model(GATED).eval()
    photos = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = model.latents(photos)
    same = torch.tensor([True, False, True, False])

    def values() -> torch.Tensor:
        return torch.tensor(model.infer_prompt(latents[:4], latents[4:], same, category="cat").category_metric.gains)

    save_checkpoint(model, tmp_path / "model")
    followed = values()
    torch.nn.init.constant_(model.prompt_gate.mlp[2].bias, -50.0)
    alone = values()
    with torch.no_grad():
        model.metric_head.out.weight.zero_()
        model.metric_head.out.bias.zero_()
    torch.testing.assert_close(values(), alone)
    assert not torch.allclose(followed, alone)
    again = load_pretrained(tmp_path / "model")
    assert again.config.prompt_gate
    found = again.infer_prompt(latents[:4], latents[4:], same, category="cat").category_metric.gains
    torch.testing.assert_close(torch.tensor(found), followed)


def test_the_gate_needs_the_pairs_readouts():
    with pytest.raises(ConfigError, match=r"model\.prompt_gate: .*set model\.metric_refinement as well"):
        build_model(dataclasses.replace(GATED, metric_refinement=False))
