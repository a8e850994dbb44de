"""The tiny preset, some photos and their support, shared by the tests of the model."""

import pytest
import torch
from tests.helpers.tiny_models import randomise
from torch import Tensor

from vicp.model.build import TINY, build_model
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny() -> VICP:
    """The tiny preset with every weight random; shared, so never changed by a test."""
    model = build_model(TINY).eval()
    randomise(model)
    return model


@pytest.fixture
def photos() -> Tensor:
    return torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def support(tiny: VICP, photos: Tensor) -> tuple[Latents, Latents, Tensor]:
    """Latents of both photos of three pairs, and their labels."""
    with torch.no_grad():
        latents = tiny.latents(photos)
    return latents[:3], latents[3:], torch.tensor([True, False, True])
