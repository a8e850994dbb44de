"""The tiny model, its embedder, and latents of the ten photos of `SUPPORT`."""

import pytest
import torch

from vicp.adapt.load import make_embedder
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
