"""What embeddings depend on, as one fingerprint: change any of it and what is stored is stale."""

from dataclasses import replace

import numpy as np

from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.load import make_embedder
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Blend, Whitening
from vicp.gallery.categories import embedding_space_key
from vicp.model.build import PRESETS, build_model
from vicp.runtime.photo_encoder import PhotoEncoder


def test_a_space_is_its_metrics() -> None:
    model = build_model(PRESETS["tiny"]).eval()
    embedder = make_embedder(model)
    dim = 2
    one, other = (
        LinearTransform(np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32)),
        LinearTransform(np.ones(dim, np.float32), np.eye(dim, dtype=np.float32)),
    )
    plain = Prompt(Whitening(1.0), "cat", 1, None, embedder.fingerprint, whitening=one)
    blends = [
        replace(plain, emitted_metric=metric, recipe=Blend(Whitening(1.0), weight))
        for metric in (one, other)
        for weight in (0.5, 0.8)
    ]
    prompts = [plain, replace(plain, whitening=other), *blends]
    assert len({embedding_space_key(PhotoEncoder(embedder), prompt, "cat") for prompt in prompts}) == 6
