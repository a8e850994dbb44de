import numpy as np
import torch

from vicp.decisions.closest import best_impostor, closest_by_identity


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def cos(degrees: float) -> float:
    return float(np.cos(np.deg2rad(degrees)))


def test_an_identity_is_as_close_as_its_closest_photo() -> None:
    found = closest_by_identity(unit(12, 80), unit(0, 90, 10, 40), np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(found, [[cos(12), cos(2), cos(28)], [cos(10), cos(70), cos(40)]], atol=1e-6)


def test_the_best_stranger_is_never_oneself() -> None:
    found = best_impostor(unit(0, 1, 30, 100), np.array([0, 0, 1, 2]))
    assert found[1] == np.float32(cos(29)) or abs(found[1] - cos(29)) < 1e-6
    assert abs(found[2] - cos(70)) < 1e-6
    assert abs(found[0] - cos(30)) < 1e-6 or abs(found[0] - cos(29)) < 1e-6  # whichever photo was drawn
