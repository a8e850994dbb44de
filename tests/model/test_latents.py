"""Latents as a value: what is done to the photos is done to tokens and readouts alike."""

import torch

from vicp.model.qformer import Latents

TOKENS, READOUT = torch.arange(24.0).view(4, 3, 2), torch.arange(20.0).view(4, 5)


def test_an_index_picks_photos_and_never_tokens() -> None:
    latents = Latents(TOKENS, READOUT)
    picked = latents[torch.tensor([2, 0])][None]
    assert len(latents) == 4
    assert torch.equal(picked.tokens, TOKENS[[2, 0]][None])
    assert picked.readout is not None
    assert torch.equal(picked.readout, READOUT[[2, 0]][None])
    assert latents[:2].tokens.shape == (2, 3, 2)
    assert Latents(TOKENS)[1:].readout is None


def test_joining_and_applying_keep_tokens_and_readouts_together() -> None:
    latents = Latents(TOKENS, READOUT)
    joined = Latents.cat([latents[:1], latents[1:]])
    assert torch.equal(joined.tokens, TOKENS)
    assert joined.readout is not None
    assert torch.equal(joined.readout, READOUT)
    contexts = Latents.cat([latents[:2][None], latents[2:][None]], dim=1)
    assert contexts.tokens.shape == (1, 4, 3, 2)
    assert contexts.readout is not None
    assert torch.equal(contexts.readout[0], READOUT)
    assert Latents.cat([Latents(TOKENS), Latents(TOKENS)]).readout is None
    doubled = latents.apply(lambda values: 2 * values)
    assert doubled.readout is not None
    assert torch.equal(doubled.readout, 2 * READOUT)
