from pathlib import Path

import pytest
import torch
from transformers import Dinov2Model

from tests.adapt.checkpoints import MEAN, STD, save_vit
from vicp.adapt.load import load_backbone_embedder, load_model, make_embedder
from vicp.errors import WeightsError
from vicp.image_transform import ImageTransform
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.checkpoint import save_checkpoint
from vicp.model.visual_prompt import VisualPrompt


def test_a_bare_backbone_brings_its_own_photos_and_fingerprint(tmp_path: Path) -> None:
    embedder = load_backbone_embedder(save_vit(tmp_path / "vit"))
    assert (embedder.transform.size, embedder.transform.mean, embedder.transform.std) == (32, MEAN, STD)
    assert (embedder.model, embedder.static) == (None, None)
    prints = {
        embedder.fingerprint,
        load_backbone_embedder(save_vit(tmp_path / "other", seed=1)).fingerprint,
        load_backbone_embedder(save_vit(tmp_path / "brighter", mean=(0.0, 0.2, 0.3))).fingerprint,
        load_backbone_embedder(str(tmp_path / "vit"), pooling="mean").fingerprint,
    }
    assert len(prints) == 4
    assert load_backbone_embedder(str(tmp_path / "vit")).fingerprint == embedder.fingerprint


def test_no_backbone_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere"):
        load_backbone_embedder(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(tmp_path: Path, bad: float) -> None:
    vit = Dinov2Model.from_pretrained(save_vit(tmp_path / "vit"))
    vit.layernorm.weight.data[3] = bad
    save_backbone(vit, tmp_path / "vit", ImageTransform(32, MEAN, STD))
    with pytest.raises(WeightsError, match=r"vit: weights that are no numbers.*layernorm\.weight; take another"):
        load_backbone_embedder(str(tmp_path / "vit"))
    model = build_model(PRESETS["tiny"])
    model.verifier.state_dict()[next(iter(model.verifier.state_dict()))].fill_(bad)
    save_checkpoint(model, tmp_path / "model")
    with pytest.raises(WeightsError, match=r"model: weights that are no numbers.*verifier"):
        load_model(str(tmp_path / "model"))


def test_a_static_prompt_comes_with_its_checkpoint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = build_model(PRESETS["tiny"]).eval()
    save_checkpoint(model, tmp_path)
    assert load_model(str(tmp_path)).static is None
    assert load_model(str(tmp_path)).fingerprint == make_embedder(model).fingerprint == model.fingerprint
    tokens = torch.randn(2, 4, 32)
    path = tmp_path / "static.prompt.safetensors"
    VisualPrompt(tokens.numpy(), None, "anything", 0, None, model.fingerprint).save(path)
    assert torch.equal(load_model(str(tmp_path)).static, tokens)
    VisualPrompt(tokens.numpy(), None, "anything", 0, None, "0123").save(path)
    assert load_model(str(tmp_path)).static is None
    assert "belongs to model 0123" in caplog.text
