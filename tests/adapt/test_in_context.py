"""What the model says of pairs directly: predictions of held-out labels, and the verifier."""

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import SUPPORT
from vicp.adapt.in_context import LabelPrediction, predict_labels, probability_same
from vicp.adapt.load import make_embedder
from vicp.adapt.methods.generated import infer_prompt
from vicp.adapt.prompt import Prompt
from vicp.data.support.support import Support
from vicp.errors import PromptError
from vicp.model.build import PRESETS, build_model


def test_label_prediction_sees_only_the_other_folds(model, latents) -> None:
    check = predict_labels(model, latents, SUPPORT, seed=0)
    relabelled = SUPPORT.same.copy()
    relabelled[2] = not relabelled[2]
    again = predict_labels(model, latents, Support(SUPPORT.left, SUPPORT.right, relabelled), seed=0)
    assert check.probability[2] == pytest.approx(again.probability[2]), "its own label cannot sway the prediction"
    assert not np.allclose(np.delete(check.probability, 2), np.delete(again.probability, 2), rtol=0, atol=1e-9)


def test_too_few_pairs_to_predict(model, latents) -> None:
    three = Support(SUPPORT.left[:3], SUPPORT.right[:3], SUPPORT.same[:3])
    assert predict_labels(model, latents, three, seed=0) is None


def test_suspects_come_most_suspicious_first() -> None:
    probability, same = np.repeat([0.95, 0.2], 10), np.repeat([True, False], 10)
    probability[[1, 2, 5, 13]] = 0.04, 0.01, 0.06, 0.97
    check = LabelPrediction(probability, same)
    assert check.suspects == [2, 13, 1]
    assert check.accuracy == pytest.approx(16 / 20)


@pytest.mark.parametrize(("right", "predictable"), [(14, False), (15, True)], ids=["5.8 % by chance", "2.1 %"])
def test_labels_are_predictable_where_the_majority_label_is_beaten_clearly(right: int, predictable: bool) -> None:
    same = np.arange(20) % 2 == 0
    said = np.where(np.arange(20) < right, same, ~same)
    check = LabelPrediction(np.where(said, 0.99, 0.01), same)
    assert (check.majority_rate, check.labels_predictable) == (0.5, predictable)
    assert bool(check.suspects) == predictable, "a model that cannot predict labels is no judge of them"


def test_pairs_of_one_label_are_not_predictable() -> None:
    check = LabelPrediction(np.full(30, 0.9), np.full(30, True))
    assert (check.accuracy, check.majority_rate, check.labels_predictable) == (1.0, 1.0, False)


def test_verifier_is_symmetric_and_checks_the_model(embedder, latents) -> None:
    own = Prompt.of(infer_prompt(embedder, latents, SUPPORT, category="cat"))
    there = probability_same(embedder, own, latents[:3], latents[3:6])
    back = probability_same(embedder, own, latents[3:6], latents[:3])
    torch.testing.assert_close(there, back)
    assert ((there > 0) & (there < 1)).all()
    with pytest.raises(PromptError, match="teach the category again"):
        probability_same(make_embedder(build_model(PRESETS["tiny"], seed=2)), own, latents[:1], latents[1:2])
