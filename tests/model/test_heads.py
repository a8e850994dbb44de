"""The metric that the context emits beside its prompt tokens."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vicp.adapt.embedder import as_tensors
from vicp.errors import ConfigError
from vicp.model.build import TINY, build_model
from vicp.model.category_metric import CategoryMetric
from vicp.model.heads import MetricHead, Verifier, VisualHead
from vicp.model.qformer import Latents
from vicp.model.visual_prompt import VisualPrompt


def head_by_hand() -> MetricHead:
    head = MetricHead(8, 2, num_slots=3, rank=2)
    with torch.no_grad():
        head.centre.copy_(torch.tensor([1.0, 0.0]))
        head.input_directions.copy_(torch.eye(2))
        head.output_directions.copy_(torch.eye(2))
    return head


def test_embedding_by_hand():
    """(3, 4) is (0.6, 0.8), about (1, 0) it is (-0.4, 0.8); gains (1, -0.5) make it (-0.8, 0.4)."""
    found = head_by_hand().embed(torch.tensor([[3.0, 4.0]]), CategoryMetric(torch.tensor([1.0, -0.5])))
    torch.testing.assert_close(found, F.normalize(torch.tensor([[-0.8, 0.4]]), dim=1))


def test_nuisance_is_taken_away_first():
    """Of (-0.4, 0.8), three quarters of the second go: (-0.4, 0.2); then the gains (1, -0.5)."""
    gains = CategoryMetric(torch.tensor([1.0, -0.5]), torch.tensor([[0.0, 0.75**0.5]]))
    found = head_by_hand().embed(torch.tensor([[3.0, 4.0]]), gains)
    torch.testing.assert_close(found, F.normalize(torch.tensor([[-0.8, 0.1]]), dim=1))


def test_no_gain_is_the_centred_readout():
    found = head_by_hand().embed(torch.tensor([[3.0, 4.0]]), CategoryMetric(torch.zeros(2)))
    torch.testing.assert_close(found, F.normalize(torch.tensor([[-0.4, 0.8]]), dim=1))


def test_gains_of_each_context_move_its_own_photos():
    head = head_by_hand()
    readouts = torch.randn(2, 5, 2)
    gains = CategoryMetric(torch.tensor([[0.0, 3.0], [2.0, 0.0]]), torch.tensor([[[0.6, 0.8]], [[0.0, 0.0]]]))
    together = head.embed(readouts, gains)
    apart = torch.stack([head.embed(readouts[i], gains.of_context(i)) for i in range(2)])
    torch.testing.assert_close(together, apart)


def test_directions_start_as_principal_components_of_one_size():
    generator = torch.Generator().manual_seed(0)
    readouts = torch.randn(4000, 3, generator=generator) * torch.tensor([9.0, 3.0, 1.0]) + 5
    head = MetricHead(8, 3, num_slots=2, rank=3)
    head.start_from(readouts)
    torch.testing.assert_close(head.centre.detach(), readouts.mean(dim=0))
    torch.testing.assert_close(head.output_directions.detach().abs(), torch.eye(3), atol=0.02, rtol=0)
    read = ((readouts - head.centre) @ head.input_directions.T).std(
        dim=0
    )  # 3.3 / (deviation + 0.3) times the deviation
    torch.testing.assert_close(read, torch.tensor([3.19, 3.0, 2.54]), atol=0.1, rtol=0)


def test_a_model_with_a_metric_emits_gains_that_the_labels_move_and_a_prompt_keeps_them(tmp_path: Path):
    model = build_model(dataclasses.replace(TINY, metric_rank=5)).eval()
    left, right = map(Latents, torch.randn(2, 3, 4, 32))
    same = torch.tensor([True, False, True])
    prompt = model.infer_prompt(left, right, same, category="cat")
    flipped = model.infer_prompt(left, right, ~same, category="cat")
    assert prompt.category_metric is not None
    assert flipped.category_metric is not None
    assert prompt.category_metric.gains.shape == (5,)
    assert not np.allclose(prompt.category_metric.gains, flipped.category_metric.gains)
    prompt.save(tmp_path / "cat.safetensors")
    again = VisualPrompt.load(tmp_path / "cat.safetensors")
    assert again.category_metric is not None
    np.testing.assert_array_equal(again.category_metric.gains, prompt.category_metric.gains)
    assert again.category_metric.nuisance is None
    pixels = torch.randn(2, 3, 32, 32)
    states, metric = model.backbone.prompt_states(torch.tensor(prompt.tokens)), as_tensors(prompt.category_metric)
    under = model.embed(pixels, states, metric)
    torch.testing.assert_close(under, model.metric_head.embed(model.backbone.features(pixels, states), metric))
    assert not torch.allclose(under, model.embed(pixels, states))


def test_without_a_rank_there_is_no_metric():
    model = build_model(TINY).eval()
    assert model.metric_head is None
    left = Latents(torch.randn(1, 4, 32))
    assert model.infer_prompt(left, left, torch.tensor([True]), category="cat").category_metric is None


def test_a_rank_beyond_the_embedding_is_refused():
    with pytest.raises(ConfigError, match=r"model\.metric_rank is 33; expected 0 to 32"):
        build_model(dataclasses.replace(TINY, metric_rank=33))


def test_head_shapes_and_layers() -> None:
    states = torch.randn(2, 5, 8)
    assert VisualHead(8, 6)(states).shape == (2, 5, 6)
    head = VisualHead(8, 6, num_layers=4, norm=False)
    tokens = head(states)
    assert tokens.shape == (2, 4, 5, 6)
    flat = head.out(head.hidden(states))
    for layer in range(4):
        assert torch.equal(tokens[:, layer], flat[..., layer * 6 : (layer + 1) * 6])


def test_head_norm_fixes_the_length_of_each_token() -> None:
    head = VisualHead(8, 6, num_layers=4, norm=True)
    tokens = head(torch.randn(2, 5, 8) * 100)
    torch.testing.assert_close(tokens.mean(dim=-1), torch.zeros(2, 4, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens.norm(dim=-1), torch.full((2, 4, 5), 6**0.5), atol=1e-2, rtol=0)


def test_a_linear_head_is_linear() -> None:
    one, other = torch.randn(2, 2, 5, 8).unbind()
    for kind, linear in (("linear", True), ("mlp", False)):
        head = VisualHead(8, 6, num_layers=4, norm=False, kind=kind)
        gap = head(one + other) - head(one) - head(other) + head(torch.zeros(2, 5, 8))
        assert (gap.abs().max() < 1e-5) == linear


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_a_zero_initialised_head_starts_with_prompts_of_zeros_and_learns(kind: Literal["linear", "mlp"]) -> None:
    head = VisualHead(8, 6, norm=False, kind=kind, zero_init=True)
    tokens = head(torch.randn(2, 5, 8))
    assert torch.equal(tokens, torch.zeros(2, 5, 6))
    tokens.sum().backward()
    assert head.out.weight.grad is not None
    assert head.out.weight.grad.abs().max() > 0.1


def test_verifier_scores_each_pair_under_its_own_context() -> None:
    verifier = Verifier(8)
    comparison, states = torch.randn(2, 4, 8), torch.randn(2, 5, 8)
    scores = verifier(comparison, states)
    assert scores.shape == (2, 4)
    alone = verifier(comparison[1:, 2:3], states[1:])
    torch.testing.assert_close(scores[1:, 2:3], alone)
    swapped = verifier(comparison, states.flip(0))
    assert (scores - swapped).abs().min() > 1e-5
    torch.testing.assert_close(verifier(comparison, states[:, torch.randperm(5)]), scores)  # slots have no order


def test_verifier_by_hand() -> None:
    verifier = Verifier(8)
    comparison, states = torch.randn(1, 1, 8), torch.randn(1, 5, 8)
    context = verifier.gate(states[0].mean(dim=0))
    features = torch.cat([comparison[0, 0], context, comparison[0, 0] * context])
    torch.testing.assert_close(verifier(comparison, states)[0], verifier.score(features))
