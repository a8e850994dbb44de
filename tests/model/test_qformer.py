"""The Q-Former, and latents as a value: what is done to photos is done to their tokens and readouts alike."""

import pytest
import torch
from tests.helpers.tiny_models import randomise
from transformers import Blip2QFormerConfig, Blip2QFormerModel

from vicp.model.backbone import Encoding
from vicp.model.qformer import Latents, QFormer

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


@pytest.fixture
def qformer() -> QFormer:
    config = Blip2QFormerConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        encoder_hidden_size=20,
        cross_attention_frequency=1,
    )
    qformer = QFormer(Blip2QFormerModel(config), num_latents=3, out_dim=8).eval()
    randomise(qformer)
    return qformer


def test_the_q_former_reads_by_learned_queries(qformer: QFormer) -> None:
    tokens = torch.randn(2, 7, 20)
    latents = qformer(Encoding(tokens[:, :1], tokens[:, 1:])).tokens
    assert latents.shape == (2, 3, 8)
    output = qformer.transformer(qformer.queries.expand(2, -1, -1), encoder_hidden_states=tokens)
    torch.testing.assert_close(latents, output.last_hidden_state @ qformer.project.weight.T + qformer.project.bias)


def test_no_photo_gives_no_latents(qformer: QFormer) -> None:
    assert qformer(Encoding(torch.zeros(0, 1, 20), torch.zeros(0, 6, 20))).tokens.shape == (0, 3, 8)


def test_latents_depend_on_their_own_photo_and_not_on_patch_order(qformer: QFormer) -> None:
    def latents(tokens: torch.Tensor) -> torch.Tensor:
        return qformer(Encoding(tokens[:, :1], tokens[:, 1:])).tokens

    tokens = torch.randn(2, 7, 20)
    changed = torch.stack([tokens[0], tokens[1] + 1.0])
    before, after = latents(tokens), latents(changed)
    torch.testing.assert_close(before[0], after[0])
    assert (before[1] - after[1]).abs().max() > 1e-3
    torch.testing.assert_close(latents(tokens[:, torch.randperm(7)]), before, atol=1e-5, rtol=1e-5)
