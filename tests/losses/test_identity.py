"""The baselines' losses against pytorch-metric-learning, against their papers' equations, and at their edges."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import CosFaceLoss
from torch import Tensor

from vicp.losses.identity import AdaFaceLoss, make_identity_loss
from vicp.losses.triplet import triplet_loss

NUM_IDENTITIES, DIM, BATCH = 7, 6, 12
NAMES = ["triplet", "arcface", "adaface", "supcon"]


def draw_batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Raw embeddings of very different lengths, every identity in one of two categories."""
    generator = torch.Generator().manual_seed(seed)
    identities = torch.randint(0, NUM_IDENTITIES, (BATCH,), generator=generator)
    lengths = torch.rand(BATCH, 1, generator=generator) * 30 + 1
    embeddings = F.normalize(torch.randn(BATCH, DIM, generator=generator), dim=1) * lengths
    return embeddings, identities, identities % 2


def make(name: str, seed: int = 1, **settings: object) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_identity_loss(name, num_identities=NUM_IDENTITIES, embedding_dim=DIM, **settings)


def cosines(embeddings: Tensor, weight: np.ndarray) -> np.ndarray:
    z = embeddings.double().numpy()
    z, w = z / np.linalg.norm(z, axis=1, keepdims=True), weight / np.linalg.norm(weight, axis=1, keepdims=True)
    return z @ w.T


def softmax_loss(logits: np.ndarray, identities: Tensor) -> float:
    """Mean of -log softmax at the own identity, by loops."""
    losses = []
    for row, own in zip(logits, identities.tolist(), strict=True):
        shifted = row - row.max()
        losses.append(math.log(sum(math.exp(value) for value in shifted)) - shifted[own])
    return float(np.mean(losses))


def adaface_by_hand(
    batches: list[tuple[Tensor, Tensor]], weight: np.ndarray, *, m: float, s: float, h: float, alpha: float
) -> float:
    """The loss of the last batch, from the equations of arXiv 2204.00964, after averages over them all."""
    mean = std = None
    for embeddings, _ in batches:
        norms = np.sqrt((embeddings.double().numpy() ** 2).sum(axis=1))
        batch_mean = norms.sum() / len(norms)
        batch_std = math.sqrt(((norms - batch_mean) ** 2).sum() / len(norms))
        mean = batch_mean if mean is None else alpha * batch_mean + (1 - alpha) * mean
        std = batch_std if std is None else alpha * batch_std + (1 - alpha) * std
    embeddings, identities = batches[-1]
    logits = s * cosines(embeddings, weight)
    for row, (own, norm) in enumerate(zip(identities.tolist(), norms, strict=True)):
        z = min(max((norm - mean) / ((std + 1e-3) / h), -1), 1)
        angle = math.acos(logits[row, own] / s) - m * z  # theta + g_angle
        logits[row, own] = s * (math.cos(min(max(angle, 0), math.pi)) - (m * z + m))
    return softmax_loss(logits, identities)


@pytest.mark.parametrize(
    "settings", [{}, {"margin": 0.25, "scale": 8.0}, {"margin": 1.2, "scale": 4.0}], ids=["defaults", "mild", "wide"]
)
def test_adaface_is_the_paper_s_equations(settings):
    loss = make("adaface", **settings)
    m, s = settings.get("margin", 0.4), settings.get("scale", 64.0)
    weight = loss.weight.detach().double().numpy()
    seen = []
    for seed in range(3):
        embeddings, identities, categories = draw_batch(seed)
        seen.append((embeddings * (seed + 1), identities))
        value = loss(embeddings * (seed + 1), identities, categories)
        expected = adaface_by_hand(seen, weight, m=m, s=s, h=0.333, alpha=0.01)
        assert value.item() == pytest.approx(expected, rel=2e-5)


def test_adaface_qualities_reach_both_ends_and_the_middle():
    loss = AdaFaceLoss(NUM_IDENTITIES, DIM)
    quality = loss._quality(torch.tensor([[1.0], [50.0], [50.0], [50.0], [99.0]]))
    assert quality[1].item() == 0
    assert (
        quality[4].item() == pytest.approx(-quality[0].item()) == pytest.approx(0.333 * 49 / math.sqrt(960.4), abs=1e-4)
    )
    loss.eval()
    assert loss._quality(torch.tensor([[1e4], [0.0]])).tolist() == [
        [1.0],
        [pytest.approx(-0.333 * 50 / 30.99, abs=1e-3)],
    ]


@pytest.mark.parametrize("margin", [0.2, 0.4])
def test_adaface_without_concentration_is_cosface_of_pytorch_metric_learning(margin):
    embeddings, identities, categories = draw_batch()
    ours = AdaFaceLoss(NUM_IDENTITIES, DIM, margin=margin, scale=16.0, concentration=0.0)
    theirs = CosFaceLoss(NUM_IDENTITIES, DIM, margin=margin, scale=16.0)
    theirs.W.data = ours.weight.detach().T.clone()
    left, right = embeddings.clone().requires_grad_(), embeddings.clone().requires_grad_()
    value, expected = ours(left, identities, categories), theirs(right, identities)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(left.grad, right.grad, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(ours.weight.grad, theirs.W.grad.T, atol=1e-5, rtol=1e-4)


def test_adaface_at_lowest_quality_is_arcface():
    embeddings, identities, categories = draw_batch()
    ours, theirs = make("adaface", margin=0.3, scale=16.0).eval(), make("arcface", margin=0.3, scale=16.0)
    theirs.loss.W.data = ours.weight.detach().T.clone()
    ours.norm_mean.fill_(1e6)  # every photo is far below the average
    ours.norm_std.fill_(1.0)
    assert cosines(embeddings, ours.weight.detach().numpy()).min() > math.cos(math.pi - 0.3)  # no clipping of angles
    torch.testing.assert_close(ours(embeddings, identities, categories), theirs(embeddings, identities, categories))


def test_adaface_averages_move_in_training_only_and_are_saved():
    loss, (embeddings, identities, categories) = make("adaface"), draw_batch()
    loss(embeddings, identities, categories)
    first = embeddings.norm(dim=1)
    torch.testing.assert_close(loss.norm_mean, first.mean())
    torch.testing.assert_close(loss.norm_std, first.std(correction=0))
    loss(2 * embeddings, identities, categories)
    torch.testing.assert_close(loss.norm_mean, 1.01 * first.mean())
    saved = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    assert set(saved) == {"weight", "norm_mean", "norm_std", "num_batches"}
    value = loss.eval()(embeddings, identities, categories)
    assert torch.equal(loss.norm_mean, saved["norm_mean"])
    assert loss.num_batches == 2
    restored = make("adaface", seed=2).eval()
    restored.load_state_dict(saved)
    assert torch.equal(restored(embeddings, identities, categories), value)


def test_adaface_takes_no_gradient_through_the_quality():
    embeddings, identities, categories = draw_batch()
    make("adaface", scale=8.0)(embeddings.requires_grad_(), identities, categories).backward()
    assert embeddings.grad.norm(dim=1).max() > 0.01
    # What depends on the direction alone has no gradient along the embedding.
    along = (embeddings.grad * F.normalize(embeddings.detach(), dim=1)).sum(dim=1)
    torch.testing.assert_close(along, torch.zeros(BATCH), atol=1e-6, rtol=0)


def test_adaface_survives_one_photo_and_equal_lengths():
    loss = make("adaface")
    embeddings = torch.ones(1, DIM, requires_grad=True)
    loss(embeddings, torch.tensor([0]), torch.tensor([0])).backward()
    assert loss.norm_std == 0
    assert torch.isfinite(embeddings.grad).all()


def test_adaface_has_a_finite_gradient_where_a_photo_lies_on_its_class_vector():
    loss = make("adaface", scale=8.0)
    embeddings = torch.cat([loss.weight[:2], -loss.weight[2:4]]).detach().clone().requires_grad_()
    loss(embeddings, torch.arange(4), torch.zeros(4)).backward()
    assert torch.isfinite(embeddings.grad).all()
    assert embeddings.grad.abs().max() > 0


@pytest.mark.parametrize(("margin", "radians"), [(None, 0.5), (0.3, 0.3)])
def test_arcface_adds_an_angle_in_radians(margin, radians):
    embeddings, identities, categories = draw_batch()
    loss = make("arcface", margin=margin)
    logits = 64 * cosines(embeddings, loss.loss.W.detach().T.double().numpy())
    for row, own in enumerate(identities.tolist()):
        angle = math.acos(logits[row, own] / 64)
        assert angle <= math.pi - radians
        logits[row, own] = 64 * math.cos(angle + radians)
    assert loss(embeddings, identities, categories).item() == pytest.approx(softmax_loss(logits, identities), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_supcon_is_its_paper_s_equation_over_the_whole_batch(temperature):
    embeddings, identities, categories = draw_batch()
    similarity = F.cosine_similarity(embeddings[:, None], embeddings[None], dim=2).double().numpy() / temperature
    losses = []
    for i, own in enumerate(identities.tolist()):
        others = [j for j in range(BATCH) if j != i]
        positives = [j for j in others if identities[j] == own]
        if positives:
            total = math.log(sum(math.exp(similarity[i, j]) for j in others))
            losses.append(sum(total - similarity[i, p] for p in positives) / len(positives))
    value = make("supcon", temperature=temperature)(embeddings, identities, categories)
    assert len(losses) < BATCH  # one identity has a single photo and is left out
    assert value.item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("mining", ["batch_hard", "batch_all"])
@pytest.mark.parametrize(("given", "margin"), [(None, 0.1), (0.4, 0.4)])
def test_triplet_is_ours_within_each_category(mining, given, margin):
    embeddings, identities, categories = draw_batch()
    value = make("triplet", margin=given, mining=mining)(embeddings, identities, categories)
    expected = triplet_loss(embeddings, identities, margin=margin, mining=mining, categories=categories)
    across = triplet_loss(embeddings, identities, margin=margin, mining=mining)
    assert value.item() == expected.item() != across.item()


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_float32_even_of_halves_under_autocast_and_trains(name):
    embeddings, identities, categories = draw_batch()
    halves = embeddings.bfloat16()
    exact = make(name)(halves.float(), identities, categories)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = make(name)(halves.requires_grad_(), identities, categories)
    assert value.dtype == torch.float32
    assert value.shape == ()
    torch.testing.assert_close(value, exact, atol=1e-5, rtol=1e-5)
    value.backward()
    assert halves.grad.abs().sum() > 0


@pytest.mark.parametrize(("name", "shape"), [("arcface", (DIM, NUM_IDENTITIES)), ("adaface", (NUM_IDENTITIES, DIM))])
def test_class_vectors_come_from_the_seed_and_are_learned(name, shape):
    one, same, other = ([*make(name, seed=seed).parameters()] for seed in (3, 3, 4))
    assert [tuple(parameter.shape) for parameter in one] == [shape]
    assert torch.equal(one[0], same[0])
    assert not torch.equal(one[0], other[0])
    loss = make(name, scale=4.0)
    embeddings, identities, categories = draw_batch()
    optimiser = torch.optim.SGD(loss.parameters(), lr=0.5)
    values = []
    for _ in range(10):
        value = loss(embeddings, identities, categories)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < values[0] - 0.1


@pytest.mark.parametrize("name", ["triplet", "supcon"])
def test_losses_of_pairs_have_nothing_to_learn(name):
    assert list(make(name).parameters()) == []


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="identity loss is 'sphereface'; expected one of triplet, supcon"):
        make("sphereface")
    with pytest.raises(ValueError, match="supcon has no margin and no scale"):
        make("supcon", margin=0.1, scale=3.0)
    with pytest.raises(ValueError, match="triplet has no scale"):
        make("triplet", scale=3.0)
    with pytest.raises(ValueError, match=r"temperature is 0, margin is -1; expected numbers above 0"):
        make("adaface", temperature=0, margin=-1)
    embeddings, identities, categories = draw_batch()
    for name in ("arcface", "adaface", "supcon"):
        loss = make(name)
        with pytest.raises(ValueError, match=r"identities run from -1 to 5; expected 0 to 6"):
            loss(embeddings, identities.clamp(max=6) - 1, categories)
        with pytest.raises(ValueError, match=r"shapes \(12, 6\) and \(11,\)"):
            loss(embeddings, identities[1:], categories)


def test_the_triplet_loss_alone_imports_no_library():
    script = "import sys, vicp.losses.triplet; print('pytorch_metric_learning' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
