"""The distillation loss: by hand, what it is blind to, and at its edges."""

import pytest
import torch

from vicp.losses.distillation import distillation_loss


def test_equals_one_minus_the_correlation_of_each_context():
    generator = torch.Generator().manual_seed(0)
    similarities, logits = (torch.randn(3, 20, generator=generator) for _ in range(2))
    rhos = [torch.corrcoef(torch.stack(rows))[0, 1] for rows in zip(similarities, logits, strict=True)]
    torch.testing.assert_close(distillation_loss(similarities, logits), 1 - torch.stack(rhos).mean())


def test_scale_and_offset_do_not_matter_and_the_sign_does():
    logits = torch.tensor([[3.0, -1.0, 0.5, -2.0]])
    assert distillation_loss(0.1 * logits + 0.7, logits).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(-logits, logits).item() == pytest.approx(2)


def test_only_the_student_learns():
    similarities, logits = (torch.randn(2, 6, requires_grad=True) for _ in range(2))
    distillation_loss(similarities, logits).backward()
    assert similarities.grad is not None
    assert similarities.grad.abs().sum() > 0
    assert logits.grad is None


@pytest.mark.parametrize("similarities", [torch.zeros(1, 4), torch.ones(1, 1), torch.ones(1, 0)])
def test_pairs_that_are_all_alike_teach_nothing(similarities: torch.Tensor):
    similarities = similarities.clone().requires_grad_()
    loss = distillation_loss(similarities, torch.arange(similarities.shape[1]).float()[None])
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert similarities.grad is not None
    assert similarities.grad.isfinite().all()


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"similarities are \(2, 3\), logits \(3, 2\)"):
        distillation_loss(torch.ones(2, 3), torch.ones(3, 2))
