"""Latents per pair: no photo is the first, and the two are told apart."""

import torch
from tests.helpers.tiny_models import randomise

from vicp.model.additions.pair_fusion import PairFusion


def test_merged_latents_know_no_first_photo_but_tell_the_two_apart() -> None:
    fusion = PairFusion(8, num_latents=3, num_heads=2)
    randomise(fusion)
    left, right = torch.randn(2, 4, 5, 3, 8).unbind()
    merged = fusion(left, right)
    assert merged.shape == (4, 5, 3, 8)
    assert torch.equal(merged, fusion(right, left))
    torch.testing.assert_close(merged[1:2, 2:3], fusion(left[1:2, 2:3], right[1:2, 2:3]))
    swapped = [torch.cat([a[..., :1, :], b[..., 1:, :]], dim=-2) for a, b in ((left, right), (right, left))]
    assert (fusion(*swapped) - merged).abs().max() > 1e-3  # the same latents in all, on other sides
    assert fusion(left[:, :0], right[:, :0]).shape == (4, 0, 3, 8)
