"""Within-class whitening: its closed form, and its worth for retrieval where identities hide behind nuisance."""

import pytest
import torch

from vicp.adapt.methods.whitening import LinearTransform, apply, scatter_of_groups, scatter_of_pairs
from vicp.metrics import retrieval

DIM = 16


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def draw_photos(seed: int, num_identities: int, num_photos: int) -> torch.Tensor:
    """Identities in dimensions 8 to 15, a nuisance twice as large in 0 to 7, away from the origin."""
    identity = draw(seed, num_identities, 1, DIM)
    identity[..., :8] = 0
    nuisance = 0.3 * draw(seed + 1, num_identities, num_photos, DIM)
    nuisance[..., :8] *= 2 / 0.3
    return identity + nuisance + 2.0  # (identities, photos, D)


def draw_support(seed: int, num_pairs: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    left, right = draw_photos(seed, num_pairs, 2).unbind(dim=1)
    same = torch.arange(num_pairs) % 2 == 0
    return left, torch.where(same[:, None], right, right.roll(1, dims=0)), same


def mean_average_precision(embeddings: torch.Tensor, num_identities: int) -> float:
    identities = torch.arange(num_identities).repeat_interleave(len(embeddings) // num_identities).numpy()
    return retrieval(embeddings, embeddings, identities, identities, leave_one_out=True).map


def test_the_metric_finds_identities_behind_nuisance():
    photos = draw_photos(0, 30, 4).flatten(0, 1)
    few, many = (apply(scatter_of_pairs(*draw_support(10, k)).whitening(0.3), photos) for k in (8, 64))
    frozen = mean_average_precision(photos, 30)
    assert frozen < 0.2
    assert mean_average_precision(few, 30) > frozen + 0.1
    assert mean_average_precision(many, 30) > 0.5


def test_closed_form():
    left, right, same = draw_support(1, 12)
    metric = scatter_of_pairs(left, right, same).whitening(0.5)
    scatter = torch.zeros(DIM, DIM)
    for a, b, is_same in zip(left, right, same, strict=True):
        middle = (a + b) / 2
        if is_same:
            scatter += torch.outer(a - middle, a - middle) + torch.outer(b - middle, b - middle)
    scatter /= same.sum()
    shrunk = scatter + 0.5 * scatter.trace() / DIM * torch.eye(DIM)
    assert metric.weight.dtype == metric.mean.dtype == torch.float32
    torch.testing.assert_close(metric.mean, torch.cat([left, right]).mean(dim=0))
    torch.testing.assert_close(metric.weight, metric.weight.T)
    torch.testing.assert_close(metric.weight @ shrunk @ metric.weight, torch.eye(DIM), atol=1e-4, rtol=0)
    assert (torch.linalg.eigvalsh(metric.weight) > 0).all()


def test_different_pairs_enter_the_mean_alone():
    left, right, same = draw_support(2, 12)
    metric = scatter_of_pairs(left, right, same).whitening(0.3)
    shifted = scatter_of_pairs(left, right + 5.0 * ~same[:, None], same).whitening(0.3)
    torch.testing.assert_close(shifted.weight, metric.weight)
    torch.testing.assert_close(shifted.mean, metric.mean + 5.0 / 4)  # half of the pairs, one photo of two


def test_pairs_have_no_direction_and_scale_does_not_matter():
    left, right, same = draw_support(3, 12)
    photos, metric = draw(4, 5, DIM), scatter_of_pairs(left, right, same).whitening(0.3)
    torch.testing.assert_close(scatter_of_pairs(right, left, same).whitening(0.3).weight, metric.weight)
    larger = apply(scatter_of_pairs(10 * left, 10 * right, same).whitening(0.3), 10 * photos)
    torch.testing.assert_close(larger, apply(metric, photos), atol=1e-5, rtol=0)


def test_apply_by_hand():
    metric = LinearTransform(mean=torch.tensor([1.0, 1.0]), weight=torch.tensor([[3.0, 0.0], [0.0, 2.0]]))
    embeddings = torch.tensor([[2.0, 3.0], [1.0, 0.0]], dtype=torch.float16)  # centred (1, 2), (0, -1)
    result = apply(metric, embeddings)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_wrong_arguments_are_refused():
    left, right, same = draw_support(5, 6)
    with pytest.raises(ValueError, match=r"left is \(6, 16\), right \(5, 16\)"):
        scatter_of_pairs(left, right[1:], same)
    with pytest.raises(ValueError, match=r"same \(6,\) torch.int64"):
        scatter_of_pairs(left, right, same.long())
    with pytest.raises(ValueError, match="shrinkage is 0"):
        scatter_of_pairs(left, right, same).whitening(0)
    with pytest.raises(ValueError, match="none of the 6 pairs is a same-pair"):
        scatter_of_pairs(left, right, torch.zeros(6, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"variance within the same-pairs is 0\.0"):
        scatter_of_pairs(left, left, same)
    with pytest.raises(ValueError, match="variance within the same-pairs is nan"):
        scatter_of_pairs(left * torch.nan, right, same)
    with pytest.raises(ValueError, match=r"embeddings are \(6, 15\); expected \(B, 16\)"):
        apply(scatter_of_pairs(left, right, same).whitening(0.3), left[:, 1:])


def test_groups_of_two_are_pairs():
    left, right, _ = draw_support(6, 12)
    pairs = scatter_of_pairs(left, right, torch.ones(12, dtype=torch.bool)).whitening(0.5)
    photos, groups = torch.cat([left, right]), torch.arange(12).repeat(2).numpy()
    groups_metric = scatter_of_groups(photos, groups).whitening(0.5)
    torch.testing.assert_close(groups_metric.weight, pairs.weight)
    torch.testing.assert_close(groups_metric.mean, pairs.mean)


def test_larger_groups_by_hand():
    photos = torch.tensor([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0], [10.0, 0.0], [10.0, 1.0], [-5.0, 5.0]])
    # Squares around the means of the first two groups, 8 + 6 and 0.5 on the diagonal, 6 off it; 6 photos less 3 groups.
    scatter = torch.tensor([[8.0, 6.0], [6.0, 6.5]]) / 3
    shrunk = scatter + 0.2 * scatter.trace() / 2 * torch.eye(2)
    metric = scatter_of_groups(photos, torch.tensor([7, 7, 7, 3, 3, 9]).numpy()).whitening(0.2)
    torch.testing.assert_close(metric.weight @ shrunk @ metric.weight, torch.eye(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(metric.mean, torch.tensor([3.5, 1.5]))


def test_groups_must_say_something():
    photos = draw(7, 4, DIM)
    with pytest.raises(ValueError, match="none of the 4 photos"):
        scatter_of_groups(photos, torch.arange(4).numpy())
    with pytest.raises(ValueError, match="shrinkage is -1"):
        scatter_of_groups(photos, torch.tensor([0, 0, 1, 1]).numpy()).whitening(-1)
