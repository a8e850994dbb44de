"""The picture of README.md: three of the answers of `vicp demo` on real photos.

python -m benchmarks.readme.picture
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

import vicp
from benchmarks.lib.program import ROOT, run
from vicp.cli.demo import ask_about_minifigures
from vicp.data.images import decode_photo
from vicp.evaluation.demo.results import AnsweredPhoto
from vicp.evaluation.plots.canvas import DPI, INK, SOFT, TRACK, font, png, words
from vicp.evaluation.report.demo import answer_words, truth_words

SHOWN = (2, 1, 8)  # of the answers: a right one, a wrong one, somebody new
BAR = "#0072b2"
_QUERY, _PHOTO, _GAP, _EDGE, _ROW = 150, 88, 20, 12, 200  # CSS pixels; a PNG has two for each
_WIDTH, _COLUMN, _NAME = 980, 190, 96
_INCH = DPI / 2  # CSS pixels


def main() -> None:
    answers = ask_about_minifigures(vicp.load("mini"))
    picture = plot_answers([answers[number] for number in SHOWN])
    Image.open(BytesIO(picture)).convert("RGB").quantize(256).save(ROOT / "docs" / "answer.png", optimize=True)


def plot_answers(answers: Sequence[AnsweredPhoto]) -> bytes:
    """Return a PNG with a row for each answer: the query, the sentence, three candidates, and somebody new.

    Raises:
        ValueError: No answers.
    """
    if not answers:
        raise ValueError("no answers to draw; expected at least one")
    height = len(answers) * _ROW + _EDGE
    figure = Figure(figsize=(_WIDTH / _INCH, height / _INCH), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    for row, one in enumerate(answers):
        top, left = _EDGE + row * _ROW, _EDGE + _QUERY + 2 * _GAP
        _draw_photo(figure, one.photo, _EDGE, top, _QUERY, height)
        said = words(answer_words(one), 80).partition("\n")[0]
        axes.text(left, top + 18, said, font=font(12.5, bold=True), color=INK)
        axes.text(left, top + 40, truth_words(one), font=font(10.5), color=SOFT)
        for column, (candidate, photo) in enumerate(zip(one.answer.candidates[:3], one.shown, strict=False)):
            x = left + column * _COLUMN
            _draw_photo(figure, photo, x, top + 58, _PHOTO, height)
            _bar(axes, x + _PHOTO + 10, top + 58, candidate.identity, candidate.probability)
        _bar(axes, left + 3 * _COLUMN + 20, top + 58, "somebody new", one.answer.probability_new or 0.0)
    return png(figure)


def _bar(axes: Axes, x: float, y: float, name: str, probability: float) -> None:
    """Write a name with its probability, and draw this as a bar."""
    axes.text(x, y + 24, words(name, 14).partition("\n")[0], font=font(10.5, bold=True), color=INK)
    shown = "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"
    axes.text(x, y + 44, shown, font=font(10.5), color=SOFT)
    for width, colour in ((_NAME - 30, TRACK), ((_NAME - 30) * probability, BAR)):
        axes.add_patch(Rectangle((x, y + 56), width, 7, facecolor=colour, linewidth=0))


def framed(data: bytes, size: int) -> NDArray[np.uint8]:
    """Return the whole photo (size, size, 3) uint8, in the middle of light grey where it is not square."""
    photo = decode_photo(data, min_side=size)
    scale = size / max(photo.size)
    photo = photo.resize([max(round(side * scale), 1) for side in photo.size], Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), TRACK)
    square.paste(photo, ((size - photo.width) // 2, (size - photo.height) // 2))
    return np.array(square)


def _draw_photo(figure: Figure, data: bytes, x: int, y: int, size: int, height: int) -> None:
    figure.figimage(framed(data, 2 * size), 2 * x, 2 * (height - y - size), origin="upper", zorder=-1)


if __name__ == "__main__":
    run(main)
