"""Reliability of P(same) on real sets, as a picture."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

COLOURS = {"null": "#8a93a6", "metric": "#1f5fa8"}


def draw(sets: dict[str, Any], path: Path) -> None:
    """A panel per set: how often pairs said to be the same with P are, same and different weighing alike."""
    figure = Figure(figsize=(2.4 * len(sets), 2.9), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, one) in zip(panels, sets.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#c9ced8", linewidth=1, zorder=0)
        for method, row in one["methods"].items():
            p, frequency, _ = zip(*row["reliability"], strict=True)
            axes.plot(p, frequency, color=COLOURS[method], marker="o", markersize=3.5, linewidth=1.2, label=method)
        axes.set_title(name, fontsize=9)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=7)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_xlabel("P(same) said", fontsize=8)
    panels[0].set_ylabel("share that is the same", fontsize=8)
    panels[0].legend(fontsize=7, frameon=False)
    figure.savefig(path)
