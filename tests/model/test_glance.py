"""The glance: a photo's readout as latents of its own, and where its directions start."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from vicp.errors import ConfigError
from vicp.model.build import TINY, build_model
from vicp.model.comparison import Comparison
from vicp.model.directions import principal_directions
from vicp.model.glance import Glance

GLANCING = dataclasses.replace(TINY, glance=True, readout="both")


def stretched(num: int) -> torch.Tensor:
    """Readouts (n, 3) of deviations 9, 3 and 1 about 5."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, 3, generator=generator) * torch.tensor([9.0, 3.0, 1.0]) + 5


def test_principal_directions_of_a_stretched_cloud():
    found = principal_directions(stretched(4000), 2)
    torch.testing.assert_close(found.directions.abs(), torch.eye(3)[:2], atol=0.02, rtol=0)
    torch.testing.assert_close(found.centre, torch.full((3,), 5.0), atol=0.4, rtol=0)
    torch.testing.assert_close(found.deviation, torch.tensor([9.3, 3.3]), atol=0.2, rtol=0)  # a tenth of 3 on top


def test_a_glance_starts_centred_and_whitened_and_pads_with_zeros():
    """Readouts of three values in rows of two: one zero fills up. Of unit length, they vary in two directions alone."""
    glance = Glance(3, 2, num_prefix=1, readout="cls")
    readouts = stretched(4000)
    glance.start_from(F.normalize(readouts, dim=1))
    latents = glance(torch.stack([readouts, torch.zeros_like(readouts)], dim=1))
    assert latents.shape == (4000, 2, 2)
    assert not latents[:, 1, 1].any()
    coordinates = glance.coordinates(latents)
    torch.testing.assert_close(coordinates.mean(dim=0), torch.zeros(3), atol=1e-3, rtol=0)
    assert (coordinates.std(dim=0)[:2] - 0.9).abs().max() < 0.07  # the floor takes its share
    torch.testing.assert_close(glance.readouts(coordinates), F.normalize(readouts, dim=1), atol=1e-5, rtol=0)


def test_the_last_latents_are_the_readout():
    """D' = 64 in two rows of 32; nothing turned or centred before training, only scaled to a deviation near 1."""
    model = build_model(GLANCING).eval()
    pixels = torch.randn(2, 3, 32, 32)
    latents = model.latents(pixels)
    assert latents.shape == (2, 4 + 2, 32)
    readouts = F.normalize(model.backbone.features(pixels), dim=1)
    torch.testing.assert_close(latents[:, 4:].flatten(1), 8 * readouts)
    plain = build_model(dataclasses.replace(GLANCING, glance=False)).eval()
    assert plain.latents(pixels).shape == (2, 4, 32)


def test_the_llm_reads_no_glance_but_through_the_comparison():
    """2 * 4 latents, comparison and label: 10 positions a pair, with or without."""
    assert build_model(TINY).max_pairs == build_model(GLANCING).max_pairs == (2048 - 4) // 10
    with pytest.raises(ConfigError, match=r"model\.glance: only the comparison token sees it"):
        build_model(dataclasses.replace(GLANCING, compare_in_context=False))


@pytest.mark.parametrize("place", range(4))
def test_a_comparison_reads_every_latent(place: int):
    torch.manual_seed(0)
    compare = Comparison(8, glance_rows=2)
    left, right = torch.randn(2, 4, 4, 8).unbind(0)
    moved = left.clone()
    moved[:, place] += 1
    assert not torch.allclose(compare(left, right), compare(moved, right))
    torch.testing.assert_close(compare(left, right), compare(right, left))


def test_glance_and_latents_are_compared_by_weights_of_their_own():
    torch.manual_seed(0)
    compare = Comparison(8, glance_rows=1)
    left, right = torch.randn(2, 4, 3, 8).unbind(0)
    swapped = [side[:, [1, 0, 2]] for side in (left, right)]
    torch.testing.assert_close(compare(*swapped), compare(left, right))
    swapped = [side[:, [2, 1, 0]] for side in (left, right)]
    assert not torch.allclose(compare(*swapped), compare(left, right))
