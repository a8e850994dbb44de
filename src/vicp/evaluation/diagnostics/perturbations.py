"""Perturbation probes: how much of the recognition comes from the background, by changed queries."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.data.seeds import derive_seed
from vicp.evaluation.results import Estimate
from vicp.evaluation.scoring import rank
from vicp.evaluation.task import RetrievalTask
from vicp.metrics import Retrieval, bootstrap_interval

Probe = Literal["as they are", "mirrored", "background only", "centre only"]
PROBES: tuple[Probe, ...] = get_args(Probe)

_AXES = 0.8  # of the ellipse, in sides of the photo: it covers half of it
_RIM = 0.15  # how wide the ellipse fades out, in its radii: a hard rim would be a shape of its own
_MUCH, _SOME = 0.5, 0.25  # of what is recognised
_BLOCK = 256  # photos changed at a time


def probe_pixels(pixels: Tensor, kind: Probe) -> Tensor:
    """Return the photos as changed for a probe, (n, 3, S, S) uint8.

    "mirrored" turns left and right. "background only" covers an ellipse in the middle of the photo, "centre only" all
    outside of it, with the mean colour of what stays visible, softly blended at the rim. Parts of an object that reach
    beyond the ellipse still show: what is found from "background only" is an upper bound of what the background is
    worth.

    Args:
        pixels: (n, 3, S, S) uint8.
        kind: Of probe.

    Raises:
        ValueError: Another dtype or shape, or no such probe.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:
        raise ValueError(f"got {pixels.dtype} {tuple(pixels.shape)}, expected uint8 (n, 3, S, S)")
    match kind:
        case "as they are":
            return pixels
        case "mirrored":
            return pixels.flip(-1)
        case "background only":
            return _cover(pixels, _ellipse(*pixels.shape[2:]))
        case "centre only":
            return _cover(pixels, 1 - _ellipse(*pixels.shape[2:]))
        case _:
            raise ValueError(f"no probe {kind!r}, expected one of {', '.join(PROBES)}")


def run_probes(
    embed: Callable[[Tensor], Tensor], query_pixels: Tensor, task: RetrievalTask, *, seed: int
) -> dict[str, Estimate]:
    """Return the mAP of the queries by probe, with its 95 % interval over identities where there are two or more.

    The interval of every probe comes from the same draws of identities.

    Args:
        embed: Pixels (n, 3, S, S) uint8 to embeddings (n, D), WITHOUT the mirror image, to which "mirrored" would be
            the same photo.
        query_pixels: (Q, 3, S, S) uint8.
        task: Q queries as they are, in a gallery; embeddings by the same `embed`.
        seed: Of the intervals.

    Raises:
        ValueError: No query has an answer in the gallery, or what `probe_pixels` and `retrieval` refuse.
    """
    estimates = {}
    for kind in PROBES:
        changed = torch.cat([embed(probe_pixels(block, kind)) for block in query_pixels.split(_BLOCK)])  # (Q, D)
        result = rank(replace(task, query=changed))
        estimates[kind] = _estimate(result, task.query_identities, derive_seed(seed, "probes"))
    return {str(kind): estimate for kind, estimate in estimates.items()}


def chance_map(task: RetrievalTask) -> float:
    """Return the mAP expected of a gallery in random order.

    With P positives among G rows, a positive at rank k has k - 1 rows ahead of it, of which a share (P - 1) / (G - 1)
    are positives too; averaged over k, AP = H / G + (P - 1) / (G - 1) * (1 - H / G), H the G-th harmonic number.

    Args:
        task: Without groups; where it has own rows, every query has one.

    Raises:
        ValueError: No query has an answer in the gallery.
    """
    leave_one_out = task.own_rows is not None
    count_of = Counter(task.gallery_identities.tolist())
    positives = np.array([count_of[name] for name in task.query_identities.tolist()]) - leave_one_out  # (Q,)
    positives = positives[positives > 0]
    if not len(positives):
        raise ValueError("no query has an answer in the gallery")
    size = len(task.gallery_identities) - leave_one_out
    first = float((1 / np.arange(1, size + 1)).mean())  # H / G
    return float((first + (positives - 1) / max(size - 1, 1) * (1 - first)).mean())


def probe_verdict(estimates: Mapping[str, Estimate], *, chance: float | None = None) -> str:
    """Return a sentence on what the background is worth and, where mirrored queries clearly lose, one on that.

    Args:
        estimates: By probe, as from `run_probes`.
        chance: mAP of a random order; what counts as recognised is then only what is above it.
    """
    whole, background = estimates["as they are"].value, estimates["background only"]
    floor = 0.0 if chance is None else chance
    if whole <= floor:
        against = "" if chance is None else f", not above chance ({_percent(chance)})"
        return f"Photos as they are reach {_percent(whole)} mAP{against}: nothing is recognised that could be probed."
    by_chance = "" if chance is None else f", chance alone gives {_percent(chance)}"
    return (
        f"Background alone keeps {100 * background.value / whole:.0f} % of the mAP "
        f"({_percent(background.value)} of {_percent(whole)}{by_chance}): {_amount(background, whole, floor)} what is "
        "recognised is the background."
    ) + _mirror_sentence(estimates["as they are"], estimates["mirrored"])


def _amount(background: Estimate, whole: float, floor: float) -> str:
    """Return how much of what is recognised above the floor, unless the interval holds both much and little."""
    ends = (background.value, background.low, background.high)
    kept, *interval = [(end - floor) / (whole - floor) for end in ends if end is not None]
    if interval and min(interval) < _SOME and max(interval) >= _MUCH:
        return "with so few identities it is open how much of"
    return "much of" if kept >= _MUCH else "some of" if kept >= _SOME else "little of"


def _mirror_sentence(whole: Estimate, mirrored: Estimate) -> str:
    if whole.low is None or mirrored.high is None or mirrored.high >= whole.low:
        return ""
    lost = 100 * (whole.value - mirrored.value)
    return f" Mirrored queries lose {lost:.0f} mAP: the two sides look different to the model."


def _ellipse(height: int, width: int) -> Tensor:
    """Return the weight of each pixel (H, W) in a central ellipse: 1 inside, 0 outside, in between at the rim."""
    y, x = ((2 * torch.arange(size) + 1) / size - 1 for size in (height, width))  # pixel centres, in (-1, 1)
    radius = torch.hypot(y[:, None], x[None, :]) / _AXES  # (H, W), 1 at the rim
    return ((1 - radius) / _RIM + 0.5).clamp(0, 1)


def _cover(pixels: Tensor, share: Tensor) -> Tensor:
    """Return photos in which a share (S, S) of each pixel is replaced by the mean colour of the visible part."""
    shown = 1 - share  # the mean of what is covered would give its colour away
    colour = (pixels * shown).sum(dim=(2, 3), keepdim=True, dtype=torch.float64) / shown.sum()  # (n, 3, 1, 1)
    return (pixels * (1 - share) + colour * share).round().to(torch.uint8)


def _estimate(found: Retrieval, identities: NDArray[Any], seed: int) -> Estimate:
    answered = found.first_hit > 0
    if not answered.any():
        raise ValueError("no query has an answer in the gallery")
    if len(np.unique(identities[answered])) < 2:
        return Estimate(found.map)
    return Estimate(found.map, *bootstrap_interval(found.average_precision, identities, seed=seed))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
