import dataclasses

import numpy as np
import pytest
import torch

from vicp.adapt.load import make_embedder
from vicp.adapt.methods.generated import (
    LabelPrediction,
    emitted_metric_prompt,
    infer_prompt,
    null_prompt,
    predict_labels,
)
from vicp.adapt.prompt import Prompt
from vicp.adapt.verifier import probability_same
from vicp.data.support import Support
from vicp.errors import ConfigError, PromptError
from vicp.model.build import PRESETS, build_model
from vicp.model.qformer import Latents


@pytest.fixture(scope="module")
def model():
    return build_model(PRESETS["tiny"]).eval()


@pytest.fixture(scope="module")
def embedder(model):
    return make_embedder(model)


@pytest.fixture
def latents() -> Latents:
    return Latents(torch.randn(10, 4, 32, generator=torch.Generator().manual_seed(3)))


SUPPORT = Support(np.arange(5), np.arange(5, 10), np.array([True, False, True, False, True]))


def test_prompt_reads_the_pairs_labels_and_all(embedder, latents) -> None:
    own = infer_prompt(embedder, latents, SUPPORT, category="cat", seed=7)
    assert (own.category, own.num_pairs, own.seed) == ("cat", 5, 7)
    assert own.tokens.shape == (2, 4, 32), "prompts per layer (L, M, D)"
    flipped = infer_prompt(embedder, latents, Support(SUPPORT.left, SUPPORT.right, ~SUPPORT.same), category="cat")
    assert not torch.allclose(own.tokens, flipped.tokens, atol=1e-6)


def test_null_prompt_reads_nothing(embedder, latents) -> None:
    assert null_prompt(embedder, latents).num_pairs == 0
    assert torch.equal(null_prompt(embedder, latents).tokens, null_prompt(embedder, latents.apply(torch.flipud)).tokens)


def test_label_check_sees_only_the_other_folds(model, latents) -> None:
    check = predict_labels(model, latents, SUPPORT, seed=0)
    relabelled = SUPPORT.same.copy()
    relabelled[2] = not relabelled[2]
    again = predict_labels(model, latents, Support(SUPPORT.left, SUPPORT.right, relabelled), seed=0)
    assert check.probability[2] == pytest.approx(again.probability[2]), "its own label cannot sway the prediction"
    assert not np.allclose(np.delete(check.probability, 2), np.delete(again.probability, 2), rtol=0, atol=1e-9)


def test_too_few_pairs_to_check(model, latents) -> None:
    three = Support(SUPPORT.left[:3], SUPPORT.right[:3], SUPPORT.same[:3])
    assert predict_labels(model, latents, three, seed=0) is None


def test_suspects_come_most_suspicious_first() -> None:
    probability, same = np.repeat([0.95, 0.2], 10), np.repeat([True, False], 10)
    probability[[1, 2, 13]] = 0.04, 0.01, 0.97
    check = LabelPrediction(probability, same)
    assert check.suspects == [2, 13, 1]
    assert check.accuracy == pytest.approx(17 / 20)


@pytest.mark.parametrize(("right", "foreseen"), [(14, False), (15, True)], ids=["5.8 % by chance", "2.1 %"])
def test_labels_are_foreseen_where_one_answer_for_all_is_beaten_clearly(right: int, foreseen: bool) -> None:
    same = np.arange(20) % 2 == 0
    said = np.where(np.arange(20) < right, same, ~same)
    check = LabelPrediction(np.where(said, 0.99, 0.01), same)
    assert (check.guess, check.foreseen) == (0.5, foreseen)
    assert bool(check.suspects) == foreseen, "what does not foresee labels is no judge of them"


def test_of_pairs_of_one_label_none_is_foreseen() -> None:
    check = LabelPrediction(np.full(30, 0.9), np.full(30, True))
    assert (check.accuracy, check.guess, check.foreseen) == (1.0, 1.0, False)


def test_verifier_is_symmetric_and_checks_the_model(embedder, latents) -> None:
    own = Prompt.of(infer_prompt(embedder, latents, SUPPORT, category="cat"))
    there = probability_same(embedder, own, latents[:3], latents[3:6])
    back = probability_same(embedder, own, latents[3:6], latents[:3])
    torch.testing.assert_close(there, back)
    assert ((there > 0) & (there < 1)).all()
    with pytest.raises(PromptError, match="teach the category again"):
        probability_same(make_embedder(build_model(PRESETS["tiny"], seed=2)), own, latents[:1], latents[1:2])


def test_the_emitted_metric_alone_is_the_prompt_without_its_tokens(embedder, latents) -> None:
    """On frozen embeddings, and the same as what the model makes of readouts under these gains."""
    config = dataclasses.replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)
    emitting = make_embedder(build_model(config).eval())
    photos = torch.randint(256, (10, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    prompted = Prompt.of(infer_prompt(emitting, emitting.latents(photos), SUPPORT, category="cat"))
    readout = emitted_metric_prompt(emitting, prompted)
    assert str(readout.recipe) == "generated metric on frozen photos"
    assert readout.views == (None,)
    frozen = emitting.embed_pixels(photos, mirror=False)
    expected = emitting.full_model.apply_metric(frozen, prompted.visual.category_metric)
    torch.testing.assert_close(emitting.embed_pixels(photos, readout, mirror=False), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(expected, frozen, atol=1e-2)
    with pytest.raises(ConfigError, match="emits prompt tokens alone"):
        emitted_metric_prompt(embedder, Prompt.of(infer_prompt(embedder, latents, SUPPORT, category="cat")))
