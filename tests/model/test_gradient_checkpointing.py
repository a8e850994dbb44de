"""Gradient checkpointing: the same gradients from less memory, in frozen parts as in trained ones."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, VISION_CONFIGS, randomise
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, OPTConfig, PreTrainedModel

from vicp.config import PartConfig
from vicp.model.additions.gradient_checkpointing import checkpoint_layers
from vicp.model.backbone import Backbone
from vicp.model.build import TINY, build_model
from vicp.model.reasoner import Reasoner
from vicp.model.vicp import VICP

DEEP = replace(
    TINY,
    backbone=PartConfig(family="dinov2", sizes={**TINY.backbone.sizes, "num_hidden_layers": 6}),
    reasoner=PartConfig(family="llama", sizes={**TINY.reasoner.sizes, "num_hidden_layers": 6}),
)


@pytest.fixture(params=[True, False], ids=["frozen", "trained"])
def model(request: pytest.FixtureRequest) -> VICP:
    model = build_model(replace(DEEP, freeze_reasoner=request.param)).train()
    randomise(model)
    return model


def saved_bytes(model: nn.Module, run: Callable[[], Tensor]) -> int:
    """What a forward pass keeps for the backward pass, weights aside."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = run()
    assert output.requires_grad
    return sum(kept.values())


def gradients(model: VICP, photos: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    latents = model.latents(photos)
    reading = model.encode_context(latents[:3][None], latents[3:][None], torch.tensor([[True, False, True]]))
    embeddings = model.embed(photos, model.batched_prompt_states(reading.tokens, len(photos)))
    ((embeddings @ torch.linspace(-1, 1, 32)).sum() + reading.label_states.square().sum()).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_gradients_are_the_same(model: VICP, photos: Tensor) -> None:
    expected = gradients(model, photos)
    model.set_gradient_checkpointing(True)
    found = gradients(model, photos)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-6)


def test_the_prompted_vit_keeps_less(model: VICP) -> None:
    photos = torch.randn(4, 3, 64, 64)
    tokens = torch.randn(1, 6, 4, 32, requires_grad=True)

    def run() -> Tensor:
        return model.embed(photos, model.batched_prompt_states(tokens, len(photos)))

    plain = saved_bytes(model, run)
    model.set_gradient_checkpointing(True)
    model.eval()
    model.train()  # as the training loop does around each validation
    assert saved_bytes(model, run) < plain / 4
    model.set_gradient_checkpointing(False)
    assert saved_bytes(model, run) > 0.9 * plain


def test_the_llm_keeps_less(model: VICP) -> None:
    context = torch.randn(2, 50, 32, requires_grad=True)
    plain = saved_bytes(model, lambda: model.reasoner(context))
    model.set_gradient_checkpointing(True)
    assert saved_bytes(model, lambda: model.reasoner(context)) < plain / 4


@pytest.mark.parametrize("family", list(VISION_CONFIGS))
def test_every_family_of_vision_transformers(family: str) -> None:
    vit = AutoModel.from_config(VISION_CONFIGS[family]())
    randomise(vit)
    backbone, photos = Backbone(vit), torch.randn(2, 3, 32, 32)
    found = []
    for on in (False, True):
        tokens = torch.ones(3, 4, 32).requires_grad_()
        checkpoint_layers(backbone.train(), on=on)
        states = backbone.prompt_states(tokens)
        kept = saved_bytes(backbone, lambda states=states: backbone.embed(photos, states))
        (backbone.embed(photos, states) @ torch.linspace(-1, 1, 32)).sum().backward()
        found.append((kept, tokens.grad))
    (plain, expected), (checkpointed, gradient) = found
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-6)
    assert checkpointed < plain / 2


def opt() -> PreTrainedModel:
    """Its layers themselves drop out, where others leave that to modules of their own."""
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 24, "vocab_size": 6}
    words = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    return AutoModelForCausalLM.from_config(OPTConfig(**sizes, **words, word_embed_proj_dim=24, dropout=0.5))


@pytest.mark.parametrize(
    "make",
    [*(lambda make=make: AutoModelForCausalLM.from_config(make()) for make in LANGUAGE_CONFIGS.values()), opt],
    ids=[*LANGUAGE_CONFIGS, "opt"],
)
def test_a_frozen_layer_stays_in_eval_while_it_checkpoints(make: Callable[[], PreTrainedModel]) -> None:
    reasoner = Reasoner(make())
    plain, checkpointed = (torch.linspace(-1, 1, 120).reshape(1, 5, 24).requires_grad_() for _ in range(2))
    expected = reasoner.train()(plain)
    checkpoint_layers(reasoner, on=True)
    found = reasoner(checkpointed)
    assert torch.equal(found, expected)
    for states in (expected, found):
        states.square().sum().backward()
    torch.testing.assert_close(checkpointed.grad, plain.grad, atol=1e-6, rtol=1e-6)


def test_prompts_are_inferred_while_it_is_on(model: VICP, photos: Tensor) -> None:
    model.eval()
    with torch.no_grad():
        latents = model.latents(photos)
    support = (latents[:3], latents[3:], torch.tensor([True, False, True]))
    plain = model.infer_prompt(*support, category="cat")
    model.set_gradient_checkpointing(True)
    assert not model.training
    np.testing.assert_array_equal(model.infer_prompt(*support, category="cat").tokens, plain.tokens)
