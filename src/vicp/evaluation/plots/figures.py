"""The plots of an evaluation as PNG: CMC, ROC and bars."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from vicp.evaluation.plots.canvas import (
    DASHES,
    HEIGHT,
    INK,
    LINE,
    MEDIUM,
    PALETTE,
    SMALL,
    SOFT,
    add_key,
    font,
    name_axes,
    new_axes,
    percent,
    percent_axis,
    png,
    words,
)
from vicp.evaluation.plots.identity_map import plot_identities
from vicp.evaluation.plots.similarities import plot_similarities
from vicp.evaluation.results import Estimate

Floats = NDArray[np.floating]
MAX_RANK, LEAST_RATE, OPERATING_RATE = 20, 1e-4, 1e-2
__all__ = ["plot_bars", "plot_cmc", "plot_identities", "plot_roc", "plot_similarities"]


def plot_cmc(curves: Mapping[str, Floats]) -> bytes:
    """Return a plot of the share of queries found among the first k photos, a line per method, the best first.

    Args:
        curves: (K,) in [0, 1] by method, for k = 1 to K; the first 20 are drawn.

    Raises:
        ValueError: No curves, or one that does not ascend in [0, 1].
    """
    _check(curves.values())
    figure, axes = new_axes(height=_height(curves))
    last = min(max(len(curve) for curve in curves.values()), MAX_RANK)
    for name, style in _styles({name: curve[0] for name, curve in curves.items()}).items():
        shares = curves[name][:MAX_RANK]
        axes.plot(np.arange(1, len(shares) + 1), shares, marker="o", markersize=6, clip_on=False, **style)
    axes.set_xlim(1 - 0.02 * last, last + 0.01 * last)
    axes.set_xticks([k for k in (1, 5, 10, 15, 20) if k <= last] if last > 5 else range(1, last + 1))
    lowest = min(float(curve[0]) for curve in curves.values())
    axes.set_ylim(max(np.floor(10 * lowest - 0.5) / 10, 0) if lowest > 0.3 else 0, 1)
    percent_axis(axes.yaxis)
    name_axes(axes, "photos looked at, most similar first", "queries found among them")
    add_key(axes, "first photo is right")
    return png(figure)


def plot_roc(curves: Mapping[str, tuple[Floats, Floats]]) -> bytes:
    """Return a plot of true matches over false ones, a line per method, from the lowest rate that its pairs can show.

    Args:
        curves: Rates of false and of true matches (K,), (K,) by method, ascending from 0 to 1.

    Raises:
        ValueError: No curves, or rates that do not ascend in [0, 1].
    """
    _check(rates for curve in curves.values() for rates in curve)
    figure, axes = new_axes(height=_height(curves))
    starts = {name: max(float(false[false > 0].min(initial=1.0)), LEAST_RATE) for name, (false, _) in curves.items()}
    least = min(10 ** np.floor(np.log10(min(starts.values())) + 1e-9), 0.1)
    chance = np.geomspace(least, 1, 400)
    axes.plot(chance, chance, color=LINE, linewidth=2, zorder=1)
    axes.text(0.16, 0.03, "chance", font=font(), color=SOFT)
    for name, style in _styles({n: true_at(c, np.array([OPERATING_RATE]))[0] for n, c in curves.items()}).items():
        rates = np.geomspace(starts[name], 1, 800)
        axes.plot(rates, true_at(curves[name], rates), **style)
    axes.set(xscale="log", xlim=(least, 1), ylim=(0, 1.01))
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_minor_formatter(NullFormatter())
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
    name_axes(axes, "false matches: different individuals called the same", "true matches")
    add_key(axes, f"at {percent(OPERATING_RATE)} false matches")
    return png(figure)


def true_at(curve: tuple[Floats, Floats], rates: Floats) -> NDArray[np.float64]:
    """Return the greatest rate of true matches with at most these rates of false ones: only thresholds that exist."""
    false, true = (np.asarray(rates, dtype=np.float64) for rates in curve)
    order = np.searchsorted(false, rates, side="right")
    return np.concatenate([[0.0], true])[order]


def plot_bars(values: Mapping[str, Estimate], *, title: str) -> bytes:
    """Return horizontal bars in percent in the given order, each with its 95 % interval where it has one.

    Args:
        values: By the name of each bar.
        title: Above them.

    Raises:
        ValueError: No values, or some that are not finite.
    """
    ends = [end for value in values.values() for end in (value.value, value.low, value.high) if end is not None]
    if not ends or not np.isfinite(ends).all():
        raise ValueError(f"{len(values)} values; expected at least one, all of them finite")
    figure, axes = new_axes(height=1.7 + 0.55 * len(values), grid="x")
    low, high = bar_range(ends)
    for row, value in enumerate(values.values()):
        axes.barh(row, value.value, height=0.6, color=PALETTE[5], linewidth=0)
        _draw_interval(axes, row, value)
        text = f"{100 * value.value:.1f} %".replace("-", "−")
        axes.text(high + 0.02 * (high - low), row, text, font=font(bold=True), color=INK, va="center_baseline")
    axes.set(xlim=(low, high), ylim=(len(values) - 0.4, -0.6))
    axes.set_yticks(range(len(values)), [words(name) for name in values], font=font(), color=INK)
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=LINE, linewidth=1.5)
    percent_axis(axes.xaxis)
    if any(value.low is not None and value.high is not None for value in values.values()):
        axes.set_xlabel("thin line: 95 % interval", font=font(), color=SOFT, labelpad=8)
    figure.suptitle(words(title, 64), font=font(MEDIUM, bold=True), color=INK, x=0.012, ha="left")
    return png(figure)


def bar_range(ends: Iterable[float]) -> tuple[float, float]:
    """Return the ends of the axis: 0 and 1 for values that spread far, otherwise closer to the values."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    if low == 0 and 0.5 < high <= 1:
        return 0.0, 1.0
    margin = 0.06 * ((high - low) or 1.0)
    return low - margin if low < 0 else 0.0, high + margin


def _draw_interval(axes: Axes, row: int, value: Estimate) -> None:
    """Draw a thin line from end to end of the interval, with a white rim that keeps it visible on its bar."""
    if value.low is None or value.high is None:
        return
    for colour, width in (("white", 5.0), (INK, 2.2)):
        axes.plot([value.low, value.high], [row, row], color=colour, linewidth=width, solid_capstyle="round")


def _styles(shares: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Return the line style of each method: colours in the given order, methods by falling share."""
    width = max(len(f"{100 * share:.1f}") for share in shares.values())
    styles = {
        name: {
            "color": PALETTE[number % len(PALETTE)],
            "linestyle": DASHES[number // len(PALETTE) % len(DASHES)],
            "linewidth": 2.6,
            "label": _label(share, name, width),
        }
        for number, (name, share) in enumerate(shares.items())
    }
    return {name: styles[name] for name in sorted(shares, key=lambda name: -shares[name])}


def _height(names: Iterable[str]) -> float:
    """Return the height in inches that a key of these names takes, at least that of other pictures."""
    labels = [_label(0.0, name, 5) for name in names]
    lines = len(labels) + sum(label.count("\n") for label in labels)
    return max(HEIGHT, 0.9 + (1.22 * SMALL * lines + 0.75 * SMALL * len(labels)) / 72)


def _label(share: float, name: str, width: int) -> str:
    """Return a share in percent and a name, aligned by figure spaces, which are as wide as a digit."""
    amount = f"{100 * share:.1f}".rjust(width, "\u2007")
    return f"{amount} %  {words(name, 19)}".replace("\n", "\n" + (width + 2) * "\u2007" + " ")


def _check(curves: Iterable[Floats]) -> None:
    """Raises `ValueError` unless there are curves and each ascends in [0, 1], up to the rounding of means."""
    curves = [np.asarray(curve) for curve in curves]
    if not curves:
        raise ValueError("no curves to draw; expected at least one")
    for curve in curves:
        steps = np.diff(curve, prepend=0.0, append=1.0) if curve.ndim == 1 and len(curve) else np.array([-1.0])
        if not (steps >= -1e-9).all():
            raise ValueError(f"a curve of shape {curve.shape} does not ascend in [0, 1]; expected (K,) that does")
