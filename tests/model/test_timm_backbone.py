"""Backbones of timm: their own embedding, frozen and with metrics; and one line where they cannot serve."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import Run

from vicp.adapt.load import load_backbone_embedder
from vicp.config import ModelConfig, PartConfig
from vicp.data.images import normalise
from vicp.errors import WeightsError
from vicp.model.build import build_model

has_timm = find_spec("timm") is not None and find_spec("torchvision") is not None
needs_timm = pytest.mark.skipif(not has_timm, reason="timm or torchvision is not installed: pip install 'vicp[timm]'")
MODELS = {
    "vit_tiny_patch16_224": {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2},
    "swin_tiny_patch4_window7_224": {
        "img_size": 32,
        "window_size": 4,
        "embed_dim": 16,
        "depths": (1, 1),
        "num_heads": (1, 2),
    },
    "resnet10t": {},
}


def save(folder: Path, architecture: str) -> torch.nn.Module:
    """The model of timm that is saved in a folder as timm saves one, with a licence in its config."""
    import timm
    from timm.models import save_for_hf

    torch.manual_seed(0)
    arguments = MODELS[architecture]
    model = timm.create_model(architecture, pretrained=False, num_classes=0, **arguments).eval()
    facts = {"input_size": (3, 32, 32), "mean": (0.5, 0.4, 0.3), "license": "cc-by-nc-4.0", "crop_mode": "squash"}
    save_for_hf(model, folder, model_config={"pretrained_cfg": facts}, model_args=arguments)
    return model


@needs_timm
@pytest.mark.parametrize("architecture", MODELS)
def test_the_embedding_is_what_timm_pools(tmp_path: Path, architecture: str) -> None:
    model = save(tmp_path / "m", architecture)
    embedder = load_backbone_embedder(f"timm:{tmp_path / 'm'}")
    assert embedder.transform.size == 32
    assert embedder.transform.mean == (0.5, 0.4, 0.3)
    assert embedder.transform.fit == "squash"
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        expected = torch.nn.functional.normalize(model(normalise(pixels, embedder.transform)), dim=-1)
    torch.testing.assert_close(embedder.embed_pixels(pixels), expected)
    patches = embedder.patches(pixels.numpy())
    assert patches.shape == (3, embedder.backbone.num_patches(32, 32), expected.shape[-1])
    if architecture != "vit_tiny_patch16_224":  # which pools its CLS token
        mean = patches.mean(axis=1)
        cosine = np.sum(mean * expected.numpy(), axis=1) / np.linalg.norm(mean, axis=1)
        np.testing.assert_allclose(cosine, 1.0, atol=1e-5)


@needs_timm
def test_a_category_is_taught_and_asked_with_metrics_alone(
    tmp_path: Path, photo_folder: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "m", "swin_tiny_patch4_window7_224")
    source = f"timm:{tmp_path / 'm'}"
    teach = ("teach", photo_folder, "--category", "shoe", "--backbone", source, "--pairs", 12)
    taught = json.loads(run(*teach, "--out", "p.prompt.safetensors", "--json"))
    assert taught["adaptation"] in ("null", "metric")
    assert "the licence of these weights is cc-by-nc-4.0" in caplog.text
    photos = (photo_folder / "red" / "0.jpg", photo_folder / "red" / "1.jpg")
    assert json.loads(run("verify", *photos, "--prompt", "p.prompt.safetensors", "--json"))["verdict"] in (
        "same",
        "different",
    )
    refused = run(*teach, "--adapt", "tuned", "--out", "q.prompt.safetensors")
    assert refused == "error: a backbone of timm takes no prompt tokens to tune: give --adapt metric or null\n"
    assert "are not exported" in run("export", source, "--out", "exported")
    with pytest.raises(WeightsError, match="cannot be had from timm"):
        load_backbone_embedder("timm:no_such_model")


def test_what_timm_models_cannot_do_is_one_line(photo_folder: Path, run: Run) -> None:
    config = ModelConfig(backbone=PartConfig(source="timm:resnet10t"))
    with pytest.raises(WeightsError, match="models of timm take no prompt tokens and are not trained"):
        build_model(config)
    if not has_timm:
        missing = "timm" if find_spec("timm") is None else "torchvision"
        said = f"error: a backbone of timm needs {missing}, which is not installed: pip install 'vicp[timm]'\n"
        assert run("teach", photo_folder, "--category", "shoe", "--backbone", "timm:resnet10t") == said
