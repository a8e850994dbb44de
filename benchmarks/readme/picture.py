"""The picture of README.md: for a query of each of three categories that training never saw, what mini finds.

python -m benchmarks.readme.picture

Each query stands on the left, then its hits, right ones in green and wrong ones in red.
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.lib.program import ROOT, run
from vicp.adapt.load import load_model
from vicp.data.images import decode_photo
from vicp.evaluation.demo import run_demo
from vicp.evaluation.plots.canvas import DPI, INK, SOFT, TRACK, font, png, words
from vicp.evaluation.protocols.world_table import world_table
from vicp.evaluation.results import RankList

CATEGORIES, PAIRS, SEED = 3, 32, 0
RIGHT, WRONG = "#187a45", "#c5221f"
_PHOTO, _GAP, _HEAD, _CAPTION, _EDGE = 128, 18, 34, 58, 10  # CSS pixels; a PNG has two for each
_FIRST_HIT = 22  # further from the query than hits from each other
_INCH = DPI / 2  # CSS pixels
_TICK = ((-4.6, 0.2), (-1.4, 3.4), (4.8, -3.6))
_CROSS = (((-3.8, -3.8), (3.8, 3.8)), ((-3.8, 3.8), (3.8, -3.8)))


def main() -> None:
    table = world_table(num_categories=CATEGORIES, seed=SEED)
    report = run_demo(load_model("mini").without_progress(), table, source="", command="", num_pairs=PAIRS, seed=SEED)
    lists = [category.rank_lists[0] for category in report.categories]
    picture = Image.open(BytesIO(plot_rank_lists(lists))).convert("RGB")
    picture.reduce(2).quantize(256).save(ROOT / "docs" / "demo.png", optimize=True)


def plot_rank_lists(lists: Sequence[RankList]) -> bytes:
    """A row for each query: the photo, then its hits in order with a tick or a cross and their similarity.

    Right and wrong differ in colour, in the mark and in the line of the frame, so that one of them is enough.

    Raises:
        ValueError: no lists.
        DataError: bytes that are no photo.
    """
    if not lists:
        raise ValueError("no rank lists to draw; expected at least one")
    width = place(0, max(len(ranked.hits) for ranked in lists))[0] + _PHOTO + _EDGE
    height = place(len(lists), 0)[1] - _GAP
    figure = Figure(figsize=(width / _INCH, height / _INCH), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(place(0, 0)[0], 20, "query", font=font(10), color=SOFT)
    axes.text(place(0, 1)[0], 20, "found, most similar first", font=font(10), color=SOFT)
    for row, ranked in enumerate(lists):
        _draw_photo(figure, ranked.photo, place(row, 0), height)
        _write(axes, place(row, 0), ranked.identity, "")
        for rank, hit in enumerate(ranked.hits, 1):
            corner = place(row, rank)
            _draw_photo(figure, hit.photo, corner, height)
            _draw_verdict(axes, corner, right=hit.right)
            _write(axes, corner, f"{hit.similarity:.2f}".replace("-", "−"), hit.identity)
    return png(figure)


def place(row: int, column: int) -> tuple[int, int]:
    """The left and the top of a photo in CSS pixels; column 0 is the query, 1 its first hit."""
    x = _EDGE + column * (_PHOTO + _GAP) + (_FIRST_HIT if column else 0)
    return x, _HEAD + row * (_PHOTO + _CAPTION + _GAP)


def framed(data: bytes, size: int) -> NDArray[np.uint8]:
    """The whole photo (size, size, 3) uint8, in the middle of light grey where it is not square."""
    photo = decode_photo(data, min_side=size)
    scale = size / max(photo.size)
    photo = photo.resize([max(round(side * scale), 1) for side in photo.size], Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), TRACK)
    square.paste(photo, ((size - photo.width) // 2, (size - photo.height) // 2))
    return np.array(square)


def _draw_photo(figure: Figure, data: bytes, corner: tuple[int, int], height: int) -> None:
    x, y = corner
    figure.figimage(framed(data, 2 * _PHOTO), 2 * x, 2 * (height - y - _PHOTO), origin="upper", zorder=-1)


def _draw_verdict(axes: Axes, corner: tuple[int, int], *, right: bool) -> None:
    """A frame round the photo and a mark on its upper right corner: green and a tick, or red, dashed and a cross."""
    (x, y), colour = corner, RIGHT if right else WRONG
    for ink, width, line in (("white", 6.0, "-"), (colour, 2.6, "-" if right else (0, (3.2, 1.6)))):
        axes.add_patch(
            FancyBboxPatch(
                (x - 3, y - 3),
                _PHOTO + 6,
                _PHOTO + 6,
                boxstyle="round,pad=0,rounding_size=7",
                fill=False,
                edgecolor=ink,
                linewidth=width,
                linestyle=line,
            )
        )
    middle = (x + _PHOTO - 5, y + 5)
    axes.add_patch(Circle(middle, 11.5, facecolor=colour, edgecolor="white", linewidth=1.8, zorder=3))
    for stroke in (_TICK,) if right else _CROSS:
        across, down = (np.array(stroke) + middle).T
        axes.plot(across, down, color="white", linewidth=2, solid_capstyle="round", solid_joinstyle="round", zorder=4)


def _write(axes: Axes, corner: tuple[int, int], first: str, second: str) -> None:
    """Two lines below a photo."""
    x, y = corner[0], corner[1] + _PHOTO
    axes.text(x, y + 24, words(first, 14).partition("\n")[0], font=font(10.5, bold=True), color=INK)
    axes.text(x, y + 42, words(second, 16).partition("\n")[0], font=font(9.5), color=SOFT)


if __name__ == "__main__":
    run(main)
