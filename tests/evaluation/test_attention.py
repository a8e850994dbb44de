"""The attention of CLS against transformers' own and an explicit softmax; the picture by its pixels."""

import copy
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import (
    AutoModel,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    DINOv3ViTConfig,
    PreTrainedModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    ViTConfig,
)

from vicp.errors import ConfigError
from vicp.evaluation.plots.attention import (
    attention_map,
    heat_overlay,
    moved,
    plot_attention_shift,
    scaled,
    shift_overlay,
)
from vicp.model.backbone import Backbone

SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
CONFIGS = {
    "dinov2": Dinov2Config(**SIZES),
    "dinov2_with_registers": Dinov2WithRegistersConfig(**SIZES, num_register_tokens=3),
    "dinov3_vit": DINOv3ViTConfig(**SIZES, intermediate_size=48, num_register_tokens=2),
    "clip_vision_model": CLIPVisionConfig(**SIZES, intermediate_size=48),
    "vit": ViTConfig(**SIZES, intermediate_size=48),
}
NUM_PREFIX = {"dinov2": 1, "dinov2_with_registers": 4, "dinov3_vit": 3, "clip_vision_model": 1, "vit": 1}


def random(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=CONFIGS)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def eager(family: str) -> PreTrainedModel:
    """transformers' own model with weights that attend unevenly, and attention that it can hand out."""
    model = AutoModel.from_config(copy.deepcopy(CONFIGS[family]), attn_implementation="eager").eval()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.add_(random(*parameter.shape, seed=number) * 0.2)
    return model


@pytest.fixture
def backbone(eager: PreTrainedModel) -> Backbone:
    return Backbone(copy.deepcopy(eager))


@pytest.mark.parametrize("size", [(32, 32), (48, 40)], ids=["own size", "interpolated"])
@torch.no_grad()
def test_without_a_prompt_it_is_transformers_attention(
    family: str, eager: PreTrainedModel, backbone: Backbone, size: tuple[int, int]
) -> None:
    pixels = random(2, 3, *size)
    resized = {"interpolate_pos_encoding": True} if family in ("clip_vision_model", "vit") else {}
    last = eager(pixel_values=pixels, output_attentions=True, **resized).attentions[-1]  # (B, H, P+N, P+N)
    expected = last[:, :, 0, NUM_PREFIX[family] :].mean(dim=1)
    expected = (expected / expected.sum(dim=1, keepdim=True)).unflatten(1, (size[0] // 8, size[1] // 8))
    found = attention_map(backbone, pixels, None)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.std() > 0.005  # not the even attention that any mistake would pass


@torch.no_grad()
def test_with_a_prompt_it_is_the_softmax_over_prompt_and_photo(family: str, backbone: Backbone) -> None:
    """Projections of the last layer by hand, on what the layers before it made."""
    pixels, tokens = random(2, 3, 32, 32), random(3, 5, 32, seed=7)
    states = backbone.prompt_states(tokens)
    layer = backbone.layers[-1]
    entered: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda module, args: entered.append(args[0]))
    backbone.encode(pixels, states)
    hook.remove()
    attention = next(m for m in layer.modules() if hasattr(m, "q_proj"))
    norm = next(m for name, m in layer.named_children() if name in ("norm1", "layer_norm1", "layernorm_before"))
    query, key, prompt = (
        project(norm(x)).unflatten(-1, (2, 16)).transpose(1, 2)  # (B, H, T, d)
        for project, x in (
            (attention.q_proj, entered[0]),
            (attention.k_proj, entered[0]),
            (attention.k_proj, tokens[2][None]),
        )
    )
    if family == "dinov3_vit":
        query, key = rotated(backbone, pixels, query), rotated(backbone, pixels, key)
    logits = query[:, :, 0, None] @ torch.cat([key, prompt.expand(2, -1, -1, -1)], dim=2).transpose(-1, -2)
    weights = (logits / math.sqrt(16)).exp()
    weights = (weights / weights.sum(dim=-1, keepdim=True))[:, :, 0, NUM_PREFIX[family] : -5].mean(dim=1)
    expected = (weights / weights.sum(dim=1, keepdim=True)).view(2, 4, 4)
    found = attention_map(backbone, pixels, states)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.sum(dim=(1, 2)), torch.ones(2))
    assert (found - attention_map(backbone, pixels, None)).abs().max() > 1e-3


def rotated(backbone: Backbone, pixels: Tensor, states: Tensor) -> Tensor:
    """DINOv3's angles, on the patches alone: (x1, x2) of the two halves of d turn by the angle of the patch."""
    cos, sin = backbone.vit.rope_embeddings(pixels)
    prefix, patches = states[:, :, : NUM_PREFIX["dinov3_vit"]], states[:, :, NUM_PREFIX["dinov3_vit"] :]
    first, second = patches.chunk(2, dim=-1)
    return torch.cat([prefix, patches * cos + torch.cat([-second, first], dim=-1) * sin], dim=2)


@torch.no_grad()
def test_observing_changes_nothing_and_sees_every_layer(backbone: Backbone) -> None:
    pixels, states = random(2, 3, 32, 32), backbone.prompt_states(random(5, 32))
    for given in (None, states):
        seen: list[tuple[int, ...]] = []
        observed = backbone.encode(
            pixels, given, observe=lambda q, k, _, seen=seen: seen.append((*q.shape, k.shape[2]))
        )
        assert torch.equal(observed.tokens, backbone.encode(pixels, given).tokens)
        length = observed.tokens.shape[1]
        assert seen == [(2, 2, length, 16, length + (0 if given is None else 5))] * 3


def test_a_backbone_without_cls_says_so() -> None:
    sizes = SIZES | {"intermediate_size": 48}
    backbone = Backbone(SiglipVisionModel(SiglipVisionConfig(**sizes)))
    with pytest.raises(ConfigError, match="SiglipVisionModel has no CLS token"):
        attention_map(backbone, random(1, 3, 32, 32), None)


def test_moved_is_half_of_the_differences() -> None:
    even, left = np.full((2, 2), 0.25), np.array([[0.5, 0.0], [0.5, 0.0]])
    assert moved(even, left) == 0.5
    assert moved(even, even) == 0.0


def test_scaled_is_full_for_the_top_three_percent() -> None:
    values = np.arange(-50, 50) / 10  # of 100, the three farthest from 0: -5, -4.9 and +4.9
    found = scaled(values.reshape(10, 10)).ravel()
    np.testing.assert_allclose(found, np.clip(values / 4.9, -1, 1))
    assert scaled(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
    lone = np.zeros((10, 10))
    lone[0, 0] = -0.2
    assert scaled(lone).min() == -1


def test_overlays_have_the_colour_of_their_value() -> None:
    photo = np.full((1, 3, 3), [200.0, 100.0, 50.0])
    # Blue #0a58c9, then clear (pale grey of 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2), then orange #e05a00.
    shift = shift_overlay(photo, np.array([[-1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(shift[0], [[10, 88, 201], [163.77] * 3, [224, 90, 0]], atol=1e-6)
    heat = heat_overlay(photo, np.array([[0.0, 0.5, 1.0]]))
    np.testing.assert_allclose(heat[0, 0], [0.55 * 160 + 0.45 * 11, 0.55 * 80 + 0.45 * 16, 0.55 * 40 + 0.45 * 38])
    np.testing.assert_allclose(heat[0, 2], [0.3 * 160 + 0.7 * 255, 0.3 * 80 + 0.7 * 243, 0.3 * 40 + 0.7 * 176])


def test_attention_picture_shows_photo_attention_and_difference() -> None:
    photo = np.full((32, 32, 3), (200, 100, 50), dtype=np.uint8)
    without, with_prompt = np.full((4, 4), 1 / 16), np.full((4, 4), 0.5 / 14)
    with_prompt[0, 0], with_prompt[3, 3] = 0.5, 0.0
    data = plot_attention_shift(photo, without, with_prompt, photo_size=80)
    assert data == plot_attention_shift(photo.copy(), without, with_prompt, photo_size=80)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert picture.shape == (2 * (80 + 62), 2 * (3 * 80 + 2 * 14), 3)
    assert (picture[:160, :160] == (200, 100, 50)).all()
    assert (picture[:160, 160:188] == 255).all()
    look, difference = picture[:160, 188:348], picture[:160, 376:]
    assert look[20, 20].sum() > 500 > 300 > look[140, 20].sum()  # bright in the first patch, dark elsewhere
    red, _, blue = difference[10, 10]
    assert red - blue > 180
    red, _, blue = difference[150, 150]
    assert blue - red > 5
    captions = picture[160:]
    assert all((captions[:, left : left + 160] < 128).any() for left in (0, 188, 376))


def test_no_change_leaves_the_grey_photo() -> None:
    photo = np.full((8, 8, 3), (200, 100, 50), dtype=np.uint8)
    even = np.full((2, 2), 0.25)
    picture = np.asarray(Image.open(io.BytesIO(plot_attention_shift(photo, even, even, photo_size=20))).convert("RGB"))
    assert (picture[:40, -40:] == 164).all()


@pytest.mark.parametrize(
    ("photo", "without", "with_prompt", "message"),
    [
        (np.zeros((8, 8, 3)), np.ones((2, 2)), np.ones((2, 2)), r"a photo is float64 \(8, 8, 3\); expected uint8"),
        (np.zeros((8, 6, 3), np.uint8), np.ones((2, 2)), np.ones((2, 2)), r"a photo is uint8 \(8, 6, 3\)"),
        (
            np.zeros((8, 8, 3), np.uint8),
            np.ones((2, 2)),
            np.ones((2, 3)),
            r"\(2, 2\) and \(2, 3\); expected \(gh, gw\)",
        ),
        (np.zeros((8, 8, 3), np.uint8), np.ones((2, 2)), np.full((2, 2), np.nan), "not finite"),
    ],
)
def test_attention_picture_refuses_shapes_that_do_not_fit(
    photo: np.ndarray, without: np.ndarray, with_prompt: np.ndarray, message: str
):
    with pytest.raises(ValueError, match=message):
        plot_attention_shift(photo, without, with_prompt)
