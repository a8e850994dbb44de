from pathlib import Path

import pytest
import torch

import vicp
from vicp.model.loading.backbone_checkpoint import load_backbone
from vicp.model.loading.packaged import packaged


def test_packaged_checkpoints_are_found_by_name_alone() -> None:
    assert packaged("mini") != packaged("distilled")
    assert packaged("photos") is None
    assert packaged(str(Path("mini") / "x")) is None


def test_the_distilled_backbone_reads_cls_and_mean_patch_of_larger_photos() -> None:
    backbone, transform = load_backbone("distilled")
    assert (backbone.pooling, backbone.embedding_dim, transform.size) == ("both", 384, 168)
    assert backbone.num_patches(168, 168) == 196


def test_a_model_of_that_name_has_no_prompt_generator() -> None:
    model = vicp.load("distilled")
    assert model.embedder.model is None
    rows = model.encode([torch.full((40, 40, 3), 120, dtype=torch.uint8).numpy()])
    assert rows.shape == (1, 384)
    with pytest.raises(vicp.errors.WeightsError, match=r"expected one of .*mini, tiny, distilled, a folder"):
        vicp.load("destilled")
