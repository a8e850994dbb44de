"""How a prompt moves the attention of the CLS token."""

import numpy as np
import torch
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vicp.errors import ConfigError
from vicp.evaluation.plots.canvas import DPI, INK, SOFT, font, percent, png
from vicp.model.backbone import Backbone, PromptStates

_GAP, _CAPTION = 14, 62  # CSS pixels between panels and below them
_SCALE = 2  # pixels of the PNG per CSS pixel
_HEAT = LinearSegmentedColormap.from_list("heat", ["#0b1026", "#5b1a6b", "#c8374f", "#f99b3d", "#fff3b0"])
_SHIFT = LinearSegmentedColormap.from_list("shift", ["#0a58c9", "#4f9bf5", "#ffffff", "#ff9a33", "#e05a00"])


def attention_map(backbone: Backbone, pixels: Tensor, states: PromptStates | None) -> Tensor:
    """Return the attention of the CLS token in the last layer, mean over heads: (B, gh, gw) float32, sum 1 per map.

    What goes to the prompt's keys, to registers and to CLS itself is left out before that sum is taken.

    Args:
        backbone: With a CLS token.
        pixels: Normalised photos (B, 3, H, W), of gh x gw patches.
        states: The prompt, from `Backbone.prompt_states`; None is the plain model.

    Raises:
        ConfigError: The backbone has no CLS token.
    """
    layers: list[Tensor] = []

    def observe(query: Tensor, key: Tensor, scaling: float | None) -> None:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        logits = query[:, :, :1].float() @ key.float().transpose(-1, -2) * scale  # (B, H, 1, M+P+N)
        layers[:] = [logits.softmax(dim=-1).mean(dim=1)[:, 0]]  # (B, M+P+N); the layer before is forgotten

    with torch.inference_mode():
        encoding = backbone.encode(pixels, states, observe=observe)
        if encoding.prefix.shape[1] == 0:
            raise ConfigError(
                f"{type(backbone.vit).__name__} has no CLS token whose attention could be shown; "
                f"choose another backbone"
            )
        patches = layers[0][:, -encoding.patches.shape[1] :]  # (B, N)
        grid = backbone.grid(pixels.shape[-2], pixels.shape[-1])
        shares: Tensor = (patches / patches.sum(dim=1, keepdim=True)).unflatten(1, grid)  # (B, gh, gw)
    return shares


def moved(without: NDArray[np.floating], with_prompt: NDArray[np.floating]) -> float:
    """Return the share of attention in [0, 1] that the prompt moves: half the sum of absolute differences."""
    return float(np.abs(np.subtract(with_prompt, without, dtype=np.float64)).sum() / 2)


def plot_attention_shift(
    photo: NDArray[np.uint8],
    without: NDArray[np.floating],
    with_prompt: NDArray[np.floating],
    *,
    photo_size: int = 320,
) -> bytes:
    """Return the photo, where the model looks with the prompt, and what the prompt changed there, side by side as PNG.

    Colours are full for the 3 % of patches with the most attention or change, so that one patch that draws it all
    does not hide the others; they are symmetric for more and less. A caption says how much was moved in all.

    Args:
        photo: (S, S, 3) uint8.
        without: (gh, gw) attention, sum 1, from `attention_map` without the prompt.
        with_prompt: Likewise with it.
        photo_size: Of each photo on the page; the PNG has twice as many pixels each way.

    Raises:
        ValueError: A photo or maps that do not fit together.
    """
    _check(photo, without, with_prompt)
    size = photo_size * _SCALE
    large = np.asarray(Image.fromarray(photo).resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)
    panels = {
        "photo": large,
        "where it looks with the prompt": heat_overlay(large, _enlarge(scaled(with_prompt), size)),
        "more (orange) or less (blue) than without it": shift_overlay(
            large, _enlarge(scaled(with_prompt - without), size)
        ),
    }
    share = moved(without, with_prompt)
    amount = "less than 1 %" if 0 < share < 0.01 else percent(round(share, 2))
    return _side_by_side(panels, ["", "", f"{amount} of its attention is elsewhere now"], photo_size)


def _side_by_side(panels: dict[str, NDArray[np.float64]], notes: list[str], photo_size: int) -> bytes:
    """Return panels by caption, with the caption and a note under each."""
    width, height = len(panels) * (photo_size + _GAP) - _GAP, photo_size + _CAPTION
    figure = Figure(figsize=(width * _SCALE / DPI, height * _SCALE / DPI), dpi=DPI, facecolor="white")
    for number, (caption, note) in enumerate(zip(panels, notes, strict=True)):
        left = number * (photo_size + _GAP)
        figure.figimage(panels[caption].round().astype(np.uint8), left * _SCALE, _CAPTION * _SCALE, origin="upper")
        for text, colour, y in ((caption, INK, _CAPTION - 10), (note, SOFT, _CAPTION - 34)):
            figure.text(left / width, y / height, text, color=colour, va="top", font=font(9.5))
    return png(figure)


def scaled(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return values in [-1, 1]: 1 and -1 for the 3 % of them farthest from 0 (at least one), 0 stays 0."""
    sizes = np.sort(np.abs(values), axis=None)
    full = sizes[-max(round(0.03 * sizes.size), 1)] or sizes[-1] or 1.0  # 0 where fewer than that differ from 0
    return np.clip(np.asarray(values, dtype=np.float64) / full, -1, 1)


def heat_overlay(photo: NDArray[np.floating], strength: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the photo (S, S, 3) in [0, 255] under colours from dark, at strength (S, S) 0, to bright, at 1."""
    strength = np.clip(strength, 0, 1)
    return _blend(0.8 * photo, _HEAT, strength, 0.45 + 0.25 * strength)


def shift_overlay(photo: NDArray[np.floating], strength: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the photo (S, S, 3) in grey under blue, at strength (S, S) -1, or orange, at 1; clear at 0."""
    strength = np.clip(strength, -1, 1)
    grey = photo @ np.array([0.299, 0.587, 0.114])  # (S, S)
    pale = np.repeat(0.35 * 255 + 0.6 * grey[..., None], 3, axis=2)  # (S, S, 3)
    return _blend(pale, _SHIFT, 0.5 + strength / 2, np.abs(strength))


def _blend(
    photo: NDArray[np.floating], colours: Colormap, value: NDArray[np.floating], opacity: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the colours of values (S, S) in [0, 1] over a photo (S, S, 3), as opaque as it says (S, S)."""
    paint: NDArray[np.float64] = 255 * np.asarray(colours(value), dtype=np.float64)[..., :3]  # (S, S, 3)
    blended: NDArray[np.float64] = photo + (paint - photo) * opacity[..., None]
    return blended


def _enlarge(values: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Return a map (gh, gw) as smooth (S, S)."""
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)


def _check(photo: NDArray[np.uint8], without: NDArray[np.floating], with_prompt: NDArray[np.floating]) -> None:
    if photo.ndim != 3 or photo.shape[0] != photo.shape[1] or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise ValueError(f"a photo is {photo.dtype} {photo.shape}; expected uint8 (S, S, 3)")
    if without.shape != with_prompt.shape or without.ndim != 2:
        raise ValueError(f"attention is {without.shape} and {with_prompt.shape}; expected (gh, gw) twice")
    if not (np.isfinite(without).all() and np.isfinite(with_prompt).all()):
        raise ValueError("attention holds values that are not finite; expected finite numbers")
