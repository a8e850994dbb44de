"""The readout latent: a photo's readout as one more latent, and where its directions start."""

import dataclasses

import pytest
import torch

from vicp.model.additions.comparison import Comparison
from vicp.model.additions.pca import principal_components
from vicp.model.additions.readout_latent import ReadoutLatent
from vicp.model.build import TINY, build_model

WITH_READOUT = dataclasses.replace(TINY, readout_latent=True, pooling="both")


def stretched(num: int) -> torch.Tensor:
    """Readouts (n, 3) of deviations 9, 3 and 1 about 5."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, 3, generator=generator) * torch.tensor([9.0, 3.0, 1.0]) + 5


def test_principal_directions_of_a_stretched_cloud():
    found = principal_components(stretched(4000), 2)
    torch.testing.assert_close(found.directions.abs(), torch.eye(3)[:2], atol=0.02, rtol=0)
    torch.testing.assert_close(found.centre, torch.full((3,), 5.0), atol=0.4, rtol=0)
    torch.testing.assert_close(found.deviation, torch.tensor([9.3, 3.3]), atol=0.2, rtol=0)  # a tenth of 3 on top


def test_it_starts_centred_and_whitened_and_silent_beyond():
    readout_latent = ReadoutLatent(3, 5)
    readouts = stretched(4000)
    readout_latent.start_from(readouts)
    latents = readout_latent(readouts)[:, 0].detach()
    torch.testing.assert_close(latents.mean(dim=0), torch.zeros(5), atol=1e-3, rtol=0)
    torch.testing.assert_close(latents.std(dim=0), torch.tensor([0.97, 0.91, 0.77, 0, 0]), atol=0.03, rtol=0)


def test_the_last_latent_is_the_readout():
    model = build_model(WITH_READOUT).eval()
    pixels = torch.randn(2, 3, 32, 32)
    latents = model.latents(pixels).tokens
    assert latents.shape == (2, 5, 32)
    torch.testing.assert_close(latents[:, -1], model.qformer.readout_latent.project(model.backbone.features(pixels)))
    plain = build_model(dataclasses.replace(WITH_READOUT, readout_latent=False)).eval()
    assert plain.latents(pixels).tokens.shape == (2, 4, 32)


def test_a_context_with_readout_latents_is_longer():
    """Each photo has five latents in place of four: 2 * 5 + comparison + label = 12 positions a pair, not 10."""
    assert build_model(TINY).max_pairs == (2048 - 4) // 10
    assert build_model(WITH_READOUT).max_pairs == (2048 - 4) // 12


@pytest.mark.parametrize("place", range(3))
def test_a_comparison_reads_every_latent(place: int):
    torch.manual_seed(0)
    compare = Comparison(8, readout_latent=True)
    left, right = torch.randn(2, 4, 3, 8).unbind(0)
    moved = left.clone()
    moved[:, place] += 1
    assert not torch.allclose(compare(left, right), compare(moved, right))
    torch.testing.assert_close(compare(left, right), compare(right, left))


def test_readout_latent_and_latents_are_compared_by_weights_of_their_own():
    torch.manual_seed(0)
    compare = Comparison(8, readout_latent=True)
    left, right = torch.randn(2, 4, 3, 8).unbind(0)
    swapped = [side[:, [1, 0, 2]] for side in (left, right)]
    torch.testing.assert_close(compare(*swapped), compare(left, right))
    swapped = [side[:, [2, 1, 0]] for side in (left, right)]
    assert not torch.allclose(compare(*swapped), compare(left, right))
