"""Sinkhorn against POT, the distance's gradient against the objective it belongs to, and the loss by hand."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vicp.losses.alignment import alignment_loss, ot_distance, sinkhorn_plan


def draw_cost(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2


def draw_patches(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("method", ["sinkhorn", "sinkhorn_log"])
@pytest.mark.parametrize("epsilon", [0.1, 0.5])
def test_plan_is_that_of_pot(method, epsilon):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ot

    cost = draw_cost(0, 3, 7, 5)
    plan = sinkhorn_plan(cost, epsilon=epsilon, num_iterations=2000)
    for ours, one in zip(plan, cost.numpy(), strict=True):
        theirs = ot.sinkhorn(
            np.full(7, 1 / 7),
            np.full(5, 1 / 5),
            one,
            reg=epsilon,
            method=method,
            numItermax=5000,
            stopThr=1e-12,
        )
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-8)


def test_small_epsilon_finds_the_permutation():
    order = torch.tensor([2, 0, 3, 1])
    cost = 1 - torch.eye(4)[order][None]  # (1, 4, 4)
    plan = sinkhorn_plan(cost, epsilon=0.01)
    torch.testing.assert_close(plan, torch.eye(4)[order][None] / 4)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 9), columns=st.integers(1, 9))
def test_plan_has_uniform_marginals(seed, rows, columns):
    plan = sinkhorn_plan(draw_cost(seed, 2, rows, columns), epsilon=0.5, num_iterations=200)
    assert (plan >= 0).all()
    torch.testing.assert_close(plan.sum(dim=1), torch.full((2, columns), 1 / columns, dtype=plan.dtype))
    torch.testing.assert_close(plan.sum(dim=2), torch.full((2, rows), 1 / rows, dtype=plan.dtype), atol=1e-6, rtol=0)


def test_plan_is_float32_for_halves_and_survives_what_exp_does_not():
    cost = draw_cost(1, 2, 6, 6)
    plan = sinkhorn_plan(cost.half())
    assert plan.dtype == torch.float32
    torch.testing.assert_close(plan, sinkhorn_plan(cost.half().double()).float(), atol=1e-5, rtol=0)
    tiny = sinkhorn_plan(cost.float(), epsilon=0.001)  # exp(-2 / 0.001) is 0 in float32
    torch.testing.assert_close(tiny.sum(dim=1), torch.full((2, 6), 1 / 6), atol=1e-4, rtol=0)


def test_plan_gradcheck():
    cost = draw_cost(2, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: sinkhorn_plan(c, epsilon=0.5, num_iterations=5), (cost,))


def test_distance_by_hand():
    east, north = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    a = torch.stack([torch.stack([east, north]), torch.stack([east, east]), torch.stack([east, east])])
    b = torch.stack([torch.stack([north, 3 * east]), torch.stack([north, east]), torch.stack([-east, -east])])
    # The same patches in another order: 0. Half of the weight turns by 90 degrees: 0.5. All of it by 180: 2.
    expected = torch.tensor([0.0, 0.5, 2.0])
    torch.testing.assert_close(ot_distance(a, b, epsilon=0.02), expected, atol=1e-5, rtol=0)


def test_distance_is_symmetric_and_ignores_the_order_of_patches():
    a, b = draw_patches(3, 4, 6, 8), draw_patches(4, 4, 5, 8)
    distance = ot_distance(a, b, num_iterations=500)
    torch.testing.assert_close(ot_distance(b, a, num_iterations=500), distance, atol=1e-6, rtol=0)
    torch.testing.assert_close(ot_distance(a.flip(1), b, num_iterations=500), distance)


def test_distance_gradient_is_that_of_the_smoothed_transport_cost():
    """The envelope theorem: holding the plan constant differentiates <P, C> - epsilon * H(P) exactly."""
    b, epsilon = draw_patches(6, 2, 3, 5), 0.3

    def smoothed(patches: torch.Tensor) -> torch.Tensor:
        cost = 1 - torch.nn.functional.cosine_similarity(patches[:, :, None], b[:, None], dim=3)
        plan = sinkhorn_plan(cost, epsilon=epsilon, num_iterations=100)
        return (plan * cost + epsilon * plan * plan.log()).sum()

    a = draw_patches(5, 2, 4, 5).requires_grad_()
    (ours,) = torch.autograd.grad(ot_distance(a, b, epsilon=epsilon, num_iterations=100).sum(), a)
    (expected,) = torch.autograd.grad(smoothed(a), a)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(ours, expected, atol=1e-7, rtol=1e-6)
    assert torch.autograd.gradcheck(smoothed, (a,))


def test_loss_by_hand():
    a, b = draw_patches(7, 4, 5, 6), draw_patches(8, 4, 5, 6)
    b[3] = a[3] + 0.01 * b[3]  # a negative pair that looks the same
    same = torch.tensor([True, True, False, False])
    distance = ot_distance(a, b)
    assert distance[2] > 0.5 > distance[3]
    expected = (distance[0] + distance[1]) / 2 + (0 + 0.5 - distance[3]) / 2
    torch.testing.assert_close(alignment_loss(a, b, same), expected)
    torch.testing.assert_close(alignment_loss(a[:2], b[:2], same[:2]), distance[:2].mean())
    torch.testing.assert_close(alignment_loss(a[2:], b[2:], same[2:], margin=2.0), (2 - distance[2:]).mean())


@pytest.mark.parametrize("same", [True, False])
def test_loss_pulls_positives_together_and_pushes_negatives_apart(same):
    a, b = draw_patches(9, 3, 4, 6).requires_grad_(), draw_patches(10, 3, 4, 6)
    before = ot_distance(a, b).sum()
    (gradient,) = torch.autograd.grad(alignment_loss(a, b, torch.full((3,), same), margin=2.0), a)
    after = ot_distance(a - 0.1 * gradient, b).sum()
    assert (after < before) == same
    assert (after - before).abs() > 1e-3


def test_loss_without_pairs_is_zero_with_zero_gradient():
    a = torch.zeros(0, 4, 6, requires_grad=True)
    loss = alignment_loss(a, a, torch.zeros(0, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0


def test_wrong_arguments_are_refused():
    a = draw_patches(0, 2, 3, 4)
    with pytest.raises(ValueError, match=r"cost has shape \(3, 4\)"):
        sinkhorn_plan(a[0])
    with pytest.raises(ValueError, match=r"cost has shape \(2, 0, 4\)"):
        sinkhorn_plan(a[:, :0])
    with pytest.raises(ValueError, match=r"epsilon is 0\.0, num_iterations 50"):
        sinkhorn_plan(a, epsilon=0.0)
    with pytest.raises(ValueError, match=r"epsilon is 0\.1, num_iterations 0"):
        sinkhorn_plan(a, num_iterations=0)
    with pytest.raises(ValueError, match=r"shapes \(2, 3, 4\) and \(1, 3, 4\)"):
        ot_distance(a, a[:1])
    with pytest.raises(ValueError, match=r"shapes \(2, 3, 4\) and \(2, 3, 3\)"):
        ot_distance(a, a[:, :, :3])
    with pytest.raises(ValueError, match=r"same is \(2,\) torch.int64; expected \(2,\) torch.bool"):
        alignment_loss(a, a, torch.tensor([1, 0]))
