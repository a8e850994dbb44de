"""The paper's prompt: it reads the labelled pairs, and its metric holds without its tokens."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import SUPPORT
from vicp.adapt.embedder import as_tensors
from vicp.adapt.load import make_embedder
from vicp.adapt.methods.generated import emitted_metric, infer_prompt, null_prompt
from vicp.adapt.prompt import Prompt
from vicp.data.support.support import Support
from vicp.errors import ConfigError
from vicp.model.build import PRESETS, build_model


def test_prompt_reads_the_pairs_labels_and_all(embedder, latents) -> None:
    own = infer_prompt(embedder, latents, SUPPORT, category="cat", seed=7)
    assert (own.category, own.num_pairs, own.seed) == ("cat", 5, 7)
    assert own.tokens.shape == (2, 4, 32), "prompts per layer (L, M, D)"
    flipped = infer_prompt(embedder, latents, Support(SUPPORT.left, SUPPORT.right, ~SUPPORT.same), category="cat")
    assert not np.allclose(own.tokens, flipped.tokens, atol=1e-6)


def test_null_prompt_reads_nothing(embedder, latents) -> None:
    assert null_prompt(embedder, latents).num_pairs == 0
    flipped = null_prompt(embedder, latents.apply(torch.flipud))
    np.testing.assert_array_equal(null_prompt(embedder, latents).tokens, flipped.tokens)


def test_the_emitted_metric_alone_is_the_prompt_without_its_tokens(embedder, latents) -> None:
    """On frozen embeddings, and the same as what the model makes of readouts under this metric."""
    config = dataclasses.replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)
    emitting = make_embedder(build_model(config).eval())
    photos = torch.randint(256, (10, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    prompt = Prompt.of(infer_prompt(emitting, emitting.latents(photos), SUPPORT, category="cat"))
    frozen = emitting.embed_pixels(photos)
    expected = emitting.full_model.apply_metric(frozen, as_tensors(prompt.visual.category_metric))
    metric = emitted_metric(emitting, prompt)
    np.testing.assert_allclose(metric.apply(frozen.numpy()), expected.detach().numpy(), atol=1e-5)
    assert not torch.allclose(expected, frozen, atol=1e-2)
    with pytest.raises(ConfigError, match="emits prompt tokens alone"):
        emitted_metric(embedder, Prompt.of(infer_prompt(embedder, latents, SUPPORT, category="cat")))
