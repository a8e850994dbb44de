"""The label-word loss and the query-pair loss, by hand and at their edges."""

import math

import pytest
import torch

from vicp.losses.icl import icl_loss, label_accuracy, pair_loss


def test_icl_loss_by_hand():
    logits = torch.tensor([[math.log(3.0), 0.0, -100.0], [0.0, 0.0, -100.0]])  # p = (3/4, 1/4), (1/2, 1/2)
    loss = icl_loss(logits, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_label_accuracy_is_over_the_whole_vocabulary():
    logits = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 3.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    targets = torch.tensor([0, 0, 1, 1])
    assert label_accuracy(logits, targets).item() == 0.5
    assert label_accuracy(logits[:0], targets[:0]).isnan()


def test_pair_loss_by_hand():
    logits = torch.tensor([math.log(3.0), -math.log(3.0), 0.0])  # P(same) = 3/4, 1/4, 1/2
    loss = pair_loss(logits, torch.tensor([True, True, False]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(4) + math.log(2)) / 3)


def test_gradcheck():
    generator = torch.Generator().manual_seed(0)
    words = torch.randn(4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    pairs = torch.randn(4, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: icl_loss(x, torch.tensor([0, 5, 2, 2])), (words,))
    assert torch.autograd.gradcheck(lambda x: pair_loss(x, torch.tensor([True, False, True, True])), (pairs,))


def test_without_pairs_losses_and_gradients_are_zero():
    words, pairs = torch.zeros(0, 6, requires_grad=True), torch.zeros(0, requires_grad=True)
    icl = icl_loss(words, torch.zeros(0, dtype=torch.int64))
    pair = pair_loss(pairs, torch.zeros(0, dtype=torch.bool))
    (icl + pair).backward()
    assert icl.item() == 0
    assert pair.item() == 0


def test_halves_are_promoted():
    logits = torch.tensor([[4.0, 0.001], [0.0, 7.0]], dtype=torch.float16)
    expected = icl_loss(logits.double(), torch.tensor([0, 1]))
    loss = icl_loss(logits, torch.tensor([0, 1]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert pair_loss(logits[0], torch.tensor([True, False])).dtype == torch.float32


def test_wrong_arguments_are_refused():
    logits = torch.zeros(3, 5)
    for function in (icl_loss, label_accuracy):
        with pytest.raises(ValueError, match=r"logits are \(3, 5\), targets \(2,\)"):
            function(logits, torch.tensor([0, 1]))
        with pytest.raises(ValueError, match=r"logits are \(5,\)"):
            function(logits[0], torch.tensor([0, 1, 2, 3, 4]))
    with pytest.raises(ValueError, match=r"same is \(3,\) torch.int64"):
        pair_loss(logits[:, 0], torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match=r"same is \(2,\) torch.bool"):
        pair_loss(logits[:, 0], torch.tensor([True, False]))
