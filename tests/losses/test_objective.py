"""The weighted sum of the losses."""

import dataclasses
import math

import pytest
import torch

from vicp.losses.objective import Objective, weigh


def test_total_is_the_weighted_sum_and_terms_keep_their_names():
    terms = {
        name: torch.tensor(value)
        for name, value in zip(("identity", "icl", "alignment", "pair"), (1.0, 2.0, 3.0, 4.0), strict=True)
    }
    result = weigh(Objective(identity=1.0, icl=0.5, alignment=0.01, pair=0.25), **terms)
    assert result.total.item() == pytest.approx(1.0 + 1.0 + 0.03 + 1.0)
    assert {name: getattr(result, name) for name in terms} == terms


def test_defaults_are_the_paper_without_our_addition():
    assert Objective() == Objective(identity=1.0, icl=1.0, alignment=0.01, pair=0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Objective().icl = 2.0


def test_absent_terms_add_nothing():
    result = weigh(Objective(), identity=torch.tensor(0.5), alignment=torch.tensor(2.0))
    assert result.total.item() == pytest.approx(0.52)
    assert result.icl is None
    assert result.pair is None


def test_gradients_are_the_weights_and_a_weight_of_zero_stops_even_nan():
    identity, pair = torch.tensor(1.0, requires_grad=True), torch.tensor(math.nan, requires_grad=True)
    icl = torch.tensor(2.0, requires_grad=True)
    result = weigh(Objective(identity=2.0, icl=0.5), identity=identity, icl=icl, pair=pair)
    result.total.backward()
    assert result.total.item() == 3.0
    assert (identity.grad.item(), icl.grad.item(), pair.grad) == (2.0, 0.5, None)
    assert result.pair is pair


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_weight_that_is_no_weight_is_refused(weight):
    with pytest.raises(ValueError, match="weight alignment is"):
        Objective(alignment=weight)


def test_nothing_to_train_on_is_refused():
    with pytest.raises(ValueError, match="no loss to train on"):
        weigh(Objective())
    with pytest.raises(ValueError, match="no loss to train on"):
        weigh(Objective(), pair=torch.tensor(1.0))
