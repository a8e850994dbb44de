"""Within-class whitening: its closed form, and its worth for retrieval where identities hide behind nuisance."""

import numpy as np
import pytest
import torch

from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.methods.whitening import scatter_of_groups, scatter_of_pairs
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
    few, many = (
        torch.from_numpy(scatter_of_pairs(*draw_support(10, k)).whitening(0.3).apply(photos.numpy())) for k in (8, 64)
    )
    frozen = mean_average_precision(photos, 30)
    assert frozen < 0.2
    assert mean_average_precision(few, 30) > frozen + 0.1
    assert mean_average_precision(many, 30) > 0.5


def test_closed_form():
    left, right, same = draw_support(1, 12)
    metric = scatter_of_pairs(left, right, same).whitening(0.5)
    mean, weight = torch.from_numpy(metric.mean), torch.from_numpy(metric.weight)
    scatter = torch.zeros(DIM, DIM)
    for a, b, is_same in zip(left, right, same, strict=True):
        middle = (a + b) / 2
        if is_same:
            scatter += torch.outer(a - middle, a - middle) + torch.outer(b - middle, b - middle)
    scatter /= same.sum()
    shrunk = scatter + 0.5 * scatter.trace() / DIM * torch.eye(DIM)
    assert weight.dtype == mean.dtype == torch.float32
    torch.testing.assert_close(mean, torch.cat([left, right]).mean(dim=0))
    torch.testing.assert_close(weight, weight.T)
    torch.testing.assert_close(weight @ shrunk @ weight, torch.eye(DIM), atol=1e-4, rtol=0)
    assert (torch.linalg.eigvalsh(weight) > 0).all()


def test_different_pairs_enter_the_mean_alone():
    left, right, same = draw_support(2, 12)
    metric = scatter_of_pairs(left, right, same).whitening(0.3)
    shifted = scatter_of_pairs(left, right + 5.0 * ~same[:, None], same).whitening(0.3)
    np.testing.assert_allclose(shifted.weight, metric.weight, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(shifted.mean, metric.mean + 5.0 / 4, atol=1e-5)  # half of the pairs, one photo of two


def test_pairs_have_no_direction_and_scale_does_not_matter():
    left, right, same = draw_support(3, 12)
    photos, metric = draw(4, 5, DIM).numpy(), scatter_of_pairs(left, right, same).whitening(0.3)
    other_way = scatter_of_pairs(right, left, same).whitening(0.3)
    np.testing.assert_allclose(other_way.weight, metric.weight, atol=1e-5, rtol=1e-5)
    larger = scatter_of_pairs(10 * left, 10 * right, same).whitening(0.3).apply(10 * photos)
    np.testing.assert_allclose(larger, metric.apply(photos), atol=1e-5)


def test_apply_by_hand():
    metric = LinearTransform(np.array([1, 1], np.float32), np.array([[3, 0], [0, 2]], np.float32))
    embeddings = np.array([[2.0, 3.0], [1.0, 0.0]], np.float16)  # centred (1, 2), (0, -1)
    result = metric.apply(embeddings)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[0.6, 0.8], [0.0, -1.0]], atol=1e-6)


def test_wrong_arguments_are_refused():
    left, right, same = draw_support(5, 6)
    with pytest.raises(ValueError, match=r"left is \(6, 16\), right \(5, 16\)"):
        scatter_of_pairs(left, right[1:], same)
    with pytest.raises(ValueError, match=r"same \(6,\) int64"):
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
        scatter_of_pairs(left, right, same).whitening(0.3).apply(left[:, 1:].numpy())


def test_groups_of_two_are_pairs():
    left, right, _ = draw_support(6, 12)
    pairs = scatter_of_pairs(left, right, torch.ones(12, dtype=torch.bool)).whitening(0.5)
    photos, groups = torch.cat([left, right]), torch.arange(12).repeat(2).numpy()
    groups_metric = scatter_of_groups(photos, groups).whitening(0.5)
    np.testing.assert_allclose(groups_metric.weight, pairs.weight, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(groups_metric.mean, pairs.mean, atol=1e-6)


def test_larger_groups_by_hand():
    photos = torch.tensor([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0], [10.0, 0.0], [10.0, 1.0], [-5.0, 5.0]])
    # Squares around the means of the first two groups, 8 + 6 and 0.5 on the diagonal, 6 off it; 6 photos less 3 groups.
    scatter = torch.tensor([[8.0, 6.0], [6.0, 6.5]]) / 3
    shrunk = scatter + 0.2 * scatter.trace() / 2 * torch.eye(2)
    metric = scatter_of_groups(photos, torch.tensor([7, 7, 7, 3, 3, 9]).numpy()).whitening(0.2)
    np.testing.assert_allclose(metric.weight @ shrunk.numpy() @ metric.weight, np.eye(2), atol=1e-5)
    np.testing.assert_allclose(metric.mean, [3.5, 1.5], atol=1e-6)


def test_groups_must_say_something():
    photos = draw(7, 4, DIM)
    with pytest.raises(ValueError, match="none of the 4 photos"):
        scatter_of_groups(photos, torch.arange(4).numpy())
    with pytest.raises(ValueError, match="shrinkage is -1"):
        scatter_of_groups(photos, torch.tensor([0, 0, 1, 1]).numpy()).whitening(-1)
