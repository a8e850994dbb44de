"""Models of timm as frozen backbones, such as MegaDescriptor: photos in, embeddings out, and no prompt tokens."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from huggingface_hub import ModelCard
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from vicp.errors import MissingExtraError, WeightsError
from vicp.extras import explain_missing_extras
from vicp.image_transform import Fit, ImageTransform
from vicp.model.backbone import Backbone, Pooling
from vicp.model.loading.pretrained import LOADING_ERRORS, TIMM_PREFIX

FITS: Mapping[str, Fit] = {"center": "crop", "border": "pad", "squash": "squash"}  # by what timm calls a crop mode

logger = logging.getLogger(__name__)


class TimmVision(nn.Module):
    """A model of timm behind the interface of a transformers vision model, which `Backbone` calls.

    The first token is what timm pools, so that the pooling "cls" gives timm's own embedding; the others are the places
    of its feature map, or the patches of a transformer.

    Args:
        model: Made with `num_classes=0`.
        image_size: Pixels a side of its photos.

    Raises:
        ValueError: Its features are no square map, or of another width than what it pools.
    """

    def __init__(self, model: nn.Module, image_size: int) -> None:
        super().__init__()
        self.model = model.eval()
        with torch.no_grad():
            tokens = self(torch.zeros(1, 3, image_size, image_size)).last_hidden_state
        side = math.isqrt(tokens.shape[1] - 1)
        if side * side != tokens.shape[1] - 1 or image_size // (image_size // side) != side:
            raise ValueError(f"its features have {tokens.shape[1] - 1} places, expected a square")
        sizes = {"hidden_size": tokens.shape[-1], "patch_size": image_size // side, "image_size": image_size}
        self.config = SimpleNamespace(model_type="timm", **sizes)

    def set_attn_implementation(self, name: str) -> None:
        """Keep timm's own attention, which takes no prompt."""

    def forward(self, pixel_values: Tensor) -> BaseModelOutput:
        """Return the tokens (B, 1+N, D) of photos (B, 3, S, S)."""
        features = self.model.forward_features(pixel_values)  # type: ignore[operator]
        pooled = self.model.forward_head(features, pre_logits=True)[:, None]  # type: ignore[operator]  # (B, 1, D)
        places = self._places(features)  # (B, N, D)
        if pooled.shape[-1] != places.shape[-1]:
            raise ValueError(f"it pools {places.shape[-1]} features into {pooled.shape[-1]}, expected as many")
        return BaseModelOutput(last_hidden_state=torch.cat([pooled, places], dim=1))  # (B, 1+N, D)

    def _places(self, features: Tensor) -> Tensor:
        """Return the features of each place (B, N, D): of a sequence, or of a map with its channels first or last."""
        if features.ndim == 3:
            return features[:, getattr(self.model, "num_prefix_tokens", 0) :]
        if features.shape[1] == self.model.num_features:
            return features.flatten(2).transpose(1, 2)  # (B, D, H, W) -> (B, N, D)
        return features.flatten(1, 2)  # (B, H, W, D) -> (B, N, D)


def load_timm(source: str, *, pooling: Pooling | None = None) -> tuple[Backbone, ImageTransform]:
    """Return a frozen backbone of timm, and how photos become its input; its licence is logged.

    Args:
        source: `timm:` and a name of `timm.list_pretrained()`, `hf-hub:OWNER/NAME`, or a folder with timm's
            `config.json` and weights.
        pooling: Which tokens become the embedding; None: what timm pools.

    Raises:
        MissingExtraError: timm or torchvision is not installed.
        WeightsError: There is no such model, its weights cannot be had, or it takes photos that we cannot give.
    """
    try:
        with explain_missing_extras():
            import timm
            from timm.data import resolve_data_config
    except RuntimeError as error:
        raise MissingExtraError(
            f"a backbone of timm needs a torchvision of the same build as torch ({str(error).splitlines()[0]}): "
            "install both from one place",
            name="torchvision",
        ) from error
    name = source.removeprefix(TIMM_PREFIX)
    folder = Path(name)
    try:
        model = timm.create_model(
            f"local-dir:{folder.resolve()}" if folder.is_dir() else name, pretrained=True, num_classes=0
        )
        transform = _image_transform(resolve_data_config({}, model=model))
        backbone = Backbone(TimmVision(model, transform.size), pooling=pooling or "cls")
    except LOADING_ERRORS as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise WeightsError(
            f"{source}: cannot be had from timm ({reason}); give timm: and a name of timm.list_pretrained(), "
            "hf-hub:OWNER/NAME, or a folder with timm's config.json and weights"
        ) from error
    logger.warning("%s: %s", source, _licence(model.pretrained_cfg, folder))
    return backbone, transform


def _image_transform(settings: Mapping[str, Any]) -> ImageTransform:
    """Return what timm says of a model's photos; where it crops, the whole middle square is taken.

    Raises:
        ValueError: They are no squares of three channels.
    """
    channels, height, width = settings["input_size"]
    if channels != 3 or height != width:
        raise ValueError(f"it takes photos of {channels} channels and {height} x {width} pixels, expected a square")
    fit = FITS.get(settings.get("crop_mode") or "center", "crop")
    return ImageTransform(height, mean=tuple(settings["mean"]), std=tuple(settings["std"]), fit=fit)


def _licence(settings: Mapping[str, Any], folder: Path) -> str:
    """Return a sentence about the licence of the weights: of the config, or else of the model's card."""
    licence = settings.get("license")
    card = folder / "README.md" if folder.is_dir() else settings.get("hf_hub_id")
    if not licence and card:
        try:
            licence = ModelCard.load(card, ignore_metadata_errors=True).data.license
        except (OSError, ValueError):  # no card, or no network
            licence = None
    if not licence:
        return "neither its config nor its card names a licence: look for one before you use it"
    return f"the licence of these weights is {licence}"
