"""What is left of an emitted metric when the LLM says nothing."""

from dataclasses import replace

import numpy as np
import torch

from benchmarks.context.variants import VARIANTS, metric_of_frozen, no_llm
from vicp.adapt.encoded_support import encode_pixels
from vicp.adapt.load import make_embedder
from vicp.data.support.support import sample_support
from vicp.model.build import PRESETS, build_model

METRIC = replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)


def test_without_the_llm_the_gains_are_what_the_pairs_say_alone() -> None:
    embedder = make_embedder(build_model(METRIC).eval())
    names = [str(number // 3) for number in range(12)]
    pixels = torch.randint(0, 255, (12, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    support = encode_pixels(
        embedder, pixels, sample_support(names, 8, seed=0), category="pot", identities=names, seed=0
    )
    emitted = metric_of_frozen(embedder, support).emitted_metric
    torch.nn.init.zeros_(embedder.full_model.metric_head.out.weight)
    silent = metric_of_frozen(embedder, support).emitted_metric
    without = no_llm(embedder, support).emitted_metric
    assert np.abs(emitted.weight - without.weight).max() > 1e-3
    np.testing.assert_allclose(silent.weight, without.weight, atol=1e-6)
    np.testing.assert_allclose(silent.mean, without.mean, atol=1e-6)


def test_a_model_without_a_metric_has_none_of_it() -> None:
    plain, with_metric = (make_embedder(build_model(config).eval()) for config in (PRESETS["tiny"], METRIC))
    assert [name for name, variant in VARIANTS.items() if not variant.is_for(plain)] == ["emitted_metric", "no_llm"]
    assert all(variant.is_for(with_metric) for variant in VARIANTS.values())
