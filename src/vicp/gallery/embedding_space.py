"""Spaces: embeddings can be compared if one model, one transform and one prompt made them, and only then."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import EQUAL_WEIGHT, Prompt
from vicp.errors import GalleryError


def embedding_space_key(embedder: Embedder, prompt: Prompt | None, category: str) -> str:
    """The fingerprint (16 hex digits) of weights, transform and prompt, for the photos of a category.

    Raises:
        PromptError: the prompt belongs to another model.
    """
    parts = hashlib.blake2b(digest_size=8)
    readout = embedder.backbone.readout
    parts.update(f"{category}/{embedder.fingerprint}/{readout}/{embedder.transform.fingerprint}".encode())
    if prompt is not None:
        embedder.check(prompt)
        parts.update(prompt.recipe.features.encode())
        if prompt.recipe.share not in (None, EQUAL_WEIGHT):  # even ones had no share in their files
            parts.update(f"{prompt.recipe.share:g}".encode())
        for view in prompt.views:
            parts.update(b"/" if view is None else b"".join(map(_bytes, view.parts)))
        for metric in (prompt.metric, prompt.beside):
            if metric is not None:
                parts.update(_bytes(metric.mean) + _bytes(metric.weight))
    return parts.hexdigest()


def prompt_bytes(prompt: Prompt | None) -> bytes:
    """The prompt file, to be kept in a table; nothing for the plain backbone."""
    if prompt is None:
        return b""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompt.safetensors"
        prompt.save(path)
        return path.read_bytes()


def prompt_from(data: bytes) -> Prompt | None:
    """The inverse of `prompt_bytes`.

    Raises:
        PromptError: the bytes are damaged.
    """
    if not data:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompt.safetensors"
        path.write_bytes(data)
        return Prompt.load(path)


def check_model(embedder: Embedder, fingerprint: str, *, uri: str) -> None:
    """Raises `GalleryError` where the gallery's embeddings are of another model than this one."""
    if embedder.fingerprint != fingerprint:
        raise GalleryError(
            f"{uri}: its photos are embedded with model {fingerprint}, this one is {embedder.fingerprint}: use that "
            "model, or move the gallery to this one with `vicp gallery reindex`"
        )


def _bytes(tensor: Tensor) -> bytes:
    return np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes()
