"""Damaged checkpoint folders, of VICP and of a backbone: each is loaded as it was saved, or refused with a line."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2Model

from benchmarks.faults.mutations import mutate
from vicp.adapt.load import load_backbone_embedder, load_model
from vicp.data.seeds import derive_seed
from vicp.errors import VICPError
from vicp.image_transform import ImageTransform
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.backbone_checkpoint import save_backbone
from vicp.model.loading.checkpoint import save_checkpoint

WEIGHTS_NAME = "model.safetensors"


@cache
def originals() -> dict[str, Path]:
    """Return the folders of a VICP model and a backbone, both tiny."""
    root = Path(tempfile.mkdtemp())
    torch.manual_seed(0)
    save_checkpoint(build_model(PRESETS["tiny"]), root / "vicp")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    save_backbone(Dinov2Model(Dinov2Config(**sizes)), root / "backbone", ImageTransform(28))
    return {"vicp": root / "vicp", "backbone": root / "backbone"}


def run_case(number: int, folder: Path) -> str:
    """Damage a file of a checkpoint, its settings or the names of its tensors, and load it."""
    rng = np.random.default_rng(derive_seed(number, "faults", "checkpoints"))
    kind = ("vicp", "backbone")[number % 2]
    copy = folder / kind
    shutil.copytree(originals()[kind], copy)
    path = sorted(copy.iterdir())[rng.integers(len(list(copy.iterdir())))]
    lost = ""
    if path.name == WEIGHTS_NAME and rng.random() < 0.6:
        lost = _other_tensors(path, rng)
    elif path.suffix == ".json" and rng.random() < 0.6:
        _other_settings(path, rng)
    else:
        path.write_bytes(mutate(path.read_bytes(), rng))
    try:
        embedder = load_model(str(copy)) if kind == "vicp" else load_backbone_embedder(str(copy))
        size = embedder.transform.size
        embedder.backbone.embed(torch.zeros(1, 3, size, size))
    except VICPError:
        return ""
    return f"loaded without {lost}" if lost else ""


def _other_tensors(path: Path, rng: np.random.Generator) -> str:
    """Leave out, rename or reshape tensors; return the name of one that is needed and missing."""
    tensors = load_file(path)
    names = sorted(name for name in tensors if "mask_token" not in name)
    name = names[rng.integers(len(names))]
    match rng.integers(4):
        case 0:
            del tensors[name]
        case 1:
            tensors[f"module.{name}"] = tensors.pop(name)
        case 2:
            tensors = {f"module.{key}": tensor for key, tensor in tensors.items()}
        case _:
            tensors[name] = torch.zeros(*tensors[name].shape, 2)
    save_file(tensors, path, metadata={"format": "pt"})
    return name


def _other_settings(path: Path, rng: np.random.Generator) -> None:
    """Leave out a setting, or give it a value of another type or size."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    place = settings
    while True:
        key = sorted(place)[rng.integers(len(place))]
        if not (isinstance(place[key], dict) and place[key] and rng.random() < 0.8):
            break
        place = place[key]
    if rng.random() < 0.3:
        del place[key]
    else:
        values = (None, "", [], {}, -1, 0, 10**9, 1.5, True, "swin", {"a": [1]}, ["x"] * 3)
        place[key] = values[rng.integers(len(values))]
    path.write_text(json.dumps(settings), encoding="utf-8")
