"""The triplet loss against pytorch-metric-learning, by hand, and at its edges."""

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer

from vicp.losses.triplet import cosine_similarity, triplet_loss

MININGS = ["batch_hard", "batch_all"]


def draw_batch(seed: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    identities = torch.randint(0, 5, (16,), generator=generator)
    centres = torch.randn(5, 6, generator=generator, dtype=dtype)
    return centres[identities] + torch.randn(16, 6, generator=generator, dtype=dtype), identities


def reference(embeddings: torch.Tensor, identities: torch.Tensor, mining: str, margin: float) -> torch.Tensor:
    distance = CosineSimilarity()
    loss = TripletMarginLoss(margin=margin, distance=distance, reducer=AvgNonZeroReducer())
    mined = BatchHardMiner(distance=distance)(embeddings, identities) if mining == "batch_hard" else None
    return loss(embeddings, identities, mined)


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("margin", [0.05, 0.1, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_are_those_of_pytorch_metric_learning(mining, margin, seed):
    embeddings, identities = draw_batch(seed)
    ours, theirs = embeddings.clone().requires_grad_(), embeddings.clone().requires_grad_()
    loss = triplet_loss(ours, identities, margin=margin, mining=mining)
    expected = reference(theirs, identities, mining, margin)
    loss.backward()
    expected.backward()
    assert loss.item() > 0
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-6, rtol=1e-4)


def on_circle(degrees: list[float]) -> torch.Tensor:
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


@pytest.mark.parametrize(
    ("mining", "expected"),
    # cos 60 = 0.5 between the positives; the negative at cos 90 = 0 of one, cos 30 = 0.866 of the other.
    [("batch_hard", 0.8660254 - 0.5 + 0.1), ("batch_all", 0.8660254 - 0.5 + 0.1)],
)
def test_only_violations_count_and_an_anchor_without_positive_is_left_out(mining, expected):
    loss = triplet_loss(on_circle([0.0, 60.0, 90.0]), torch.tensor([0, 0, 1]), mining=mining)
    assert loss.item() == pytest.approx(expected, abs=1e-7)


def test_batch_all_averages_every_violation_and_batch_hard_the_hardest():
    # Anchor 0: positive at cos 90 = 0, negatives at cos 60, cos 45; anchor 1: negatives at cos 30, cos 45.
    embeddings, identities = on_circle([0.0, 90.0, 60.0, 45.0]), torch.tensor([0, 0, 1, 2])
    c30, c45, c60 = 0.75**0.5, 0.5**0.5, 0.5
    hard = triplet_loss(embeddings, identities, mining="batch_hard")
    every = triplet_loss(embeddings, identities, mining="batch_all")
    assert hard.item() == pytest.approx((c45 + c30) / 2 + 0.1)
    assert every.item() == pytest.approx((c60 + c45 + c30 + c45) / 4 + 0.1)


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize(
    ("degrees", "identities"),
    [
        ([0.0, 1.0, 180.0, 181.0], [0, 0, 1, 1]),
        ([0.0, 10.0, 20.0], [0, 1, 2]),
        ([0.0, 10.0], [0, 0]),
    ],
    ids=["no violation", "no positive", "no negative"],
)
def test_where_nothing_violates_loss_and_gradient_are_zero(mining, degrees, identities):
    embeddings = on_circle(degrees).requires_grad_()
    loss = triplet_loss(embeddings, torch.tensor(identities), mining=mining)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros_like(embeddings))


@pytest.mark.parametrize("mining", MININGS)
def test_categories_keep_triplets_within_a_category(mining):
    (cats, cat_ids), (shoes, shoe_ids) = draw_batch(0), draw_batch(1)
    apart = [
        triplet_loss(embeddings, identities, mining=mining)
        for embeddings, identities in ((cats, cat_ids), (shoes, shoe_ids))
    ]
    mixed = torch.cat([cats, shoes])
    identities, categories = torch.cat([cat_ids, shoe_ids]), torch.tensor([0] * 16 + [1] * 16)
    loss = triplet_loss(mixed, identities, mining=mining, categories=categories)
    counts = torch.tensor([count_violations(cats, cat_ids, mining), count_violations(shoes, shoe_ids, mining)])
    torch.testing.assert_close(loss, (torch.stack(apart) * counts).sum() / counts.sum())
    assert not torch.isclose(loss, triplet_loss(mixed, identities, mining=mining), rtol=1e-3)


def count_violations(embeddings: torch.Tensor, identities: torch.Tensor, mining: str) -> int:
    """By loops, from the definition."""
    similarity = F.cosine_similarity(embeddings[:, None], embeddings[None], dim=2).tolist()
    names, count = identities.tolist(), 0
    for a, name in enumerate(names):
        positives = [similarity[a][p] for p, other in enumerate(names) if other == name and p != a]
        negatives = [similarity[a][n] for n, other in enumerate(names) if other != name]
        if mining == "batch_hard":
            positives, negatives = sorted(positives)[:1], sorted(negatives)[-1:]
        count += sum(s_an - s_ap + 0.1 > 0 for s_ap in positives for s_an in negatives)
    return count


@pytest.mark.parametrize("mining", MININGS)
def test_an_excluded_pair_is_neither_positive_nor_negative(mining):
    embeddings, identities = on_circle([0.0, 60.0, 90.0, 61.0]), torch.tensor([0, 0, 1, 1])
    exclude = torch.zeros(4, 4, dtype=torch.bool)
    exclude[3, :] = exclude[:, 3] = True
    loss = triplet_loss(embeddings, identities, mining=mining, exclude=exclude)
    without = triplet_loss(embeddings[:3], identities[:3], mining=mining)
    torch.testing.assert_close(loss, without)
    assert loss.item() != pytest.approx(triplet_loss(embeddings, identities, mining=mining).item(), abs=1e-3)


@pytest.mark.parametrize("mining", MININGS)
def test_gradcheck(mining):
    embeddings, identities = draw_batch(3, torch.float64)
    embeddings = embeddings[:8].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: triplet_loss(x, identities[:8], mining=mining), (embeddings,))


def test_similarity_is_float32_for_halves_and_under_autocast():
    left, right = (x.half() for x in draw_batch(4)[0].chunk(2))
    expected = F.normalize(left.float(), dim=1) @ F.normalize(right.float(), dim=1).T
    with torch.autocast("cpu", dtype=torch.float16):
        similarity = cosine_similarity(left, right)
    assert similarity.dtype == torch.float32
    torch.testing.assert_close(similarity, expected, atol=1e-6, rtol=0)
    assert cosine_similarity(left.double(), right).dtype == torch.float64


def test_wrong_arguments_are_refused():
    embeddings, identities = draw_batch(0)
    with pytest.raises(ValueError, match=r"embeddings have shape \(16,\)"):
        triplet_loss(embeddings[:, 0], identities)
    with pytest.raises(ValueError, match=r"embeddings have shape \(0, 6\)"):
        triplet_loss(embeddings[:0], identities[:0])
    with pytest.raises(ValueError, match=r"identities has shape \(15,\); expected \(16,\)"):
        triplet_loss(embeddings, identities[1:])
    with pytest.raises(ValueError, match=r"categories has shape \(1,\)"):
        triplet_loss(embeddings, identities, categories=identities[:1])
    with pytest.raises(ValueError, match=r"exclude has shape \(16,\); expected \(16, 16\)"):
        triplet_loss(embeddings, identities, exclude=identities > 0)
    with pytest.raises(ValueError, match="mining is 'hardest'"):
        triplet_loss(embeddings, identities, mining="hardest")
