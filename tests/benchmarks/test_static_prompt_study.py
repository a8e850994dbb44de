"""benchmarks/checkpoint/static_prompt.py: a static prompt beside a model on the same backbone, and on no other."""

from pathlib import Path

import pytest
import torch

from benchmarks.checkpoint import static_prompt
from vicp.adapt.load import load_backbone_embedder, load_model
from vicp.errors import ConfigError
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.checkpoint import save_checkpoint
from vicp.model.visual_prompt import VisualPrompt


def test_it_is_read_with_the_model_and_refused_on_another_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_model(PRESETS["tiny"]).eval()
    save_checkpoint(model, tmp_path / "model")
    folder, tokens = tmp_path / "static", torch.randn(2, 4, 32)
    save_backbone(model.backbone.vit, folder, model.config.image_transform)
    learned_on = load_backbone_embedder(str(folder)).fingerprint
    VisualPrompt(tokens.numpy(), None, "any", 0, 1, learned_on).save(folder / "static.prompt.safetensors")
    static_prompt.main(["--static", str(folder), "--model", str(tmp_path / "model")])
    assert torch.equal(load_model(str(tmp_path / "model")).static, tokens)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        static_prompt.main(["--static", str(folder), "--model", "mini"])
    assert not (tmp_path / "mini").exists(), "a checkpoint of the package is not a place to write to"
    VisualPrompt(tokens.numpy(), None, "any", 0, 1, "feed").save(folder / "static.prompt.safetensors")
    with pytest.raises(ConfigError, match="left over from another training"):
        static_prompt.main(["--static", str(folder), "--model", str(tmp_path / "model")])
    VisualPrompt(tokens.numpy(), None, "any", 0, 1, learned_on).save(folder / "static.prompt.safetensors")
    torch.nn.init.ones_(model.backbone.vit.layernorm.bias)
    save_checkpoint(model, tmp_path / "other")
    with pytest.raises(ConfigError, match="learned on another backbone"):
        static_prompt.main(["--static", str(folder), "--model", str(tmp_path / "other")])
    assert load_model(str(tmp_path / "other")).static is None
