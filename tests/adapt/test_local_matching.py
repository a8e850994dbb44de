"""Local matching: its values, and that held-out photos decide how much it counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.adapt.synthetic import draw, support_of
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.load import make_embedder
from vicp.adapt.local_matching import (
    USUAL_WEIGHT,
    PatchWhitening,
    fit_local_matching,
    middle_patches,
    patch_similarity,
)
from vicp.adapt.selection.select import fit_selected
from vicp.data.images import normalise
from vicp.model.build import PRESETS, build_model

NAMES = np.repeat(np.arange(12), 3)


@pytest.fixture(scope="module")
def bare() -> Embedder:
    return replace(make_embedder(build_model(PRESETS["tiny"]).eval()), model=None)


def support(*, embeddings_tell: bool, pixels_tell: bool) -> EncodedSupport:
    """Three photos of twelve identities, told apart by their embeddings, by their pixels, or by both."""
    each = torch.nn.functional.normalize(draw(1, 12, 32), dim=1)[NAMES]
    embeddings = each if embeddings_tell else draw(2, 36, 32)
    embeddings = torch.nn.functional.normalize(embeddings + 0.01 * draw(3, 36, 32), dim=1)
    generator = torch.Generator().manual_seed(4)
    pixels = torch.randint(0, 256, (36, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return replace(support_of(embeddings, NAMES), pixels=pixels[3 * NAMES] if pixels_tell else pixels)


def test_whitened_patches_vary_alike_in_every_direction() -> None:
    patches = draw(0, 200, 9, 4) * torch.tensor([9.0, 3.0, 1.0, 0.4]) + 5
    whitening = PatchWhitening.fit(patches)
    white = ((patches - whitening.mean) @ whitening.weight).flatten(0, 1)
    torch.testing.assert_close(white.T @ white / len(white), torch.eye(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(whitening.apply(patches), torch.nn.functional.normalize(white.view(200, 9, 4), dim=-1))


def test_a_direction_without_variance_is_not_blown_up() -> None:
    patches = draw(0, 50, 9, 3) * torch.tensor([1.0, 1.0, 1e-6])
    assert PatchWhitening.fit(patches).weight.abs().max() < 40


def test_patch_similarity_is_the_mean_of_best_matches_both_ways() -> None:
    x, y = torch.eye(2)
    left, right = torch.stack([x, x])[None], torch.stack([x, y])[None]
    assert patch_similarity(left, right).item() == pytest.approx((1 + 0.5) / 2)
    torch.testing.assert_close(patch_similarity(right, left), patch_similarity(left, right))


def test_middle_patches_come_before_the_last_layers(bare) -> None:
    pixels = support(embeddings_tell=True, pixels_tell=True).pixels[:2]
    found = middle_patches(bare, pixels)
    vit, layers = bare.backbone.vit, len(bare.backbone.layers)
    with torch.inference_mode():
        hidden = vit(pixel_values=normalise(pixels, bare.transform), output_hidden_states=True).hidden_states
    expected = hidden[max(round(0.6 * layers), 1)][:, -found.shape[1] :]
    torch.testing.assert_close(found, expected.float(), atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize(("embeddings_tell", "pixels_tell", "weight"), [(True, False, 0), (False, True, 1)])
def test_held_out_photos_choose_the_weight(bare, embeddings_tell: bool, pixels_tell: bool, weight: float) -> None:
    photos = support(embeddings_tell=embeddings_tell, pixels_tell=pixels_tell)
    prompt = fit_selected(bare, photos, "null")
    matching = fit_local_matching(bare, photos, prompt)
    if not weight:
        assert matching is None
        return
    assert matching is not None
    patches = matching.patches(bare)(photos.pixels)
    same, other = patch_similarity(patches[0:1], patches[1:2]).item(), patch_similarity(patches[0:1], patches[3:4])
    assert same > 0.99 > other.item() + 0.2
    assert matching.coefficient > 0.95 * _spread_ratio(photos, patches)


def test_too_few_photos_to_hold_out_take_the_usual_weight(bare) -> None:
    photos = support(embeddings_tell=True, pixels_tell=False).select(np.arange(6))
    matching = fit_local_matching(bare, photos, fit_selected(bare, photos, "null"))
    assert matching is not None
    patches = matching.patches(bare)(photos.pixels)
    assert matching.coefficient == pytest.approx(USUAL_WEIGHT * _spread_ratio(photos, patches), rel=0.02)


def _spread_ratio(photos: EncodedSupport, patches: torch.Tensor) -> float:
    rows, columns = np.triu_indices(len(photos), 1)
    cosine = (photos.frozen @ photos.frozen.T)[rows, columns]
    return float(cosine.std(ddof=1) / patch_similarity(patches[rows], patches[columns]).std())
