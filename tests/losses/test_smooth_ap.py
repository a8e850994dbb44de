"""Smooth-AP: by hand, against average precision itself, at any scale, and at its edges."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.losses.smooth_ap import smooth_ap_loss
from vicp.metrics.ranking import retrieval


def random_category(num: int = 12, dim: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return F.normalize(torch.randn(1, num, dim, generator=generator), dim=-1), (torch.arange(num) // 3)[None]


def test_by_hand():
    """Of three photos the first two are one individual: a deviation of 1 / sqrt(2) apart twice, so sqrt(2) in all."""
    embeddings = F.normalize(torch.tensor([[[1.0, 0.2], [1.0, 0.0], [0.0, 1.0]]]), dim=-1)
    loss = smooth_ap_loss(embeddings, torch.tensor([[0, 0, 1]]), temperature=0.5)
    behind = 1 / (1 + math.exp(math.sqrt(2) / 0.5))  # how much the third photo is before the second
    assert loss.item() == pytest.approx(1 - 1 / (1 + behind), abs=1e-5)


def test_cold_it_is_average_precision():
    embeddings, identities = random_category()
    names = identities[0].numpy()
    expected = retrieval(embeddings[0], embeddings[0], names, names, leave_one_out=True).map
    loss = smooth_ap_loss(embeddings, identities, temperature=1e-4)
    assert 1 - loss.item() == pytest.approx(expected, abs=1e-5)


def test_scale_does_not_count():
    """A direction that all photos share narrows every similarity alike: the contrastive loss would notice."""
    embeddings, identities = random_category()
    narrowed = F.pad(embeddings, (0, 1), value=3.0) / math.sqrt(10)
    torch.testing.assert_close(smooth_ap_loss(narrowed, identities), smooth_ap_loss(embeddings, identities))


def test_categories_are_never_compared():
    one, identities = random_category()
    other = one.flip(1)
    apart = [smooth_ap_loss(each, identities) for each in (one, other)]
    both = smooth_ap_loss(torch.cat([one, other]), identities.expand(2, -1))
    torch.testing.assert_close(both, torch.stack(apart).mean())


def test_it_can_be_learned_from():
    raw, identities = random_category()
    raw = raw.clone().requires_grad_()
    before = smooth_ap_loss(F.normalize(raw, dim=-1), identities)
    for _ in range(40):
        loss = smooth_ap_loss(F.normalize(raw, dim=-1), identities)
        (gradient,) = torch.autograd.grad(loss, raw)
        assert gradient.isfinite().all()
        with torch.no_grad():
            raw -= 0.5 * gradient
    assert smooth_ap_loss(F.normalize(raw, dim=-1), identities) < 0.6 * before


@pytest.mark.parametrize("embeddings", [torch.randn(1, 4, 3), torch.ones(1, 4, 3)], ids=["no positives", "all alike"])
def test_where_nothing_is_to_be_learned_gradients_are_finite(embeddings: Tensor):
    embeddings = embeddings.clone().requires_grad_()
    identities = torch.arange(4)[None] if embeddings.std() > 0 else torch.tensor([[0, 0, 1, 1]])
    loss = smooth_ap_loss(embeddings, identities)
    loss.backward()
    assert loss.item() == pytest.approx(0 if embeddings.std() > 0 else 1 - 1 / 2, abs=1e-5)
    assert embeddings.grad is not None
    assert embeddings.grad.isfinite().all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="temperature is 0"):
        smooth_ap_loss(torch.ones(1, 3, 3), torch.zeros(1, 3), temperature=0)
    with pytest.raises(ValueError, match=r"embeddings are \(1, 2, 3\)"):
        smooth_ap_loss(torch.ones(1, 2, 3), torch.zeros(1, 2))
