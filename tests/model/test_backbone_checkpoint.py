"""Vision checkpoints on disk: what they expect of photos, and back and forth through transformers' own files."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.helpers.tiny_models import LANGUAGE_CONFIGS, VISION_CONFIGS, randomise
from torch import Tensor
from transformers import AutoModel, BitImageProcessorPil, CLIPConfig, PretrainedConfig, SiglipVisionConfig, SwinConfig

from vicp.errors import ConfigError, WeightsError
from vicp.image_transform import ImageTransform
from vicp.model.additions.lora import add_lora, merge_lora
from vicp.model.backbone import Backbone
from vicp.model.loading.backbone_checkpoint import load_backbone, save_backbone

CUBE = {"height": 16, "width": 16}
MEAN, STD = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def photos(size: int = 32) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))


def checkpoint(folder: Path, config: PretrainedConfig | None = None, preprocessor: object = None) -> str:
    """A random checkpoint, with a preprocessor where one is given; its folder as a user types it."""
    model = AutoModel.from_config(config or VISION_CONFIGS["dinov2"]())
    randomise(model)
    model.save_pretrained(folder)
    if preprocessor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("family", VISION_CONFIGS)
@torch.no_grad()
def test_every_family_goes_out_and_comes_back(family: str, tmp_path: Path) -> None:
    vit = AutoModel.from_config(VISION_CONFIGS[family]())
    randomise(vit)
    expected = Backbone(vit, pooling="both").embed(photos())
    save_backbone(vit, tmp_path / "a", ImageTransform(32, MEAN, STD))
    backbone, settings = load_backbone(str(tmp_path / "a"), pooling="both")
    assert torch.equal(backbone.embed(photos()), expected)
    assert settings == ImageTransform(size=32, mean=MEAN, std=STD, fit="squash")
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == [
        *("config.json", "model.safetensors", "preprocessor_config.json")
    ]
    plain = AutoModel.from_pretrained(tmp_path / "a")
    assert plain.config._attn_implementation == "sdpa"  # nothing of ours stays in it
    assert torch.equal(Backbone(plain, pooling="both").embed(photos()), expected)


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_every_fit_goes_out_and_comes_back(fit: str, tmp_path: Path) -> None:
    vit = AutoModel.from_config(VISION_CONFIGS["dinov2"]())
    for size in (24, 48):  # the second replaces the first
        save_backbone(vit, tmp_path, ImageTransform(size, MEAN, STD, fit))
    assert load_backbone(str(tmp_path))[1] == ImageTransform(size=48, mean=MEAN, std=STD, fit=fit)


@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_transformers_makes_the_same_pixels_from_what_is_saved(fit: str, tmp_path: Path) -> None:
    from vicp.data.images import normalise, photo_pixels

    vit = AutoModel.from_config(VISION_CONFIGS["dinov2"]())
    save_backbone(vit, tmp_path, ImageTransform(32, MEAN, STD, fit))
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8))
    photo.save(tmp_path / "photo.png")
    theirs = BitImageProcessorPil.from_pretrained(tmp_path)(photo, return_tensors="pt").pixel_values
    transform = load_backbone(str(tmp_path))[1]
    ours = normalise(torch.tensor(photo_pixels((tmp_path / "photo.png").read_bytes(), transform))[None], transform)
    inner = (..., slice(2, -2), slice(2, -2))  # theirs crops after resizing, so that its border saw what is beyond
    torch.testing.assert_close(ours[inner], theirs[inner], atol=0.02, rtol=0)  # two grey levels
    assert ours.std() > 0.3


@pytest.mark.parametrize(
    ("preprocessor", "expected"),
    [
        ({"size": CUBE}, ImageTransform(16)),
        ({"size": {"shortest_edge": 24}}, ImageTransform(24)),
        ({"size": 40}, ImageTransform(40)),
        ({}, ImageTransform(224)),
        # DINOv2's: resized to 24, the middle 16 of it are seen.
        (
            {"size": {"shortest_edge": 24}, "do_center_crop": True, "crop_size": CUBE, "image_mean": MEAN},
            ImageTransform(16, mean=MEAN, fit="crop"),
        ),
        # CLIP's older spelling.
        (
            {"size": 24, "do_center_crop": True, "crop_size": 16, "image_std": STD},
            ImageTransform(16, std=STD, fit="crop"),
        ),
        ({"size": CUBE, "crop_size": 24, "do_center_crop": False}, ImageTransform(16)),
        ({"size": CUBE, "crop_size": 24}, ImageTransform(24)),
        (
            {"size": CUBE, "do_normalize": False, "image_mean": MEAN},
            ImageTransform(16, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        ),
        ({"size": [16, 16], "image_mean": None, "do_center_crop": None}, ImageTransform(16)),
    ],
)
def test_spellings_of_the_preprocessor(preprocessor: object, expected: ImageTransform, tmp_path: Path) -> None:
    assert load_backbone(checkpoint(tmp_path, preprocessor=preprocessor))[1] == expected


def test_a_preprocessor_inside_a_processor_counts(tmp_path: Path) -> None:
    source = checkpoint(tmp_path, preprocessor={"size": 24})
    processor = {"processor_class": "CLIPProcessor", "image_processor": {"size": CUBE, "image_mean": MEAN}}
    (tmp_path / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    assert load_backbone(source)[1] == ImageTransform(16, mean=MEAN)
    (tmp_path / "processor_config.json").write_text(json.dumps({"processor_class": "CLIPProcessor"}), encoding="utf-8")
    assert load_backbone(source)[1] == ImageTransform(24)


@pytest.mark.parametrize(("own_size", "size"), [(32, 32), (256, 256), (264, 224), (518, 224)])
def test_without_a_preprocessor_the_config_s_size_counts_up_to_256(
    own_size: int, size: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = VISION_CONFIGS["dinov2"]()
    config.image_size = own_size
    source = checkpoint(tmp_path, config)
    with caplog.at_level(logging.WARNING, logger="vicp"):
        assert load_backbone(source)[1] == ImageTransform(size)
    assert f"{source} has no preprocessor_config.json: taking photos of {size} pixels" in caplog.text


@torch.no_grad()
def test_of_clip_the_vision_half_is_taken_and_can_be_saved(tmp_path: Path) -> None:
    text = SIZES | {"vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = CLIPConfig(text_config=text, vision_config=SIZES | {"image_size": 32, "patch_size": 8}, projection_dim=8)
    source = checkpoint(tmp_path / "clip", config, {"size": 32, "do_center_crop": True, "crop_size": 32})
    backbone, settings = load_backbone(source)
    pooled = AutoModel.from_pretrained(source).vision_model(photos()).pooler_output
    torch.testing.assert_close(backbone.features(photos()), pooled, atol=1e-5, rtol=0)
    again = tmp_path / "again"
    save_backbone(backbone.vit, again, settings)
    second, same = load_backbone(str(again))
    assert torch.equal(second.embed(photos()), backbone.embed(photos()))
    assert same == settings == ImageTransform(32, fit="crop")


@torch.no_grad()
def test_siglip_s_tokens_are_normed_once(tmp_path: Path) -> None:
    source = checkpoint(tmp_path, SiglipVisionConfig(**SIZES, image_size=32, patch_size=8))
    backbone, _ = load_backbone(source, pooling="mean")
    expected = AutoModel.from_pretrained(source)(photos()).last_hidden_state.mean(dim=1)
    torch.testing.assert_close(backbone.features(photos()), expected, atol=1e-6, rtol=0)
    with pytest.raises(WeightsError, match="SiglipVisionModel gives no cls embedding"):
        load_backbone(source)


def test_lora_must_be_merged_before_it_is_saved(tmp_path: Path) -> None:
    backbone = add_lora(Backbone(AutoModel.from_config(VISION_CONFIGS["dinov2"]())))
    transform = ImageTransform(32, MEAN, STD)
    with pytest.raises(ValueError, match="save what merge_lora returns"):
        save_backbone(backbone.vit, tmp_path, transform)
    assert list(tmp_path.iterdir()) == []
    save_backbone(merge_lora(backbone), tmp_path, transform)
    assert load_backbone(str(tmp_path))[1].size == 32


@pytest.mark.parametrize("source", ["/nowhere/at-all", "nobody/nothing"])
def test_what_is_not_there_is_refused_in_one_line(source: str) -> None:
    with pytest.raises(WeightsError, match=f"cannot load '{source}'") as caught:
        load_backbone(source)
    assert "\n" not in str(caught.value)


def test_models_that_are_no_plain_vision_transformer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reads input_ids, not photos"):
        load_backbone(checkpoint(tmp_path / "llama", LANGUAGE_CONFIGS["llama"]()))
    swin = SwinConfig(image_size=32, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4)
    with pytest.raises(WeightsError, match="SwinModel gives no cls embedding of a photo of 32 pixels"):
        load_backbone(checkpoint(tmp_path / "swin", swin))


@pytest.mark.parametrize(
    ("preprocessor", "message"),
    [
        ({"size": {"height": 16, "width": 8}}, "only squares are supported"),
        ({"size": {"longest_edge": 16}}, "only squares are supported"),
        ({"size": -1}, "photos of size -1"),
        ({"size": 16, "image_mean": [0.5]}, r"image_mean or image_std is \[0.5\]"),
        ({"size": 16, "image_std": ["a", "b", "c"]}, "a number for each of three channels"),
        ({"size": 16, "image_std": [0.5, 0.0, 0.5]}, "std above 0"),
        ({"size": 16, "image_fit": "stretch"}, "fit 'stretch'"),
    ],
)
def test_preprocessors_that_make_no_sense_are_refused(preprocessor: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        load_backbone(checkpoint(tmp_path, preprocessor=preprocessor))


def test_a_damaged_preprocessor_and_a_full_place_are_refused(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "a")
    (tmp_path / "a" / "preprocessor_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"preprocessor_config.json is damaged"):
        load_backbone(source)
    (tmp_path / "file").write_text("")
    vit = AutoModel.from_config(VISION_CONFIGS["dinov2"]())
    with pytest.raises(WeightsError, match="cannot write the checkpoint"):
        save_backbone(vit, tmp_path / "file", ImageTransform(32, MEAN, STD, "pad"))
