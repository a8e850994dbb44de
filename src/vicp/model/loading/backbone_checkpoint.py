"""Vision checkpoints as transformers lays them out: a folder, or the same on the hub, and the photos they expect."""

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

import torch
from safetensors import SafetensorError
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils import cached_file

from vicp.config import ModelConfig, PartConfig
from vicp.errors import WeightsError
from vicp.image_transform import Fit, ImageTransform
from vicp.io import atomic_folder
from vicp.model.backbone import Backbone, Pooling
from vicp.model.build import vision_backbone
from vicp.model.loading.hub import load_local_first
from vicp.model.loading.packaged import packaged

logger = logging.getLogger(__name__)

PREPROCESSOR_NAME = "preprocessor_config.json"
PROCESSOR_NAME = "processor_config.json"  # newer checkpoints of image and text hold the preprocessor in here
LARGEST_ASSUMED_SIZE = 256


def save_backbone(vit: PreTrainedModel, folder: Path, transform: ImageTransform, *, pooling: Pooling = "cls") -> None:
    """Write a checkpoint that `load_backbone` and transformers read, each file whole or not at all.

    Args:
        vit: Without LoRA; `merge_lora` makes such a one.
        folder: Made where it is missing.
        transform: How photos become its input; transformers has no fit "pad", others will squash.
        pooling: Which tokens become the embedding.

    Raises:
        ValueError: The vit has LoRA that is not merged.
        WeightsError: The folder cannot be written.
    """
    if hasattr(vit, "peft_config"):
        raise ValueError("the vit has LoRA, which a plain checkpoint cannot hold; save what merge_lora returns")
    square = {"height": transform.size, "width": transform.size}
    preprocessor = {
        "image_processor_type": "BitImageProcessor",  # DINOv2's and CLIP's: resize, crop, normalise
        "do_resize": True,
        "size": {"shortest_edge": transform.size} if transform.fit == "crop" else square,
        "resample": 3,  # bicubic
        "do_center_crop": transform.fit == "crop",
        "crop_size": square,
        "do_normalize": True,
        "image_mean": list(transform.mean),
        "image_std": list(transform.std),
        "image_fit": transform.fit,
        "pooling": pooling,
    }
    try:
        with atomic_folder(folder, last="config.json") as part:
            vit.save_pretrained(part)
            (part / PREPROCESSOR_NAME).write_text(json.dumps(preprocessor, indent=2) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{folder}: cannot write the checkpoint ({reason})") from error


def load_backbone(source: str, *, pooling: Pooling | None = None) -> tuple[Backbone, ImageTransform]:
    """Return a frozen backbone from any vision transformer of transformers, and how photos become its input.

    The preprocessor's `crop_size` is the size, or its `size` where it does not crop. Without a preprocessor it is
    the config's image size up to 256 pixels and 224 above: DINOv2's config says 518, the size of its last
    training, and its preprocessor 224. Mean and deviation are ImageNet's unless the preprocessor has others.
    A centre crop becomes the fit "crop", which takes the whole middle square; transformers may resize to a
    little more first and so cut off its border. Everything else is squashed.

    Args:
        source: A packaged backbone, a hub name or a folder; of CLIP, the vision half is taken.
        pooling: Which tokens become the embedding; None: what `save_backbone` wrote, else CLS.

    Raises:
        ConfigError: A model that reads no photos.
        WeightsError: No checkpoint there, a damaged preprocessor, or no vision transformer that we can run.
    """
    source = str(packaged(source) or source)
    saved = _preprocessor(source)
    pooling = _pooling(saved, source) if pooling is None else pooling
    backbone = vision_backbone(ModelConfig(backbone=PartConfig(source=source), pooling=pooling))
    transform = _image_transform(saved, source, backbone.vit.config)
    try:
        with torch.no_grad():
            backbone.embed(torch.zeros(1, 3, transform.size, transform.size))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise WeightsError(
            f"{source}: {type(backbone.vit).__name__} gives no {pooling} embedding of a photo of {transform.size} "
            f"pixels ({reason}); give a vision transformer such as DINOv2, or another pooling"
        ) from error
    return backbone, transform


def _pooling(saved: dict[str, Any] | None, source: str) -> Pooling:
    """Return what the preprocessor says, or CLS."""
    pooling = (saved or {}).get("pooling", "cls")
    if pooling not in get_args(Pooling):
        expected = ", ".join(get_args(Pooling))
        raise WeightsError(f"{source}: its preprocessor says pooling {pooling!r}; expected one of {expected}")
    return cast(Pooling, pooling)


def _image_transform(saved: dict[str, Any] | None, source: str, config: PretrainedConfig) -> ImageTransform:
    """Return what the preprocessor says, or the config where there is none."""
    if saved is None:
        size = _side(getattr(config, "image_size", ImageTransform.size), source)
        transform = ImageTransform(size if size <= LARGEST_ASSUMED_SIZE else ImageTransform.size)
        message = "%s has no %s: taking photos of %d pixels, ImageNet's mean and deviation"
        logger.warning(message, source, PREPROCESSOR_NAME, transform.size)
        return transform
    cropped = saved.get("crop_size") if saved.get("do_center_crop") is not False else None
    fit: Fit = saved.get("image_fit") or ("crop" if saved.get("do_center_crop") else "squash")
    if saved.get("do_normalize") is False:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    else:
        mean = _channels(saved.get("image_mean") or ImageTransform.mean, source)
        std = _channels(saved.get("image_std") or ImageTransform.std, source)
    size = _side(cropped or saved.get("size") or ImageTransform.size, source)
    try:
        return ImageTransform(size, mean=mean, std=std, fit=fit)
    except ValueError as error:
        raise WeightsError(f"{source}: its preprocessor says {error}") from error


def _preprocessor(source: str) -> dict[str, Any] | None:
    """Return the image processor's settings as they are written, None where a checkpoint has none."""
    for name in (PROCESSOR_NAME, PREPROCESSOR_NAME):
        try:
            path = load_local_first(partial(cached_file, source, name), source)
        except OSError:  # transformers has no narrower error for a file that is not there
            continue
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"{source}: {name} is damaged ({error}); fetch the checkpoint again") from error
        if name == PROCESSOR_NAME:
            saved = saved.get("image_processor") if isinstance(saved, dict) else None
        if isinstance(saved, dict):
            return saved
    return None


def _side(size: object, source: str) -> int:
    """Return the side in pixels of the square that a size in any of transformers' spellings describes."""
    match size:
        case int(side) | {"shortest_edge": int(side)} if side > 0:
            return side
        case {"height": int(height), "width": int(width)} | [int(height), int(width)] if height == width > 0:
            return height
    raise WeightsError(f"{source}: expects photos of size {size}; only squares are supported")


def _channels(values: object, source: str) -> tuple[float, float, float]:
    match values:
        case [int() | float() as red, int() | float() as green, int() | float() as blue]:
            return float(red), float(green), float(blue)
    raise WeightsError(f"{source}: image_mean or image_std is {values}; expected a number for each of three channels")
