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
    adaptations = [plain, replace(plain, metric=other), replace(plain, beside=one), replace(plain, beside=other)]
    assert len({space_of(embedder, adaptation, "cat") for adaptation in adaptations}) == 4
