"""Where each part of the context sits, by hand: K = 2 pairs, Q = 3 latents, M = 2 slots."""

import pytest
import torch
from torch import Tensor

from vicp.model.sequence import lay_out

WIDTH = 5


def parts(num_pairs: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One context whose tokens are told apart by their value: 100 left and 200 right latents, 300 comparison, ..."""
    pair = torch.arange(1, num_pairs + 1).float()[None, :, None, None]
    latent = torch.arange(3).float()[None, None, :, None]
    left, right = ((start + 10 * pair + latent).expand(1, -1, -1, WIDTH) for start in (100, 200))
    comparison, labels = ((start + 10 * pair[:, :, 0]).expand(1, -1, WIDTH) for start in (300, 400))
    return torch.cat([left, right], dim=2), comparison, labels, torch.tensor([500.0, 501.0])[:, None].expand(-1, WIDTH)


def test_the_papers_layout() -> None:
    latents, _, labels, slots = parts(num_pairs=2)
    context = lay_out(latents, None, labels, slots)
    expected = [110, 111, 112, 210, 211, 212, 410, 120, 121, 122, 220, 221, 222, 420, 500, 501]
    assert context.embeddings[0, :, 0].tolist() == expected
    assert context.before_labels.tolist() == [5, 12]
    assert context.slots.tolist() == [14, 15]


def test_latents_per_pair() -> None:
    latents, _, labels, slots = parts(num_pairs=2)
    context = lay_out(latents[:, :, :3], None, labels, slots)
    assert context.embeddings[0, :, 0].tolist() == [110, 111, 112, 410, 120, 121, 122, 420, 500, 501]
    assert context.before_labels.tolist() == [2, 6]
    assert context.slots.tolist() == [8, 9]


def test_a_comparison_stands_before_each_label() -> None:
    context = lay_out(*parts(num_pairs=2))
    expected = [110, 111, 112, 210, 211, 212, 310, 410, 120, 121, 122, 220, 221, 222, 320, 420, 500, 501]
    assert context.embeddings[0, :, 0].tolist() == expected
    assert context.before_labels.tolist() == [6, 14]
    assert context.slots.tolist() == [16, 17]


@pytest.mark.parametrize("compare", [False, True])
def test_no_pairs_leave_the_slots_alone(compare: bool) -> None:
    latents, comparison, labels, slots = parts(num_pairs=0)
    context = lay_out(latents, comparison if compare else None, labels, slots)
    assert context.embeddings[0, :, 0].tolist() == [500, 501]
    assert context.before_labels.tolist() == []
    assert context.slots.tolist() == [0, 1]


def test_contexts_are_laid_out_each_for_itself() -> None:
    one, two = parts(num_pairs=2), parts(num_pairs=2)
    batch = [torch.cat([a, b + 1000]) for a, b in zip(one[:3], two[:3], strict=True)]
    context = lay_out(*batch, one[3])
    assert torch.equal(context.embeddings[0], lay_out(*one).embeddings[0])
    assert torch.equal(context.embeddings[1, :16], lay_out(*one).embeddings[0, :16] + 1000)
    assert context.embeddings[1, 16:, 0].tolist() == [500, 501]
