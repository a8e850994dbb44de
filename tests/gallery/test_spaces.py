"""What embeddings depend on, as one fingerprint: change any of it and what is stored is stale."""

from dataclasses import replace

import torch

from vicp.adapt.adaptation import Adaptation, Recipe
from vicp.adapt.opening import embedder_of
from vicp.adapt.whitening import Metric
from vicp.gallery.spaces import space_of
from vicp.model.build import PRESETS, build_model


def test_a_space_is_its_metrics() -> None:
    model = build_model(PRESETS["tiny"]).eval()
    embedder = embedder_of(model)
    dim = 2
    one, other = Metric(torch.zeros(dim), torch.eye(dim)), Metric(torch.ones(dim), torch.eye(dim))
    plain = Adaptation(Recipe("metric", shrinkage=1.0), "cat", 1, None, embedder.fingerprint, metric=one)
    beside = [
        replace(plain, beside=metric, recipe=replace(plain.recipe, share=share))
        for metric in (one, other)
        for share in (0.5, 0.8)
    ]
    adaptations = [plain, replace(plain, metric=other), *beside]
    assert len({space_of(embedder, adaptation, "cat") for adaptation in adaptations}) == 6
