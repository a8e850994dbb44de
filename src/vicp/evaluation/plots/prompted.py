"""Plots of single photos under a prompt: matched patches, and attention."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.data.images import normalise, photo_pixels
from vicp.evaluation.plots.attention import attention_map, plot_attention_shift
from vicp.evaluation.plots.matches import plot_matches
from vicp.io import encode_image
from vicp.losses.alignment import sinkhorn_plan
from vicp.losses.triplet import cosine_similarity
from vicp.model.visual_prompt import VisualPrompt

_MATCHED_SIZE, _LOOKED_SIZE = 320, 640  # pixels that a photo is decoded with to be drawn


def plot_match(embedder: Embedder, prompt: VisualPrompt | None, pixels: Tensor, photos: tuple[bytes, bytes]) -> bytes:
    """Return two photos as PNG, with lines between the patches that optimal transport matches.

    Args:
        embedder: Whose backbone sees the photos.
        prompt: Under which it does; None is the plain backbone.
        pixels: (2, 3, S, S) uint8.
        photos: The same two, encoded.

    Raises:
        DataError: A photo that cannot be decoded.
    """
    with torch.inference_mode():
        states = None if prompt is None else embedder.backbone.prompt_states(torch.tensor(prompt.tokens))
        patches = embedder.backbone.encode(normalise(pixels, embedder.transform), states).patches.float()  # (2, N, D)
        plan = sinkhorn_plan(1 - cosine_similarity(patches[:1], patches[1:]))[0]  # (N, N)
    left, right = (_drawn(embedder, photo, _MATCHED_SIZE) for photo in photos)
    grid = embedder.backbone.grid(pixels.shape[-2], pixels.shape[-1])
    return encode_image(plot_matches(left, right, plan.numpy(), grid), "PNG")


def plot_attention(embedder: Embedder, prompt: VisualPrompt, pixels: Tensor, photo: bytes) -> bytes:
    """Return a photo, where the CLS token looks under the prompt, and what the prompt changed there, as PNG.

    Args:
        embedder: Whose backbone sees the photo.
        prompt: Under which it does.
        pixels: (1, 3, S, S) uint8.
        photo: The same, encoded.

    Raises:
        ConfigError: The backbone has no CLS token.
        DataError: A photo that cannot be decoded.
    """
    backbone, photos = embedder.backbone, normalise(pixels, embedder.transform)
    with torch.inference_mode():
        states = backbone.prompt_states(torch.tensor(prompt.tokens))
    without, with_prompt = (attention_map(backbone, photos, given)[0].numpy() for given in (None, states))
    return plot_attention_shift(_drawn(embedder, photo, _LOOKED_SIZE), without, with_prompt)


def _drawn(embedder: Embedder, photo: bytes, size: int) -> NDArray[np.uint8]:
    """Return a photo (size, size, 3), cut or squeezed as the model sees it."""
    return photo_pixels(photo, replace(embedder.transform, size=size))
