"""Prompts as extra keys and values, against the explicit concatenation that they stand for."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from tests.helpers.tiny_models import VISION_CONFIGS, randomise
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from vicp.model.backbone import Backbone, Encoding

NUM_LAYERS, WIDTH = 3, 32


@dataclass(frozen=True)
class Family:
    """One kind of vision transformer, taken apart by hand."""

    name: str
    num_prefix: int
    embed: Callable[[PreTrainedModel, Tensor], Tensor]
    layers: Callable[[PreTrainedModel], Sequence[nn.Module]]
    norm: Callable[[PreTrainedModel], nn.Module]
    layer_arguments: Callable[[PreTrainedModel, Tensor], dict[str, object]] = lambda vit, pixels: {}


FAMILIES = [
    Family("dinov2", 1, lambda v, x: v.embeddings(x), lambda v: v.encoder.layer, lambda v: v.layernorm),
    Family(
        "dinov2_with_registers",
        4,
        lambda v, x: v.embeddings(x),
        lambda v: v.encoder.layer,
        lambda v: v.layernorm,
    ),
    Family(
        "dinov3_vit",
        3,
        lambda v, x: v.embeddings(x),
        lambda v: v.model.layer,
        lambda v: v.norm,
        # Angles of the patches alone: all tokens before them, the prompt too, count as prefix.
        lambda v, x: {"position_embeddings": v.rope_embeddings(x)},
    ),
    Family(
        "clip_vision_model",
        1,
        lambda v, x: v.pre_layrnorm(v.embeddings(x, interpolate_pos_encoding=True)),
        lambda v: v.encoder.layers,
        lambda v: v.post_layernorm,
        lambda v, x: {"attention_mask": None},
    ),
    Family(
        "vit",
        1,
        lambda v, x: v.embeddings(x, interpolate_pos_encoding=True),
        lambda v: v.layers,
        lambda v: v.layernorm,
    ),
]


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


@pytest.fixture
def vit(family: Family) -> PreTrainedModel:
    """transformers' own model with its default attention."""
    model = AutoModel.from_config(VISION_CONFIGS[family.name]()).eval()
    randomise(model)
    assert model.config._attn_implementation == "sdpa"
    return model


@pytest.fixture
def backbone(vit: PreTrainedModel) -> Backbone:
    return Backbone(copy.deepcopy(vit))


def concatenated(family: Family, vit: PreTrainedModel, pixels: Tensor, prompt: Tensor) -> Tensor:
    """The model's own layers on [prompt; tokens], the prompt's positions dropped after each."""
    tokens = family.embed(vit, pixels)
    arguments = family.layer_arguments(vit, pixels)
    for layer, layer_prompt in zip(family.layers(vit), prompt, strict=True):
        joined = torch.cat([layer_prompt.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens = layer(joined, **arguments)[:, layer_prompt.shape[-2] :]
    return family.norm(vit)(tokens)


def random(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(32, 32), (48, 40)], ids=["own size", "interpolated"])
@pytest.mark.parametrize("per_layer", [True, False], ids=["per layer", "shared"])
@torch.no_grad()
def test_prompts_equal_concatenation(
    family: Family, vit: PreTrainedModel, backbone: Backbone, per_layer: bool, size: tuple[int, int]
) -> None:
    pixels = random(2, 3, *size)
    prompt = random(NUM_LAYERS, 5, WIDTH) if per_layer else random(5, WIDTH)
    expected = concatenated(family, vit, pixels, prompt.expand(NUM_LAYERS, -1, -1))
    encoding = backbone.encode(pixels, backbone.prompt_states(prompt))
    torch.testing.assert_close(encoding.tokens, expected, atol=1e-5, rtol=1e-5)
    assert encoding.prefix.shape == (2, family.num_prefix, WIDTH)
    assert encoding.patches.shape == (2, size[0] // 8 * (size[1] // 8), WIDTH)
    assert (encoding.tokens - backbone.encode(pixels).tokens).abs().max() > 0.05  # the prompt does something


@torch.no_grad()
def test_without_a_prompt_it_is_transformers_bit_for_bit(
    family: Family, vit: PreTrainedModel, backbone: Backbone
) -> None:
    pixels = random(2, 3, 32, 32)
    output = vit(pixel_values=pixels)
    expected = output.last_hidden_state
    if family.name == "clip_vision_model":  # transformers norms CLIP's pooled token only
        expected = vit.post_layernorm(expected)
        torch.testing.assert_close(backbone.encode(pixels).prefix[:, 0], output.pooler_output)
    assert torch.equal(backbone.encode(pixels, None).tokens, expected)


def test_gradients_reach_the_prompt_and_nothing_else(family: Family, vit: PreTrainedModel, backbone: Backbone) -> None:
    backbone.train()
    assert not any(module.training for module in backbone.modules())
    pixels, weights = random(2, 3, 32, 32), random(2, 16 + family.num_prefix, WIDTH, seed=4)
    implicit, explicit = (random(NUM_LAYERS, 5, WIDTH).requires_grad_() for _ in range(2))
    (backbone.encode(pixels, backbone.prompt_states(implicit)).tokens * weights).sum().backward()
    (concatenated(family, vit, pixels, explicit) * weights).sum().backward()
    torch.testing.assert_close(implicit.grad, explicit.grad, atol=1e-4, rtol=1e-4)
    assert explicit.grad is not None
    assert all(layer_gradient.abs().max() > 1e-3 for layer_gradient in explicit.grad)
    assert [name for name, p in backbone.named_parameters() if p.requires_grad or p.grad is not None] == []


@torch.no_grad()
def test_two_prompts_do_not_affect_each_other(backbone: Backbone) -> None:
    pixels = random(2, 3, 32, 32)
    one, two = (backbone.prompt_states(random(4, WIDTH, seed=seed)) for seed in (5, 6))
    first = [backbone.encode(pixels, states).tokens for states in (one, two, None)]
    again = [backbone.encode(pixels, states).tokens for states in (None, two, one)]
    for before, after in zip(first, reversed(again), strict=True):
        assert torch.equal(before, after)
    assert not torch.allclose(first[0], first[1], atol=1e-2)


@torch.no_grad()
def test_a_prompt_per_photo_equals_one_by_one(backbone: Backbone) -> None:
    pixels, prompts = random(3, 3, 32, 32), random(NUM_LAYERS, 3, 4, WIDTH)
    batched = backbone.encode(pixels, backbone.batched_prompt_states(prompts)).tokens
    for index in range(3):
        states = backbone.prompt_states(prompts[:, index])
        single = backbone.encode(pixels[index : index + 1], states).tokens
        torch.testing.assert_close(batched[index : index + 1], single, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_bfloat16_stays_close(backbone: Backbone) -> None:
    pixels, prompt = random(1, 3, 16, 16), random(2, WIDTH)
    exact = backbone.embed(pixels, backbone.prompt_states(prompt))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = backbone.embed(pixels, backbone.prompt_states(prompt))
    assert rough.dtype == torch.float32
    assert (exact * rough).sum() > 0.995  # finite, and the cosine is near 1


def test_width_and_layers(backbone: Backbone) -> None:
    assert (backbone.width, len(backbone.layers), backbone.num_patches(48, 40)) == (WIDTH, NUM_LAYERS, 30)


@pytest.mark.parametrize("shape", [(4, 31), (2, 4, 32), (3, 4, 31), (32,), (3, 1, 4, 32)])
def test_prompts_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    backbone = Backbone(AutoModel.from_config(VISION_CONFIGS["dinov2"]()))
    with pytest.raises(ValueError, match=r"expected \(M, 32\) or \(3, M, 32\)"):
        backbone.prompt_states(torch.zeros(shape))


def test_readouts() -> None:
    prefix, patches = torch.tensor([[[1.0, 2.0], [9.0, 9.0]]]), torch.tensor([[[2.0, 4.0], [4.0, 8.0]]])
    encoding = Encoding(prefix, patches)
    assert encoding.pool("cls").tolist() == [[1.0, 2.0]]
    assert encoding.pool("mean").tolist() == [[3.0, 6.0]]
    assert encoding.pool("both").tolist() == [[1.0, 2.0, 3.0, 6.0]]
    assert encoding.tokens.tolist() == [[[1.0, 2.0], [9.0, 9.0], [2.0, 4.0], [4.0, 8.0]]]


@torch.no_grad()
def test_embeddings_are_unit_readouts() -> None:
    vit = AutoModel.from_config(VISION_CONFIGS["dinov2"]())
    pixels = random(2, 3, 32, 32)
    for mode, dim in (("cls", WIDTH), ("mean", WIDTH), ("both", 2 * WIDTH)):
        backbone = Backbone(vit, pooling=mode)
        embeddings, vectors = backbone.embed(pixels), backbone.encode(pixels).pool(mode)
        assert embeddings.shape == (2, dim) == (2, backbone.embedding_dim)
        torch.testing.assert_close(embeddings, vectors / vectors.norm(dim=1, keepdim=True))


def test_unfrozen_it_trains_and_passes_the_mode_on(family: Family, vit: PreTrainedModel) -> None:
    vit.requires_grad_(True)
    next(vit.parameters()).requires_grad_(False)
    backbone = Backbone(vit, frozen=False)
    assert backbone.train() is backbone
    assert all(module.training for module in backbone.modules())
    assert not any(module.training for module in backbone.eval().modules())
    assert [p.requires_grad for p in vit.parameters()] == [False] + [True] * (len(list(vit.parameters())) - 1)
    backbone.embed(random(2, 3, 32, 32))[:, 0].sum().backward()
    assert all(p.grad is not None for p in backbone.layers[0].parameters())
    frozen = Backbone(vit)
    assert not any(module.training for module in frozen.train().modules())
    assert not any(p.requires_grad for p in vit.parameters())


def test_unfrozen_dropout_works_in_training_alone() -> None:
    config = VISION_CONFIGS["vit"]()
    config.hidden_dropout_prob = 0.5
    backbone = Backbone(AutoModel.from_config(config), frozen=False)
    pixels = random(1, 3, 32, 32)
    backbone.eval()
    assert torch.equal(backbone.embed(pixels), backbone.embed(pixels))
    backbone.train()
    assert not torch.equal(backbone.embed(pixels), backbone.embed(pixels))


@torch.no_grad()
def test_features_are_embeddings_before_they_are_normalised(backbone: Backbone) -> None:
    pixels = random(2, 3, 32, 32)
    states = backbone.prompt_states(random(4, WIDTH))
    features = backbone.features(pixels, states)
    assert torch.equal(features, backbone.encode(pixels, states).prefix[:, 0])
    assert torch.equal(backbone.embed(pixels, states), nn.functional.normalize(features, dim=-1))
    assert (features.norm(dim=1) - 1).abs().min() > 0.1
    assert backbone.bfloat16().features(pixels.bfloat16()).dtype == torch.float32


def test_halved_tokens_are_the_prefix_and_the_means_of_two_by_two_patches() -> None:
    patches = torch.arange(25.0).view(1, 25, 1)  # five rows of five; the last row and column are left out
    found = Encoding(torch.full((1, 2, 1), -1.0), patches).select("halved")
    assert found.flatten().tolist() == [-1, -1, 3, 5, 13, 15]
