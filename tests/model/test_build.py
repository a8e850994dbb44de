"""Config to model: parts from a folder or from sizes, and messages that name the key."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.helpers.tiny_models import VISION_CONFIGS, randomise
from transformers import AutoModel, CLIPConfig, CLIPModel, CLIPTextConfig

from vicp.config import ModelConfig, PartConfig, RunConfig, SetTransformerConfig
from vicp.config_files import load_config
from vicp.errors import ConfigError, VICPError, WeightsError
from vicp.model.build import MINI, PRESETS, TINY, build_model, vision_backbone

CONFIGS = Path(__file__).parents[2] / "configs"
SIGLIP = PartConfig(
    family="siglip_vision_model",
    sizes={
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "image_size": 32,
        "patch_size": 8,
    },
)


@pytest.mark.parametrize("family", list(VISION_CONFIGS))
@torch.no_grad()
def test_a_saved_vision_model_is_the_backbone(family: str, tmp_path: Path) -> None:
    vit = AutoModel.from_config(VISION_CONFIGS[family]()).eval()
    randomise(vit)
    vit.save_pretrained(tmp_path)
    backbone = vision_backbone(replace(TINY, backbone=PartConfig(source=str(tmp_path))))
    pixels = torch.randn(1, 3, 32, 32)
    expected = vit(pixel_values=pixels)
    cls = expected.pooler_output if family == "clip_vision_model" else expected.last_hidden_state[:, 0]
    torch.testing.assert_close(backbone.encode(pixels).pool("cls"), cls)


@torch.no_grad()
def test_of_a_whole_clip_the_vision_part_is_taken(tmp_path: Path) -> None:
    text = CLIPTextConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    clip = CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=VISION_CONFIGS["clip_vision_model"]().to_dict())
    ).eval()
    randomise(clip)
    clip.save_pretrained(tmp_path)
    model = build_model(replace(TINY, backbone=PartConfig(source=str(tmp_path)))).eval()
    pixels = torch.randn(1, 3, 32, 32)
    expected = clip.vision_model(pixel_values=pixels).pooler_output
    torch.testing.assert_close(model.embed(pixels), torch.nn.functional.normalize(expected, dim=-1))
    assert not any("text" in name for name in model.state_dict())


@pytest.mark.parametrize("family", list(VISION_CONFIGS))
def test_a_family_and_sizes_make_a_backbone(family: str) -> None:
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 4}
    config = replace(TINY, backbone=PartConfig(family=family, sizes={**sizes, "image_size": 16}))
    backbone = vision_backbone(config)
    assert (backbone.width, len(backbone.layers), backbone.num_patches(16, 16)) == (24, 2, 16)
    assert backbone.embed(torch.randn(1, 3, 16, 16)).shape == (1, 24)


def test_the_seed_decides_the_weights_and_nothing_else() -> None:
    state = torch.random.get_rng_state()
    one, same, other = build_model(TINY, seed=1), build_model(TINY, seed=1), build_model(TINY, seed=2)
    alone = vision_backbone(TINY, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, one.backbone.state_dict()[name])


def test_models_that_threads_build_at_once_are_equal() -> None:
    """A service opens its model while a request builds another; both draw from one global random state."""
    with ThreadPoolExecutor(4) as pool:
        made = {model.fingerprint for model in pool.map(lambda _: build_model(TINY), range(12))}
    assert made == {build_model(TINY).fingerprint}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": PartConfig()}, "model.backbone.family: transformers knows no model type ''"),
        ({"backbone": PartConfig(family="resnext")}, "model.backbone.family: .* 'resnext'"),
        ({"backbone": PartConfig(family="dinov2", sizes={"hiden_size": 8})}, "model.backbone.sizes.hiden_size"),
        ({"backbone": PartConfig(family="dinov2", sizes={"hidden_size": "x"})}, "model.backbone.sizes: .*int"),
        (
            {"backbone": PartConfig(family="dinov2", sizes={"patch_size": 0})},
            "sizes.patch_size is 0; expected 1 or more",
        ),
        (
            {"reasoner": PartConfig(family="llama", sizes={"num_hidden_layers": 0})},
            "num_hidden_layers is 0; expected 1",
        ),
        ({"backbone": TINY.reasoner}, "model.backbone: LlamaModel reads input_ids, not photos"),
        ({"reasoner": TINY.backbone}, "model.reasoner: .*Dinov2Config"),
        ({"reasoner": PartConfig(family="llama", sizes={"layers": 2})}, "model.reasoner.sizes.layers"),
        (
            {"generator": "set_transformer", "random_reasoner": True},
            "model.random_reasoner: model.generator is set_transformer, so there is no LLM",
        ),
        (
            {"generator": "set_transformer", "set_transformer": SetTransformerConfig(width=0, layers=-1)},
            "model.set_transformer: width is 0, expected 1 or more; layers is -1, expected 1 or more",
        ),
        (
            {"generator": "set_transformer", "set_transformer": SetTransformerConfig(width=32, heads=5)},
            "model.set_transformer: width is 32, which 5 heads do not divide",
        ),
        (
            {"qformer_input": "cls", "backbone": SIGLIP},
            "model.qformer_input: 'cls', but SiglipVisionModel has no CLS token",
        ),
        ({"qformer": {"num_layers": 2}}, "model.qformer.num_layers: no such field"),
        ({"qformer": {**TINY.qformer, "hidden_size": 33}}, "model.qformer: The hidden size"),
    ],
)
def test_parts_that_make_no_sense_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_model(replace(TINY, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["missing", "config", "weights"])
def test_sources_that_cannot_be_had_are_named(damage: str, tmp_path: Path) -> None:
    AutoModel.from_config(VISION_CONFIGS["dinov2"]()).save_pretrained(tmp_path / "vit")
    source = tmp_path / "vit"
    if damage == "missing":
        source = tmp_path / "none"
    elif damage == "config":
        (source / "config.json").write_text("{")
    else:
        (source / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(WeightsError, match=r"model\.backbone\.source: cannot load '.*(vit|none)'") as caught:
        build_model(replace(TINY, backbone=PartConfig(source=str(source))))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, VICPError)


def test_presets() -> None:
    assert set(PRESETS) == {"paper", "mini", "tiny"}
    assert PRESETS["paper"] == ModelConfig()
    assert PRESETS["mini"] == load_config(RunConfig, CONFIGS / "mini" / "refinement.yaml").model
    for step in ("distilled-backbone", "reader", "tokens"):
        pretrained = load_config(RunConfig, CONFIGS / "mini" / f"{step}.yaml").model
        assert (pretrained.backbone, pretrained.image_size) == (MINI.backbone, MINI.image_size)


def test_mini_fits_into_the_package() -> None:
    model = build_model(MINI)
    megabytes = sum(p.numel() for p in model.parameters()) * 4 / 1e6
    assert megabytes < 40
    assert model.embed(torch.zeros(1, 3, 168, 168)).shape == (1, 384)
