"""The set transformer in place of the LLM: no order, no pair's label shown where it is asked for."""

import pytest
import torch
from tests.helpers.tiny_models import randomise
from torch import Tensor

from vicp.model.additions.set_transformer import SetTransformer

WIDTH = 16


@pytest.fixture
def reader() -> SetTransformer:
    reader = SetTransformer(WIDTH, num_layers=2, num_heads=2)
    randomise(reader)
    return reader.eval()


def context(num_pairs: int, *, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Latents of 2 contexts, comparison tokens, labels and 3 slots."""
    draw = torch.Generator().manual_seed(seed)
    latents = torch.randn(2, num_pairs, 6, WIDTH, generator=draw)
    comparison = torch.randn(2, num_pairs, WIDTH, generator=draw)
    same = torch.rand(2, num_pairs, generator=draw) < 0.5
    return latents, comparison, same, torch.randn(3, WIDTH, generator=draw)


@pytest.mark.parametrize("gradients", [False, True])  # torch takes another way through its layers without them
def test_the_order_of_the_pairs_means_nothing(reader: SetTransformer, gradients: bool) -> None:
    latents, comparison, same, slots = context(7)
    order = torch.randperm(7)
    with torch.set_grad_enabled(gradients):
        states, label_states = reader.encode(latents, comparison, same, slots)
        shuffled, shuffled_labels = reader.encode(latents[:, order], comparison[:, order], same[:, order], slots)
    assert states.shape == (2, 3, WIDTH)
    torch.testing.assert_close(shuffled, states, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(shuffled_labels, label_states[:, order], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_label_is_predicted_from_all_others_and_not_from_itself(reader: SetTransformer) -> None:
    latents, comparison, same, slots = context(5)
    states, label_states = reader.encode(latents, comparison, same, slots)
    flipped = same.clone()
    flipped[:, 2] = ~flipped[:, 2]
    other_states, other_label_states = reader.encode(latents, comparison, flipped, slots)
    torch.testing.assert_close(other_label_states[:, 2], label_states[:, 2], atol=1e-6, rtol=0)
    moved = (other_label_states - label_states).abs().amax(dim=-1)
    assert moved[:, [0, 1, 3, 4]].min() > 1e-4
    assert (other_states - states).abs().amax(dim=-1).min() > 1e-4  # every slot sees it


@torch.no_grad()
def test_photos_and_comparisons_are_read_each_in_its_own_context(reader: SetTransformer) -> None:
    latents, comparison, same, slots = context(4)
    states, _ = reader.encode(latents, comparison, same, slots)
    alone, _ = reader.encode(latents[1:], comparison[1:], same[1:], slots)
    torch.testing.assert_close(states[1:], alone, atol=1e-5, rtol=1e-5)
    for other in ((latents.flip(0), comparison), (latents, comparison.flip(0)), (latents, None)):
        assert (reader.encode(*other, same, slots)[0] - states).abs().max() > 1e-3


@pytest.mark.parametrize("gradients", [False, True])
def test_no_pairs_leave_the_null_context(reader: SetTransformer, gradients: bool) -> None:
    latents, comparison, same, slots = context(0)
    with torch.set_grad_enabled(gradients):
        states, label_states = reader.encode(latents, comparison, same, slots)
    assert label_states.shape == (2, 0, WIDTH)
    assert states.isfinite().all()
    torch.testing.assert_close(states[0], states[1])
    assert (states[0, 0] - states[0, 1]).abs().max() > 1e-3


def test_labels_are_two_classes(reader: SetTransformer) -> None:
    same = torch.tensor([True, False, False])
    assert torch.equal(reader.label_embeddings(same), reader.labels[[1, 0, 0]])
    assert reader.label_targets(same).tolist() == [1, 0, 0]
    states = torch.randn(3, WIDTH)
    logits = reader.label_logits(states)
    torch.testing.assert_close(logits, states @ reader.answer.weight.T + reader.answer.bias)
    torch.testing.assert_close(reader.same_log_odds(states), logits[:, 1] - logits[:, 0])
    assert (reader.width, reader.max_positions) == (WIDTH, None)
