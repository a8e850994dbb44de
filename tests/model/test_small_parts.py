"""Connector, comparison, head and verifier: the small learned boxes."""

from typing import Literal

import pytest
import torch
from tiny_models import randomise
from transformers import Blip2QFormerConfig, Blip2QFormerModel

from vicp.errors import ConfigError
from vicp.model.additions.comparison import Comparison
from vicp.model.additions.pair_fusion import PairFusion
from vicp.model.backbone import Encoding
from vicp.model.heads import Verifier, VisualHead
from vicp.model.precision import choose_precision
from vicp.model.qformer import QFormer


@pytest.fixture
def connector() -> QFormer:
    config = Blip2QFormerConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        encoder_hidden_size=20,
        cross_attention_frequency=1,
    )
    connector = QFormer(Blip2QFormerModel(config), num_latents=3, out_dim=8).eval()
    randomise(connector)
    return connector


def test_the_connector_is_the_q_former_on_learned_queries(connector: QFormer) -> None:
    tokens = torch.randn(2, 7, 20)
    latents = connector(Encoding(tokens[:, :1], tokens[:, 1:])).tokens
    assert latents.shape == (2, 3, 8)
    output = connector.transformer(connector.queries.expand(2, -1, -1), encoder_hidden_states=tokens)
    torch.testing.assert_close(latents, output.last_hidden_state @ connector.project.weight.T + connector.project.bias)


def test_no_photo_gives_no_latents(connector: QFormer) -> None:
    assert connector(Encoding(torch.zeros(0, 1, 20), torch.zeros(0, 6, 20))).tokens.shape == (0, 3, 8)


def test_latents_depend_on_their_own_photo_and_not_on_patch_order(connector: QFormer) -> None:
    def latents(tokens: torch.Tensor) -> torch.Tensor:
        return connector(Encoding(tokens[:, :1], tokens[:, 1:])).tokens

    tokens = torch.randn(2, 7, 20)
    changed = torch.stack([tokens[0], tokens[1] + 1.0])
    before, after = latents(tokens), latents(changed)
    torch.testing.assert_close(before[0], after[0])
    assert (before[1] - after[1]).abs().max() > 1e-3
    torch.testing.assert_close(latents(tokens[:, torch.randperm(7)]), before, atol=1e-5, rtol=1e-5)


def test_comparison_is_symmetric_and_sees_a_difference() -> None:
    comparison = Comparison(8)
    left, right = torch.randn(2, 5, 3, 8), torch.randn(2, 5, 3, 8)
    tokens = comparison(left, right)
    assert tokens.shape == (2, 5, 8)
    torch.testing.assert_close(tokens, comparison(right, left))
    assert (tokens - comparison(left, left)).abs().max() > 0.1


def test_comparison_by_hand() -> None:
    comparison = Comparison(8)
    left, right = torch.randn(3, 8), torch.randn(3, 8)
    weight, bias = comparison.hidden.weight, comparison.hidden.bias
    apart, product, total = (weight[:, i * 8 : (i + 1) * 8] for i in range(3))
    hidden = [
        apart @ (a - b).abs() + product @ (a * b) + total @ (a + b) + bias for a, b in zip(left, right, strict=True)
    ]
    torch.testing.assert_close(comparison(left, right), comparison.out(sum(hidden) / 3))


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


def test_merged_latents_know_no_first_photo_but_tell_the_two_apart() -> None:
    pairing = PairFusion(8, num_latents=3, num_heads=2)
    randomise(pairing)
    left, right = torch.randn(2, 4, 5, 3, 8).unbind()
    merged = pairing(left, right)
    assert merged.shape == (4, 5, 3, 8)
    assert torch.equal(merged, pairing(right, left))
    torch.testing.assert_close(merged[1:2, 2:3], pairing(left[1:2, 2:3], right[1:2, 2:3]))
    swapped = [torch.cat([a[..., :1, :], b[..., 1:, :]], dim=-2) for a, b in ((left, right), (right, left))]
    assert (pairing(*swapped) - merged).abs().max() > 1e-3  # the same latents in all, on other sides
    assert pairing(left[:, :0], right[:, :0]).shape == (4, 0, 3, 8)


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


def test_the_environment_decides_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VICP_PRECISION", "bfloat16")
    assert choose_precision() == "bfloat16"
    assert choose_precision("float32") == "float32"
    monkeypatch.setenv("VICP_PRECISION", "half")
    with pytest.raises(ConfigError, match="VICP_PRECISION is 'half'"):
        choose_precision()
