"""What embeddings depend on, as one fingerprint: change any of it and what is stored is stale."""

from dataclasses import replace

import torch

from vicp.adapt.load import make_embedder
from vicp.adapt.methods.whitening import WhiteningTransform
from vicp.adapt.prompt import Prompt, Recipe
from vicp.gallery.categories import embedding_space_key
from vicp.model.build import PRESETS, build_model


def test_a_space_is_its_metrics() -> None:
    model = build_model(PRESETS["tiny"]).eval()
    embedder = make_embedder(model)
    dim = 2
    one, other = (
        WhiteningTransform(torch.zeros(dim), torch.eye(dim)),
        WhiteningTransform(torch.ones(dim), torch.eye(dim)),
    )
    plain = Prompt(Recipe("metric", shrinkage=1.0), "cat", 1, None, embedder.fingerprint, metric=one)
    beside = [
        replace(plain, beside=metric, recipe=replace(plain.recipe, share=share))
        for metric in (one, other)
        for share in (0.5, 0.8)
    ]
    prompts = [plain, replace(plain, metric=other), *beside]
    assert len({embedding_space_key(embedder, prompt, "cat") for prompt in prompts}) == 6
