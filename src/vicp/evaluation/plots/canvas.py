"""Axes, fonts and colours that all plots of an evaluation share; equal data gives equal bytes."""

import io
import textwrap
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

DPI = 200  # a page shows 100 of them per inch, so that a picture is sharp on any screen
WIDTH, HEIGHT = 10.0, 5.4  # inches: 1000 pixels wide on the page
INK, SOFT, LINE, TRACK = "#1c2024", "#5a626b", "#c3c8ce", "#eceef1"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b8860b", "#45a5dc", "#882255", "#4d5560")
"""Distinct with any kind of colour vision and clear on white; after Okabe and Ito, and Tol."""
DASHES = ("-", "--", ":")
SMALL, MEDIUM = 14, 15.5


def font(size: float = SMALL, *, bold: bool = False) -> FontProperties:
    """Return the font that comes with matplotlib: the same letters on every machine, whatever is set up there."""
    return FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")


def new_axes(*, height: float = HEIGHT, grid: Literal["x", "y", "both"] = "both") -> tuple[Figure, Axes]:
    """Return a white figure with one plot: no frame at the top and right, a light grid behind.

    Args:
        height: In inches.
        grid: The axes with grid lines, "x", "y" or "both".
    """
    figure = Figure(
        figsize=(WIDTH, height), dpi=DPI, facecolor="white", layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    )
    axes = figure.add_subplot(facecolor="white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(which="both", length=0, pad=10, labelcolor=SOFT, labelsize=SMALL, labelfontfamily="DejaVu Sans")
    axes.grid(axis=grid, color=TRACK, linewidth=1.2)
    axes.set_axisbelow(True)
    return figure, axes


def name_axes(axes: Axes, x: str, y: str) -> None:
    """Set the labels of both axes."""
    axes.set_xlabel(x, font=font(MEDIUM), color=INK, labelpad=10)
    axes.set_ylabel(y, font=font(MEDIUM), color=INK, labelpad=10)


def add_key(axes: Axes, title: str) -> None:
    """Add a key to the right of a plot, with its labelled lines in their colours."""
    key = axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        title=title,
        prop=font(bold=True),
        title_fontproperties=font(),
        labelcolor="linecolor",
        alignment="left",
        frameon=False,
        handlelength=1.3,
        handletextpad=0.6,
        labelspacing=0.7,
        borderpad=0,
    )
    key.get_title().set_color(SOFT)


def percent_axis(axis: Any) -> None:
    """Show the fractions on an axis of matplotlib as percent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))


def percent(fraction: float) -> str:
    """Return a fraction as percent with the sign, and no more digits than it takes: "0.01 %", "20 %"."""
    return f"{round(100 * fraction, 6) + 0.0:g} %".replace("-", "−")


def words(text: str, width: int = 26) -> str:
    """Return text as it can be drawn: at most three lines of a width, a box for letters that the font lacks."""
    drawable = get_font(findfont(font())).get_charmap()
    lines = textwrap.wrap("".join(c if ord(c) in drawable or c.isspace() else "□" for c in text), width)
    if len(lines) > 3:
        lines = [*lines[:2], lines[2][: width - 1] + "…"]
    return "\n".join(lines).replace("$", r"\$")  # a bare one would begin a formula


def png(figure: Figure) -> bytes:
    """Return the figure as PNG, with no date and no version inside."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
