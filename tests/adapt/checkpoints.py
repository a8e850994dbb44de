"""Checkpoints of tiny backbones, saved as a user's would be."""

from pathlib import Path

import torch
from transformers import Dinov2Config, Dinov2Model

from vicp.image_transform import ImageTransform
from vicp.model.loading.backbone_checkpoint import save_backbone

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)


def save_vit(folder: Path, *, seed: int = 0, mean: tuple[float, float, float] = MEAN) -> str:
    torch.manual_seed(seed)
    vit = Dinov2Model(
        Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    )
    save_backbone(vit, folder, ImageTransform(32, mean, STD))
    return str(folder)
