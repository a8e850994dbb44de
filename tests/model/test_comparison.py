"""The comparison token, by hand and by its symmetry."""

import torch

from vicp.model.additions.comparison import Comparison


def test_comparison_is_symmetric_and_sees_a_difference() -> None:
    comparison = Comparison(8)
    left, right = torch.randn(2, 5, 3, 8), torch.randn(2, 5, 3, 8)
    tokens = comparison(left, right)
    assert tokens.shape == (2, 5, 8)
    torch.testing.assert_close(tokens, comparison(right, left))
    assert (tokens - comparison(left, left)).abs().max() > 0.1


def test_comparison_by_hand() -> None:
    comparison = Comparison(8)
    left, right = torch.randn(3, 8), torch.randn(3, 8)
    weight, bias = comparison.hidden.weight, comparison.hidden.bias
    apart, product, total = (weight[:, i * 8 : (i + 1) * 8] for i in range(3))
    hidden = [
        apart @ (a - b).abs() + product @ (a * b) + total @ (a + b) + bias for a, b in zip(left, right, strict=True)
    ]
    torch.testing.assert_close(comparison(left, right), comparison.out(sum(hidden) / 3))
