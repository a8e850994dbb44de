"""The contrastive loss within a category: by hand, against pytorch-metric-learning, and at its edges."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import SupConLoss

from vicp.losses.contrastive import contrastive_loss


def test_by_hand():
    """Photos 0 and 1 are one individual at cosine 1, photo 2 is another at cosine 0: log(1 + e^-2) each for two."""
    embeddings = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    loss = contrastive_loss(embeddings, torch.tensor([[0, 0, 1]]), temperature=0.5)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_equals_the_library_in_one_category():
    generator = torch.Generator().manual_seed(0)
    embeddings = F.normalize(torch.randn(1, 12, 6, generator=generator), dim=-1)
    identities = torch.arange(12)[None] // 3
    expected = SupConLoss(temperature=0.1)(embeddings[0], identities[0])
    torch.testing.assert_close(contrastive_loss(embeddings, identities), expected)


def test_categories_are_never_compared():
    generator = torch.Generator().manual_seed(0)
    embeddings = F.normalize(torch.randn(2, 8, 6, generator=generator), dim=-1)
    identities = (torch.arange(8) // 2).expand(2, -1)
    apart = [contrastive_loss(embeddings[i : i + 1], identities[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(contrastive_loss(embeddings, identities), torch.stack(apart).mean())


def test_gradients():
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(2, 6, 4, generator=generator, requires_grad=True)
    identities = (torch.arange(6) // 2).expand(2, -1)
    contrastive_loss(F.normalize(raw, dim=-1), identities).backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    assert raw.grad.abs().sum() > 0


def test_without_positives_loss_and_gradients_are_zero():
    embeddings = torch.randn(1, 3, 4, requires_grad=True)
    loss = contrastive_loss(embeddings, torch.tensor([[0, 1, 2]]))
    loss.backward()
    assert loss.item() == 0
    assert embeddings.grad is not None
    assert embeddings.grad.abs().sum() == 0


def test_bad_arguments():
    with pytest.raises(ValueError, match="temperature is 0"):
        contrastive_loss(torch.ones(1, 2, 3), torch.zeros(1, 2), temperature=0)
    with pytest.raises(ValueError, match=r"embeddings are \(2, 3\)"):
        contrastive_loss(torch.ones(2, 3), torch.zeros(2))
