"""Load an embedder: a VICP model, or any vision backbone by name or folder."""

import logging
from dataclasses import replace
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import STATIC_NAME
from vicp.io import content_digest
from vicp.model.backbone import Pooling
from vicp.model.loading.backbone_checkpoint import load_backbone
from vicp.model.loading.checkpoint import find_checkpoint, load_pretrained
from vicp.model.loading.pretrained import TIMM_PREFIX
from vicp.model.loading.timm_backbone import load_timm
from vicp.model.loading.weights import check_weights, fingerprint
from vicp.model.vicp import VICP
from vicp.model.visual_prompt import VisualPrompt

_log = logging.getLogger(__name__)


def load_model(name: str) -> Embedder:
    """Return an embedder for a VICP model: a preset, a checkpoint folder or a hub name; with its static prompt, if any.

    Raises:
        ConfigError: Its config is not one of this version.
        WeightsError: There is none, it does not fit its config, or its weights are no numbers.
        PromptError: Its static prompt is damaged.
    """
    model = load_pretrained(name).eval()
    check_weights(model, name)
    embedder = replace(make_embedder(model), source=name)
    path = _static_path(name)
    return embedder if path is None else replace(embedder, static=_read_static(path, embedder))


def make_embedder(model: VICP, *, static: Tensor | None = None) -> Embedder:
    """Return an embedder for a model in eval mode; with static prompt tokens (M, D) or (L, M, D), if there are any."""
    return Embedder(model.backbone, model.config.image_transform, model.fingerprint, model=model, static=static)


def load_backbone_embedder(source: str, *, pooling: Pooling | None = None) -> Embedder:
    """Return an embedder for a bare backbone: a packaged one, a vision checkpoint of transformers, or `timm:` and one.

    A folder that `vicp train train.method=static` made gives its static prompt too.

    Raises:
        WeightsError: It cannot be had, or its weights are no numbers.
        ConfigError: It is no vision transformer that takes prompts.
        MissingExtraError: Of timm, which is not installed.
        PromptError: Its static prompt is damaged.
    """
    load = load_timm if source.startswith(TIMM_PREFIX) else load_backbone
    backbone, transform = load(source, pooling=pooling)
    check_weights(backbone, source)
    parts = f"{fingerprint(backbone)}/{transform.fingerprint}/{backbone.pooling}"
    digest = content_digest(parts.encode()).hex()
    embedder = Embedder(backbone, transform, digest, source=source)
    path = Path(source) / STATIC_NAME
    return replace(embedder, static=_read_static(path, embedder)) if path.is_file() else embedder


def _static_path(name: str) -> Path | None:
    """Return the file of a checkpoint's static prompt; on the hub, among the files already fetched."""
    checkpoint = find_checkpoint(name)
    if isinstance(checkpoint, Path) and checkpoint.is_dir():
        return checkpoint / STATIC_NAME if (checkpoint / STATIC_NAME).is_file() else None
    if isinstance(checkpoint, Path):
        cached = try_to_load_from_cache(name, STATIC_NAME)
        return Path(cached) if isinstance(cached, str) else None
    return None


def _read_static(path: Path, embedder: Embedder) -> Tensor | None:
    prompt = VisualPrompt.load(path)
    if prompt.fingerprint != embedder.fingerprint:  # left over from an earlier training into the same folder
        _log.warning("%s belongs to model %s, not to %s: left out", path, prompt.fingerprint, embedder.fingerprint)
        return None
    return torch.tensor(prompt.tokens)
