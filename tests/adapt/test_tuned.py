from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import support_of
from vicp.adapt.load import make_embedder
from vicp.adapt.methods import tuned
from vicp.adapt.methods.tuned import Tuning
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def embedder():
    return make_embedder(build_model(PRESETS["tiny"]).eval())


@pytest.fixture(scope="module")
def support(embedder):
    """Six identities of four photos: a colour each, half drowned in noise."""
    draw = torch.Generator().manual_seed(0)
    colours = torch.randint(0, 256, (6, 1, 3, 1, 1), generator=draw)
    noise = torch.randint(0, 256, (6, 4, 3, 32, 32), generator=draw)
    pixels = ((colours + noise) // 2).flatten(0, 1).to(torch.uint8)
    photos = support_of(embedder.embed_pixels(pixels), np.repeat(np.arange(6), 4), num_pairs=24)
    return replace(photos, pixels=pixels)


def test_tuning_lowers_its_loss_and_touches_nothing_but_the_prompt(embedder, support) -> None:
    before = {name: tensor.clone() for name, tensor in embedder.model.state_dict().items()}
    start = tuned.random_prompt(embedder, support).visual
    first = start.tokens.copy()
    after = Tuning(embedder, support, start, rate=2e-2).after(15)
    everything = np.arange(len(support))
    losses = [
        float(tuned.batch_loss(embedder, support, torch.tensor(prompt.tokens), None, everything))
        for prompt in (start, after)
    ]
    assert losses[1] < 0.95 * losses[0]
    np.testing.assert_array_equal(start.tokens, first)
    assert all(torch.equal(tensor, before[name]) for name, tensor in embedder.model.state_dict().items())
    assert all(parameter.grad is None for parameter in embedder.backbone.parameters())


def test_later_steps_go_on_from_earlier_ones(embedder, support) -> None:
    start = tuned.random_prompt(embedder, support).visual
    tuning = Tuning(embedder, support, start, rate=2e-2)
    five, two = tuning.after(5), tuning.after(2)
    np.testing.assert_array_equal(two.tokens, Tuning(embedder, support, start, rate=2e-2).after(2).tokens)
    assert not np.array_equal(two.tokens, five.tokens)
    with pytest.raises(ValueError, match="steps is 0"):
        tuning.after(0)


def test_the_size_of_the_start_does_not_matter(embedder, support) -> None:
    start = tuned.random_prompt(embedder, support).visual
    larger = replace(start, tokens=100 * start.tokens)
    near, far = (Tuning(embedder, support, visual, rate=2e-2).after(3).tokens for visual in (start, larger))
    np.testing.assert_allclose(far / 100, near, atol=5e-3)


def test_a_random_start_is_made_of_what_layers_read(embedder, support) -> None:
    start = tuned.random_prompt(embedder, support)
    assert start.visual.tokens.shape == (2, tuned.NUM_PROMPTS, 32)
    inputs = tuned.layer_inputs(embedder, support.pixels)
    for layer, tokens in zip(inputs, start.visual.tokens, strict=True):
        assert torch.cdist(torch.tensor(tokens), layer).min(dim=1).values.max() < 1e-2, "cdist itself is rough"
    frozen, prompted = (embedder.embed_pixels(support.pixels, prompt) for prompt in (None, start))
    assert (frozen * prompted).sum(dim=1).min() > 0.9, "the start is near the frozen model"


def test_the_loss_by_hand() -> None:
    embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    relation = torch.tensor([[1, 1, -1, 0], [1, 1, 0, 0], [-1, 0, 1, 0], [0, 0, 0, 1]])
    expected = np.log1p(np.exp((0 - 1) / tuned.TEMPERATURE))
    assert float(tuned.ranking_loss(embeddings, relation)) == pytest.approx(expected)
    assert float(tuned.ranking_loss(embeddings, torch.eye(4))) == 0
