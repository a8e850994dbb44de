"""Learned prompts: their start, their shapes, and that they alone are learned."""

import math

import pytest
import torch
from tests.helpers.tiny_models import VISION_CONFIGS, randomise
from torch import Tensor
from transformers import AutoModel

from vicp.model.additions.static_prompt import StaticPrompt
from vicp.model.backbone import Backbone

NUM_LAYERS, WIDTH, PATCH = 3, 32, 8


@pytest.fixture
def backbone() -> Backbone:
    vit = AutoModel.from_config(VISION_CONFIGS["dinov2"]())
    randomise(vit)
    return Backbone(vit)


def random(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("per_layer", "shape"), [(True, (NUM_LAYERS, 5, WIDTH)), (False, (5, WIDTH))])
def test_tokens_alone_learn_and_each_of_them_does(backbone: Backbone, per_layer: bool, shape: tuple[int, ...]) -> None:
    prompt = StaticPrompt(backbone, num_prompts=5, per_layer=per_layer)
    assert [(name, tuple(p.shape)) for name, p in prompt.named_parameters()] == [("tokens", shape)]
    assert prompt() is prompt.tokens
    pixels, target = random(2, 3, 32, 32), random(2, WIDTH, seed=4)
    optimiser, values = torch.optim.Adam(prompt.parameters(), lr=0.05), []
    for _ in range(5):
        loss = -(backbone.embed(pixels, backbone.prompt_states(prompt())) * target).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert prompt.tokens.grad.abs().amax(dim=-1).min() > 0
    assert values[-1] < values[0] - 0.01
    assert [name for name, p in backbone.named_parameters() if p.requires_grad or p.grad is not None] == []


@torch.no_grad()
def test_a_shared_prompt_equals_its_copy_in_every_layer(backbone: Backbone) -> None:
    shared, deep = (StaticPrompt(backbone, num_prompts=4, per_layer=per_layer) for per_layer in (False, True))
    deep.tokens.copy_(shared.tokens.expand(NUM_LAYERS, -1, -1))
    pixels = random(2, 3, 32, 32)
    one, other = (backbone.embed(pixels, backbone.prompt_states(prompt())) for prompt in (shared, deep))
    assert torch.equal(one, other)
    assert not torch.allclose(one, backbone.embed(pixels))


@pytest.mark.parametrize("patch_size", [PATCH, (PATCH, PATCH)])
def test_the_start_is_vpt_s_and_follows_the_seed(backbone: Backbone, patch_size: int | tuple[int, int]) -> None:
    backbone.vit.config.patch_size = patch_size
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(StaticPrompt(backbone, num_prompts=200).tokens.detach())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    bound = math.sqrt(6 / (3 * 64 + 32))
    assert drawn[0].abs().max() <= bound
    assert drawn[0].max().item() == pytest.approx(bound, rel=1e-3)
    assert drawn[0].std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_no_prompt_is_refused(backbone: Backbone) -> None:
    with pytest.raises(ValueError, match="num_prompts is 0; expected at least 1"):
        StaticPrompt(backbone, num_prompts=0)
