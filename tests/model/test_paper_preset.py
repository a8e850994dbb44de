"""The paper preset at the size of DINOv2 ViT-S/14, its two sources random and local."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers.tiny_models import VOCABULARY, save_language_model
from transformers import Dinov2Config, Dinov2Model, LlamaConfig, LlamaForCausalLM

from vicp.config import ModelConfig, PartConfig
from vicp.model.build import PRESETS, build_model


@pytest.fixture
def config(tmp_path: Path) -> ModelConfig:
    vit = Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14)
    llm = LlamaConfig(
        hidden_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=8192,
        vocab_size=len(VOCABULARY),
        bos_token_id=None,
        eos_token_id=None,
    )
    Dinov2Model(vit).save_pretrained(tmp_path / "vit")
    save_language_model(LlamaForCausalLM(llm), tmp_path / "llm")
    return replace(
        PRESETS["paper"],
        backbone=PartConfig(source=str(tmp_path / "vit")),
        reasoner=PartConfig(source=str(tmp_path / "llm")),
    )


def test_the_whole_path_at_224_pixels(config: ModelConfig) -> None:
    model = build_model(config).eval()
    assert model.reasoner.label_ids == (VOCABULARY["different"], VOCABULARY["same"])
    learned = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert learned == {"comparison", "qformer", "head", "prompt_slots", "verifier"}

    photos = torch.randn(5, 3, 224, 224)
    with torch.no_grad():
        latents = model.latents(photos[:4])
    assert latents.tokens.shape == (4, 32, 256)
    same = torch.tensor([True, False])
    prompt = model.infer_prompt(latents[:2], latents[2:], same, category="shoe")
    assert prompt.tokens.shape == (32, 384), "one set for all layers"
    assert prompt.states.shape == (32, 256)

    with torch.no_grad():
        encoding = model.backbone.encode(photos[4:])
        states = model.backbone.prompt_states(torch.tensor(prompt.tokens))
        plain, prompted = model.embed(photos[4:]), model.embed(photos[4:], states)
    assert encoding.patches.shape == (1, 16 * 16, 384)
    assert encoding.prefix.shape == (1, 1, 384)
    assert plain.shape == prompted.shape == (1, 384)
    torch.testing.assert_close(prompted.norm(dim=1), torch.ones(1))
    assert (plain - prompted).abs().max() > 1e-3
    other = model.infer_prompt(latents[:2], latents[2:], ~same, category="shoe")
    assert np.abs(other.tokens - prompt.tokens).max() > 1e-5
